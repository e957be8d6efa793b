import math

import pytest

torch = pytest.importorskip("torch")

from blindmatch.alignment import klot  # noqa: E402
from blindmatch.alignment._klot import klot_to_plan, target  # noqa: E402
from blindmatch.alignment._sinkhorn import plan  # noqa: E402
from blindmatch.errors import BlindmatchError  # noqa: E402
from tests.unit.alignment.affinities import apart, cosines, differences, unit_rows  # noqa: E402

CONVERGED = {"iterations": 10_000, "tolerance": 1e-13}
#: Where plans are sharp, Sinkhorn's algorithm takes very long to such a tolerance.
SOFT = {"epsilon_teacher": 0.03, **CONVERGED}
SHAPES = [(8, 8), (6, 10), (10, 6)]


def gradient_of(function, *at):
    """Value, and gradients with respect to all arguments."""
    at = [each.clone().requires_grad_() for each in at]
    value = function(*at)
    return value.item(), *torch.autograd.grad(value, at)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("epsilons", [(0.05, 0.02), (0.05, 0.1), (0.5, 0.05)])
def test_the_gradient_is_that_of_differences(shape, epsilons):
    teacher, (eps, eps_teacher) = cosines(*shape, seed=1), epsilons

    def value(student):
        return klot(student, teacher, epsilon_student=eps, epsilon_teacher=eps_teacher, **CONVERGED)

    student = cosines(*shape, seed=2)
    _, gradient = gradient_of(value, student)
    expected = differences(value, student, 1e-4 * eps)
    assert apart(gradient, expected) < 1e-7
    # The paper's eq. 13 prints the teacher's epsilon.
    assert apart(gradient * eps / eps_teacher, expected) > 0.1


def test_the_gradient_reaches_the_students_rows():
    images, texts, teacher = unit_rows(7, 5, 1), unit_rows(9, 5, 2), cosines(7, 9, seed=3)

    def value(weights):
        rows = torch.nn.functional.normalize(images @ weights)
        return klot(rows @ texts.T, teacher, **SOFT)

    weights = torch.eye(5, dtype=torch.float64) + 0.1 * unit_rows(5, 5, 4)
    _, gradient = gradient_of(value, weights)
    assert apart(gradient, differences(value, weights, 1e-5)) < 1e-7


@pytest.mark.parametrize("shape", SHAPES)
def test_rows_and_columns_of_the_gradient_sum_to_zero(shape):
    teacher = cosines(*shape, seed=4)
    _, gradient = gradient_of(
        lambda student: klot(student, teacher, **SOFT), cosines(*shape, seed=5)
    )
    assert gradient.abs().max() > 0.1
    assert gradient.sum(dim=0).abs().max() < 1e-7
    assert gradient.sum(dim=1).abs().max() < 1e-7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_value_is_zero_only_for_equal_affinities_and_epsilons(dtype):
    one, other = (cosines(40, 30, seed=seed, dtype=dtype) for seed in (6, 7))
    same = {"epsilon_student": 0.05, "epsilon_teacher": 0.05}
    value, gradient = gradient_of(lambda student: klot(student, one, **same), one)
    assert abs(value) < 1e-9
    assert gradient.abs().max() < 1e-6
    assert klot(one, one) > 0.1  # the teacher's epsilon is smaller
    assert klot(other, one, **same) > 0.1
    assert klot(one + 1e-2 * other, one, **same) > 1e-6


def test_constants_added_to_rows_and_columns_change_nothing():
    student, teacher = cosines(12, 9, seed=8), cosines(12, 9, seed=9)
    rows, columns = torch.linspace(-1, 1, 12)[:, None], torch.linspace(0, 2, 9)
    expected = gradient_of(lambda student: klot(student, teacher, **SOFT), student)
    moved = gradient_of(
        lambda student: klot(student, teacher + columns - rows, **SOFT),
        student + rows + columns,
    )
    assert moved[0] == pytest.approx(expected[0], abs=1e-8)
    assert apart(moved[1], expected[1]) < 1e-8


def test_plans_of_mass_n_give_n_times_as_much():
    n, student, teacher = 15, cosines(15, 15, seed=10), cosines(15, 15, seed=11)
    goal = n * plan(teacher, 0.03, **CONVERGED)  # rows sum to 1, as in the paper

    def of_mass_n(student):
        return (goal * (goal.log() - (n * plan(student, 0.05, **CONVERGED)).log())).sum()

    value, gradient = gradient_of(lambda student: klot(student, teacher, **SOFT), student)
    assert of_mass_n(student).item() == pytest.approx(n * value, rel=1e-9)
    assert apart(n * gradient, differences(of_mass_n, student, 5e-6)) < 1e-7


