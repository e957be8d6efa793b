import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

torch = pytest.importorskip("torch")

from blindmatch.alignment import _sinkhorn  # noqa: E402
from blindmatch.alignment._sinkhorn import perplexity, plan, potentials, row_blocks, solve_by_blocks  # noqa: E402
from blindmatch.errors import BlindmatchError  # noqa: E402
from tests.unit.alignment.affinities import apart, cosines  # noqa: E402


def in_log_domain(affinity, epsilon, iterations, dtype=torch.float64):
    """Potentials by the reference."""
    return solve_by_blocks(
        lambda rows: affinity[rows].to(dtype, copy=True),
        row_blocks(affinity, 7),
        torch.zeros(affinity.shape[1], dtype=torch.float64),
        epsilon,
        iterations=iterations,
        tolerance=0.0,
    )


@pytest.mark.parametrize("shape", [(30, 30), (20, 45), (45, 20)])
@pytest.mark.parametrize("epsilon", [0.5, 0.05, 0.03])
def test_plans_agree_with_those_of_pot(shape, epsilon):
    ot = pytest.importorskip("ot")
    affinity = cosines(*shape, seed=1)
    a, b = (np.full(length, 1.0 / length) for length in shape)
    options = {"method": "sinkhorn_log", "numItermax": 10_000, "stopThr": 1e-11}
    expected = ot.sinkhorn(a, b, -affinity.numpy(), epsilon, **options)
    found = plan(affinity, epsilon, iterations=10_000, tolerance=1e-11)
    assert apart(found, torch.from_numpy(expected)) < 1e-8


@pytest.mark.parametrize("epsilon", [0.05, 0.01, 0.005])
def test_the_fast_path_makes_the_iterates_of_the_log_domain(epsilon):
    affinity = cosines(40, 50, seed=2)
    for iterations in (1, 3, 30):
        fast = potentials(affinity, epsilon, iterations=iterations)
        slow = in_log_domain(affinity, epsilon, iterations)
        sums = fast.u[:, None] + fast.v, slow.u[:, None] + slow.v
        assert torch.allclose(*sums, rtol=0, atol=1e-9)
        assert fast.marginal_error == pytest.approx(slow.marginal_error, rel=1e-6)
        assert fast.iterations == slow.iterations == iterations


@pytest.mark.parametrize("epsilon", [0.05, 0.026, 0.01, 0.005])
def test_single_precision_agrees_with_double(epsilon):
    affinity = cosines(60, 60, seed=3, dtype=torch.float32)
    found = plan(affinity, epsilon, iterations=200)
    assert found.dtype == torch.float32
    assert apart(found, plan(affinity.double(), epsilon, iterations=200)) < 1e-4 * 0.01 / epsilon


