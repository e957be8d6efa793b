"""Dual ascent: bounds that hold, optima that are optima, searches that find them."""

import fractions
import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import solve
from blindmatch.solvers._dual_bound import cost_interval, dual_bound, gilmore_lawler_bound
from blindmatch.solvers._local_search import swap_change, tabu_search
from blindmatch.solvers._pair_costs import PairCosts
from blindmatch.solvers._sweep import ascend, first_duals


def random_problem(seed, size):
    rng = np.random.default_rng([seed, size])
    A, B, linear = rng.normal(size=(3, size, size))
    if seed % 4 == 0:
        A, B = np.round(A), np.round(B)
    if seed % 3 == 0:
        A, B = A + A.T, B + B.T
    if seed % 3 == 1:
        A = A + A.T
    return QAP(A, B, linear if seed % 2 else None, constant=float(seed))


def planted(size, noise, seed=0):
    """Distances of a cloud against those of its noisy, shuffled copy; and the shuffle."""
    rng = np.random.default_rng(seed)
    cloud, p = rng.normal(size=(size, 8)), rng.permutation(size)
    other = np.empty_like(cloud)
    other[p] = cloud + noise * rng.normal(size=cloud.shape)
    A, B = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (cloud, other))
    return QAP(-A, 2 * B, constant=np.sum(A**2) + np.sum(B**2)), p


def exact_cost(problem, p):
    """The cost in rational numbers."""
    exact = fractions.Fraction
    total = exact(problem.constant)
    for i, k in itertools.product(range(problem.size), repeat=2):
        total += exact(problem.A[i, k]) * exact(problem.B[p[i], p[k]])
    if problem.linear is not None:
        total += sum(exact(problem.linear[i, p[i]]) for i in range(problem.size))
    return total


@pytest.mark.parametrize("size", range(1, 8))
def test_costs_agree_with_brute_force_and_bounds_never_exceed_it(size):
    for seed in range(36):
        problem = random_problem(seed, size)
        optimum = solve(problem, "brute-force").permutation
        matching = solve(problem, "hahn-grant", seed=seed)
        assert matching.cost == pytest.approx(problem.cost(optimum), rel=1e-10, abs=1e-10)
        assert fractions.Fraction(matching.bound) <= exact_cost(problem, optimum)


@pytest.mark.parametrize("sweeps", [0, 1, 5])
@pytest.mark.parametrize("seed", range(12))
def test_duals_prove_their_bound_at_any_moment(seed, sweeps):
    problem = random_problem(seed, 6)
    optimum = solve(problem, "brute-force").permutation
    costs = PairCosts.of(problem)
    duals = first_duals(problem, costs)
    for _ in range(sweeps):
        order = np.argsort(duals.reduced, axis=None)
        duals.spread(0.1)
        ascend(costs.A, costs.B, duals.P, duals.Q, order, 0, 29)  # stops within the sweep
        duals.settle(costs)
    proof = dual_bound(problem, duals)
    exact = exact_cost(problem, optimum)
    assert fractions.Fraction(proof.value) <= exact
    assert proof.value >= duals.bound + problem.constant - 1e-9  # nothing is lost by proving
    # What is said of single assignments holds for the optimum's own.
    used = proof.reduced[np.arange(6), optimum]
    assert all(fractions.Fraction(proof.value) + fractions.Fraction(r) <= exact for r in used)


@pytest.mark.parametrize("seed", range(12))
def test_infeasible_duals_still_prove_a_valid_bound(seed):
    problem = random_problem(seed, 5)
    duals = first_duals(problem, PairCosts.of(problem))
    rng = np.random.default_rng(seed)
    duals.P += rng.normal(size=duals.P.shape)
    duals.Q += rng.normal(size=duals.Q.shape)
    for k in range(5):
        duals.P[k, k] = duals.Q[k, :, k] = 0.0
    optimum = solve(problem, "brute-force").permutation
    assert fractions.Fraction(dual_bound(problem, duals).value) <= exact_cost(problem, optimum)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.tuples(
            *[arrays(np.float64, (n, n), elements=st.floats(-1e8, 1e8)) for _ in range(3)]
        )
    )
)
def test_bounds_hold_in_exact_arithmetic_for_any_matrices(matrices):
    problem = QAP(*matrices)
    least = min(exact_cost(problem, p) for p in itertools.permutations(range(problem.size)))
    assert fractions.Fraction(gilmore_lawler_bound(problem)) <= least
    matching = solve(problem, "hahn-grant", max_sweeps=2)
    assert fractions.Fraction(matching.bound) <= least
    if matching.optimal:
        exact = exact_cost(problem, matching.permutation)
        assert exact - least <= fractions.Fraction(matching.tolerance) * 2


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-20, 1e20, 1e140])
def test_extreme_scales_do_not_break_the_bound(scale):
    base = random_problem(3, 5)
    problem = QAP(base.A * scale, base.B * scale if scale < 1e100 else base.B)
    optimum = solve(problem, "brute-force").permutation
    matching = solve(problem, "hahn-grant", max_sweeps=3)
    assert fractions.Fraction(matching.bound) <= exact_cost(problem, optimum)