def test_single_precision_agrees_with_double():
    student, teacher = (cosines(200, 200, seed=seed, dtype=torch.float32) for seed in (12, 13))
    single = gradient_of(lambda student: klot(student, teacher), student)
    double = gradient_of(lambda student: klot(student, teacher.double()), student.double())
    assert single[1].dtype == torch.float32
    assert single[0] == pytest.approx(double[0], rel=1e-6)
    assert apart(single[1], double[1]) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_and_autocast_is_off(dtype):
    student, teacher = (cosines(30, 30, seed=seed, dtype=dtype) for seed in (14, 15))
    expected = gradient_of(lambda student: klot(student, teacher.float()), student.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = student.clone().requires_grad_()
        value = klot(half, teacher)
        value.backward()
    assert value.dtype == torch.float32
    assert value.item() == expected[0]
    assert half.grad.equal(expected[1].to(dtype))


def test_the_teacher_gets_no_gradient():
    student, teacher = (cosines(5, 5, seed=seed).requires_grad_() for seed in (16, 17))
    klot(student, teacher).backward()
    assert teacher.grad is None
    assert not klot(student.detach(), teacher).requires_grad


def test_the_gradient_is_multiplied_by_what_comes_after():
    student, teacher = cosines(6, 6, seed=18), cosines(6, 6, seed=19)
    once = gradient_of(lambda student: klot(student, teacher), student)[1]
    thrice = gradient_of(lambda student: -3.0 * klot(student, teacher) + 1.0, student)[1]
    assert torch.allclose(thrice, -3.0 * once)


@pytest.mark.parametrize("epsilon", [0.05, 0.02])
def test_a_kept_plan_and_a_warm_start_give_the_same(epsilon):
    student, teacher = cosines(20, 30, seed=20), cosines(20, 30, seed=21)
    towards = target(teacher, 0.03, **CONVERGED)
    expected = gradient_of(
        lambda student: klot(student, teacher, epsilon_student=epsilon, **SOFT), student
    )
    options = {"epsilon": epsilon, "iterations": 1000, "tolerance": 1e-12}
    _, v = klot_to_plan(student, towards, **options)
    assert not v.requires_grad
    options["iterations"] = 2
    warm = gradient_of(
        lambda student: klot_to_plan(student, towards, start=v, **options)[0], student
    )
    cold = gradient_of(lambda student: klot_to_plan(student, towards, **options)[0], student)
    assert warm[0] == pytest.approx(expected[0], rel=1e-9)
    assert apart(warm[1], expected[1]) < 1e-9
    assert apart(cold[1], expected[1]) > 1e-6


def test_a_target_states_how_far_it_has_converged():
    teacher = cosines(30, 30, seed=22)
    rough, fine = (target(teacher, 0.02, iterations=most) for most in (10, 20_000))
    assert rough.iterations == 10
    assert rough.marginal_error > 1e-3
    assert fine.iterations < 20_000
    assert fine.marginal_error <= 1e-6
    assert torch.allclose(fine.row_sums, torch.full((30,), 1 / 30, dtype=torch.float64), atol=1e-6)
    assert fine.negative_entropy == pytest.approx(
        float(torch.xlogy(fine.plan, fine.plan).sum()), rel=1e-9
    )


@pytest.mark.parametrize(
    ("student", "teacher", "options", "said"),
    [
        (torch.zeros(3), torch.zeros(3, 3), {}, r"student: .* found shape \(3,\)"),
        (torch.zeros(3, 3), torch.zeros(3, 3, 3), {}, r"teacher: .* found shape \(3, 3, 3\)"),
        (torch.zeros(3, 4), torch.zeros(4, 3), {}, r"teacher: .*\(3, 4\), found \(4, 3\)"),
        (torch.full((3, 3), math.nan), torch.zeros(3, 3), {}, "student: expected finite"),
        (torch.zeros(3, 3), torch.full((3, 3), math.inf), {}, "teacher: expected finite"),
        (torch.zeros(3, 3), torch.zeros(3, 3), {"epsilon_student": 0.0}, "student: .* epsilon"),
        (torch.zeros(3, 3), torch.zeros(3, 3), {"epsilon_teacher": -1.0}, "teacher: .* epsilon"),
        (torch.zeros(3, 3), torch.zeros(3, 3), {"iterations": 0}, "at least 1 iteration"),
    ],
)
def test_what_has_no_divergence_is_refused(student, teacher, options, said):
    with pytest.raises(BlindmatchError, match=said):
        klot(student, teacher, **options)


def test_a_plan_of_another_shape_is_refused():
    towards = target(torch.zeros(3, 4), 0.01)
    with pytest.raises(BlindmatchError, match=r"student: .*\(3, 4\), found \(4, 3\)"):
        klot_to_plan(torch.zeros(4, 3), towards)