@pytest.mark.parametrize("widest", [0, 20])
def test_the_log_domain_holds_in_single_precision(widest):
    affinity = cosines(60, 60, seed=3) + widest * torch.linspace(0, 1, 60)
    single, double = (in_log_domain(affinity, 0.05, 80, dtype) for dtype in _sinkhorn._WIDEST)
    sums = single.u[:, None] + single.v, double.u[:, None] + double.v
    assert torch.allclose(*sums, rtol=0, atol=1e-3 if widest else 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sharp_plan_is_the_best_assignment(dtype):
    affinity = cosines(9, 9, seed=4, dimension=3, dtype=dtype)
    found = plan(affinity, 0.001, iterations=5000)  # exponentials would underflow
    expected = torch.zeros(9, 9, dtype=dtype)
    expected[linear_sum_assignment(-affinity.numpy())] = 1 / 9
    assert torch.allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("widest", [2, 20, 200])
def test_constants_added_to_rows_and_columns_change_nothing(widest):
    affinity, options = cosines(20, 30, seed=5), {"iterations": 20_000, "tolerance": 1e-12}
    rows, columns = (widest * torch.linspace(-1, 1, length) for length in (20, 30))
    expected = plan(affinity, 0.05, **options)
    assert apart(plan(affinity + rows[:, None] + columns, 0.05, **options), expected) < 1e-8


def test_marginals_are_uniform_up_to_the_error_that_is_stated():
    affinity, errors = cosines(40, 25, seed=6), []
    for iterations in (1, 10, 100):
        solved = potentials(affinity, 0.02, iterations=iterations)
        entries = torch.exp(affinity / 0.02 + solved.u[:, None] + solved.v)
        missed = float((entries.sum(dim=1) - 1 / 40).abs().sum())
        assert torch.allclose(entries.sum(dim=0), torch.full((25,), 1 / 25, dtype=torch.float64))
        assert 0.3 * solved.marginal_error < missed <= solved.marginal_error + 1e-12
        errors.append(solved.marginal_error)
    assert errors[0] > 4 * errors[1] > 16 * errors[2]


def test_iterations_end_at_the_tolerance():
    affinity = cosines(40, 40, seed=7)
    solved = potentials(affinity, 0.05, iterations=1000, tolerance=1e-6)
    assert solved.marginal_error <= 1e-6
    assert solved.iterations < 100
    assert potentials(affinity, 0.05, iterations=solved.iterations).u.equal(solved.u)
    assert potentials(affinity, 0.05, iterations=3, tolerance=1e-6).iterations == 3


@pytest.mark.parametrize("widest", [0, 200])
def test_a_warm_start_ends_where_a_cold_one_does_and_sooner(widest):
    columns = widest * torch.linspace(0, 1, 30)
    affinity, options = cosines(30, 30, seed=8) + columns, {"iterations": 5000, "tolerance": 1e-9}
    before = potentials(affinity, 0.05, **options)
    moved = affinity + 1e-3 * 0.05 * cosines(30, 30, seed=9)
    cold = potentials(moved, 0.05, **options)
    warm = potentials(moved, 0.05, start=before.v, **options)
    assert cold.marginal_error <= 1e-9
    assert warm.iterations < cold.iterations
    assert torch.allclose(warm.u[:, None] + warm.v, cold.u[:, None] + cold.v, atol=1e-5)


def test_no_gradient_flows_through_a_plan():
    affinity = cosines(5, 5, seed=10).requires_grad_()
    assert not plan(affinity, 0.05).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_and_autocast_is_off(dtype):
    affinity = cosines(30, 30, seed=11, dtype=dtype)
    expected = plan(affinity.float(), 0.05)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = plan(affinity, 0.05)
    assert found.dtype == torch.float32
    assert found.equal(expected)


def test_memory_order_does_not_matter():
    affinity = cosines(30, 20, seed=12)
    assert torch.allclose(plan(affinity.T.contiguous().T, 0.05), plan(affinity, 0.05), rtol=1e-12)


def test_perplexity_is_the_number_of_texts_an_image_is_spread_over():
    assert perplexity(torch.ones(4, 7)) == pytest.approx(7.0)
    assert perplexity(torch.eye(5) / 5) == pytest.approx(1.0)
    mixed = torch.tensor([[1.0, 0, 0, 0], [3.0, 3, 3, 3]])
    assert perplexity(mixed) == pytest.approx(math.sqrt(1 * 4))


@pytest.mark.parametrize(
    ("affinity", "options", "said"),
    [
        (torch.zeros(3), {}, r"expected a matrix .* found shape \(3,\)"),
        (torch.zeros(0, 3), {}, r"expected a matrix .* found shape \(0, 3\)"),
        (torch.zeros(3, 3, dtype=torch.int64), {}, "expected a tensor of real numbers"),
        (np.zeros((3, 3)), {}, "expected a tensor of real numbers, found ndarray"),
        (torch.full((3, 3), math.nan), {}, "expected finite numbers"),
        (torch.tensor([[0.0, math.inf]]), {}, "expected finite numbers"),
        (torch.zeros(3, 3), {"epsilon": 0.0}, "expected a positive epsilon, found 0.0"),
        (torch.zeros(3, 3), {"epsilon": math.nan}, "expected a positive epsilon"),
        (torch.zeros(3, 3), {"iterations": 0}, "expected at least 1 iteration, found 0"),
        (torch.zeros(3, 3), {"start": torch.zeros(4)}, r"start: expected shape \(3,\)"),
    ],
)
def test_what_has_no_plan_is_refused(affinity, options, said):
    with pytest.raises(BlindmatchError, match=said):
        potentials(affinity, **{"epsilon": 0.05, "iterations": 10, **options})