@pytest.mark.parametrize("slug", ["hahn-grant", "brute-force"])
def test_costs_beyond_floating_point_are_refused(slug):
    huge = np.full((3, 3), 1e200)
    with pytest.raises(BlindmatchError, match="rescale the matrices"):
        solve(QAP(huge, huge), slug)


@pytest.mark.parametrize("seed", range(8))
def test_the_first_duals_are_the_gilmore_lawler_bound(seed):
    problem = random_problem(seed, 7)
    bound = first_duals(problem, PairCosts.of(problem)).bound + problem.constant
    assert bound == pytest.approx(gilmore_lawler_bound(problem))


@pytest.mark.parametrize("seed", range(12))
def test_plain_sweeps_never_lower_the_bound(seed):
    problem = random_problem(seed, 8)
    costs = PairCosts.of(problem)
    duals = first_duals(problem, costs)
    for _ in range(10):
        before = duals.bound
        order = np.argsort(duals.reduced, axis=None)
        duals.spread()
        ascend(costs.A, costs.B, duals.P, duals.Q, order, 0, len(order))
        duals.settle(costs)
        assert duals.bound >= before - 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_changes_of_swaps_and_gains_of_searches_are_those_of_the_cost(seed):
    problem = random_problem(seed, 7)
    costs = PairCosts.of(problem)
    rng = np.random.default_rng(seed)
    p = rng.permutation(7)
    ordered = np.ascontiguousarray(costs.B[:, p][:, :, p])
    for r, s in itertools.combinations(range(7), 2):
        q = p.copy()
        q[[r, s]] = q[[s, r]]
        change = swap_change(costs.A, ordered, costs.single, p, r, s)
        assert change == pytest.approx(problem.cost(q) - problem.cost(p), abs=1e-10)
    best, gain = tabu_search(costs.A, costs.B, costs.single, p, 50, rng)
    assert gain == pytest.approx(problem.cost(best) - problem.cost(p), abs=1e-10)


@pytest.mark.parametrize("seed", range(12))
def test_the_exact_cost_lies_in_its_interval(seed):
    problem = random_problem(seed, 6)
    p = np.random.default_rng(seed).permutation(6)
    low, high = cost_interval(problem, p)
    assert fractions.Fraction(low) <= exact_cost(problem, p) <= fractions.Fraction(high)
    assert high - low < 1e-12


@pytest.mark.parametrize(("size", "noise"), [(10, 0.3), (20, 0.2), (30, 0.1)])
def test_a_planted_matching_is_found_and_proved(size, noise):
    problem, p = planted(size, noise)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert np.array_equal(matching.permutation, p)
    assert matching.cost - matching.bound <= matching.tolerance


def test_isomorphic_matrices_are_matched_at_cost_zero():
    problem, p = planted(25, 0.0)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert np.array_equal(matching.permutation, p)


def test_many_optima_are_proved_by_the_gap():
    matching = solve(QAP(np.ones((8, 8)), np.ones((8, 8))), "hahn-grant")
    assert (matching.cost, matching.optimal) == (64.0, True)


def test_each_way_to_stop_is_reported():
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 14, 14)))
    assert solve(problem, "hahn-grant", max_sweeps=2).iterations == 2
    assert solve(problem, "hahn-grant", max_sweeps=2).status == "iteration limit"
    assert solve(problem, "hahn-grant", returned=0.0).status == "stalled"
    cut = solve(problem, "hahn-grant", time_limit=1e-9)
    assert cut.status == "time limit"
    assert -np.inf < cut.bound <= cut.cost


def test_returned_costs_lead_out_of_a_stall():
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 14, 14)))
    plain = solve(problem, "hahn-grant", returned=0.0)
    assert solve(problem, "hahn-grant").bound > plain.bound


def test_a_time_limit_within_a_sweep_keeps_what_was_reached():
    problem, _ = planted(60, 1.0)
    start = gilmore_lawler_bound(problem)
    cut = solve(problem, "hahn-grant", time_limit=0.3, starts=1)
    assert cut.status == "time limit"
    assert start < cut.bound < cut.cost


def test_duals_that_do_not_fit_are_refused():
    with pytest.raises(BlindmatchError, match=r"30 items need 0\.0 GB"):
        solve(QAP(np.eye(30), np.eye(30)), "hahn-grant", memory_limit=1e-6)


def test_progress_speaks_of_cost_bound_and_gap(monkeypatch):
    lines = []
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 10, 10)))
    solve(problem, "hahn-grant", max_sweeps=3, progress=lines.append)
    assert any(
        line.startswith("sweep 2: cost ") and "bound" in line and "gap" in line for line in lines
    )


def test_listing_the_solvers_does_not_import_numba():
    code = (
        "import sys, blindmatch.solvers as s; assert 'hahn-grant' in list(s.solvers);"
        "assert not {'numba', 'torch', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
