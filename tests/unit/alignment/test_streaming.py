import math

import pytest

torch = pytest.importorskip("torch")

from blindmatch.alignment import klot, streaming_klot  # noqa: E402
from blindmatch.errors import BlindmatchError  # noqa: E402
from tests.unit.alignment.affinities import apart, unit_rows  # noqa: E402


def both_ways(dtype=torch.float64, block=16, **options):
    """Value and gradients with matrices of affinities, and without."""
    shapes = [(70, 16), (45, 16), (70, 8), (45, 8)]  # no multiples of the block
    rows = [unit_rows(*shape, seed, dtype) for seed, shape in enumerate(shapes)]

    def dense(images, texts):
        return klot(images @ texts.T, rows[2] @ rows[3].T, **options)

    def streamed(images, texts):
        return streaming_klot(images, texts, *rows[2:], block=block, **options)

    for function in (dense, streamed):
        student = [each.clone().requires_grad_() for each in rows[:2]]
        value = function(*student)
        yield value, *torch.autograd.grad(2.0 * value, student)


@pytest.mark.parametrize("block", [1, 16, 1000])
@pytest.mark.parametrize("epsilon", [0.05, 0.02, 0.002])
def test_streaming_agrees_with_matrices(block, epsilon):
    dense, streamed = both_ways(block=block, epsilon_student=epsilon, epsilon_teacher=0.01)
    assert streamed[0].item() == pytest.approx(dense[0].item(), rel=1e-9)
    assert apart(streamed[1], dense[1]) < 1e-9
    assert apart(streamed[2], dense[2]) < 1e-9


@pytest.mark.parametrize("epsilon", [0.05, 0.01])
def test_streaming_agrees_with_matrices_in_single_precision(epsilon):
    dense, streamed = both_ways(torch.float32, epsilon_student=epsilon)
    assert streamed[0].dtype == streamed[1].dtype == torch.float32
    assert streamed[0].item() == pytest.approx(dense[0].item(), rel=1e-5)
    assert apart(streamed[1], dense[1]) < 1e-5
    assert apart(streamed[2], dense[2]) < 1e-5


def test_iterations_end_at_the_tolerance():
    few, many = (list(both_ways(iterations=most, tolerance=1e-3))[1][0] for most in (300, 30_000))
    assert few.item() == many.item()


def test_the_teachers_rows_get_no_gradient():
    rows = [unit_rows(6, 4, seed).requires_grad_() for seed in range(4)]
    streaming_klot(*rows).backward()
    assert [each.grad is None for each in rows] == [False, False, True, True]


def test_half_precision_is_raised_and_autocast_is_off():
    rows = [unit_rows(20, 8, seed, torch.bfloat16) for seed in range(4)]
    expected = streaming_klot(*[each.float() for each in rows])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert streaming_klot(*rows).equal(expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({0: torch.zeros(5)}, "student_images: expected a matrix"),
        ({1: torch.full((6, 4), math.nan)}, "student_texts: expected finite"),
        ({3: torch.zeros(6, 3)}, "teacher_texts: expected rows of 4 numbers .* found 3"),
        ({2: torch.zeros(7, 4)}, "teacher: expected 5 images and 6 texts .* found 7 and 6"),
        ({"epsilon_student": 0.0}, "student: expected a positive epsilon"),
        ({"epsilon_teacher": 0.0}, "teacher: expected a positive epsilon"),
        ({"iterations": 0}, "at least 1 iteration"),
        ({"block": 0}, "block: expected at least 1 row"),
    ],
)
def test_what_has_no_divergence_is_refused(changes, said):
    rows = dict(enumerate([torch.zeros(5, 4), torch.zeros(6, 4)] * 2))
    rows |= {place: changes.pop(place) for place in list(changes) if place in rows}
    with pytest.raises(BlindmatchError, match=said):
        streaming_klot(*rows.values(), **changes)
