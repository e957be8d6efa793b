import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import cross_entropy  # noqa: E402

from blindmatch.alignment._divergences import cka, info_nce  # noqa: E402
from blindmatch.errors import BlindmatchError  # noqa: E402
from tests.unit.alignment.affinities import cosines  # noqa: E402

BOTH = pytest.mark.parametrize("divergence", [cka, info_nce])


@BOTH
def test_gradients_are_those_of_differences(divergence):
    teacher = cosines(6, 9, seed=1)
    student = cosines(6, 9, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda student: divergence(student, teacher), student)


@BOTH
def test_the_teacher_gets_no_gradient(divergence):
    student, teacher = (cosines(5, 5, seed=seed).requires_grad_() for seed in (3, 4))
    divergence(student, teacher).backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None


@BOTH
def test_half_precision_is_raised_and_autocast_is_off(divergence):
    student, teacher = (cosines(30, 20, seed=seed, dtype=torch.bfloat16) for seed in (5, 6))
    expected = divergence(student.float(), teacher.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = divergence(student, teacher)
    assert found.equal(expected)


@BOTH
def test_other_shapes_are_refused(divergence):
    with pytest.raises(BlindmatchError, match=r"teacher: .*\(3, 4\), found \(4, 3\)"):
        divergence(torch.zeros(3, 4), torch.zeros(4, 3))


def test_cka_is_the_cosine_of_centred_matrices():
    student, teacher = cosines(8, 8, seed=7), cosines(8, 8, seed=8)
    H = np.eye(8) - 1 / 8
    K, L = (H @ each.numpy() @ H for each in (student, teacher))
    expected = 1 - (K * L).sum() / np.sqrt((K**2).sum() * (L**2).sum())
    assert cka(student, teacher).item() == pytest.approx(expected)


def test_cka_does_not_see_scale_and_constants_of_rows_and_columns():
    student, teacher = cosines(8, 12, seed=9), cosines(8, 12, seed=10)
    moved = 3 * student + torch.linspace(0, 4, 8)[:, None] + torch.linspace(0, 4, 12)
    assert cka(moved, teacher).item() == pytest.approx(cka(student, teacher).item())
    assert cka(moved, student).item() == pytest.approx(0.0, abs=1e-12)
    assert cka(-moved, student).item() == pytest.approx(2.0)


def test_cka_of_a_constant_matrix_is_finite():
    student = torch.zeros(6, 6, requires_grad=True)
    value = cka(student, cosines(6, 6, seed=11, dtype=torch.float32))
    value.backward()
    assert value.item() == 1.0
    assert student.grad.isfinite().all()


def test_info_nce_with_an_identity_as_teacher_is_the_loss_of_clip():
    student = cosines(10, 10, seed=12)
    logits, labels = student / 0.07, torch.arange(10)
    expected = (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2
    teacher = torch.eye(10, dtype=torch.float64)
    found = info_nce(student, teacher, epsilon_student=0.07, epsilon_teacher=0.01)
    assert found.item() == pytest.approx(expected.item())


def test_info_nce_counts_rows_and_columns_half_each():
    student, teacher = cosines(7, 11, seed=13), cosines(7, 11, seed=14)
    total = 0.0
    for dim in (0, 1):
        target = torch.softmax(teacher / 0.02, dim)
        parts = target * (target.log() - torch.softmax(student / 0.05, dim).log())
        total += parts.sum(dim).mean().item() / 2
    found = info_nce(student, teacher, epsilon_student=0.05, epsilon_teacher=0.02)
    assert found.item() == pytest.approx(total)
    assert info_nce(student.T, teacher.T, epsilon_teacher=0.02).item() == pytest.approx(total)


def test_info_nce_is_zero_for_equal_affinities_and_temperatures():
    affinity, same = cosines(9, 9, seed=15), {"epsilon_student": 0.05, "epsilon_teacher": 0.05}
    assert info_nce(affinity, affinity, **same).item() == pytest.approx(0.0, abs=1e-12)
    assert info_nce(affinity, affinity).item() > 0.1


@pytest.mark.parametrize("which", ["student", "teacher"])
def test_info_nce_refuses_a_temperature_of_zero(which):
    with pytest.raises(BlindmatchError, match=f"{which}: expected a positive epsilon"):
        info_nce(torch.eye(3), torch.eye(3), **{f"epsilon_{which}": 0.0})
