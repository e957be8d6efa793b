"""The default solver: proofs where they are possible, honest gaps where they are not."""

import numpy as np
import pytest

from blindmatch.certificate import verify
from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import solve
from tests.problems import hurry_relaxation, planted_problem


def hard(size, seed=0):
    return QAP(*np.random.default_rng([size, seed]).normal(size=(2, size, size)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [7, 9])
def test_it_agrees_with_brute_force_where_the_ascent_leaves_a_gap(size, seed):
    problem = hard(size, seed)
    matching = solve(problem, seed=seed)
    assert matching.optimal
    assert matching.cost == pytest.approx(solve(problem, "brute-force").cost, rel=1e-12)
    assert verify(matching.certificate, problem).bound == matching.bound
    assert matching.cost - matching.bound <= matching.tolerance


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.4, 2.0])
def test_planted_matchings_are_proved_or_beaten(noise):
    problem, shuffle = planted_problem(14, noise)
    matching = solve(problem)
    assert matching.optimal
    assert matching.cost <= problem.cost(shuffle) + matching.tolerance
    assert np.array_equal(matching.permutation, shuffle) or noise > 0.1


def test_rectangular_and_partial_problems_are_proved():
    rng = np.random.default_rng(0)
    problem = QAP(rng.normal(size=(5, 5)), rng.normal(size=(7, 7)), rng.normal(size=(5, 7)))
    for options in ({}, {"anchors": [(0, 3)]}, {"unmatched": 0.0}):
        matching = solve(problem, **options)
        assert matching.optimal
        judge = solve(problem, "brute-force", **options)
        assert matching.cost == pytest.approx(judge.cost)


def test_the_relaxation_takes_over_from_a_tree_that_would_take_long(monkeypatch):
    problem = hard(10)
    alone = solve(problem, relax=False)
    hurry_relaxation(monkeypatch)
    lines = []
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    mixed = solve(problem, progress=lines.append)
    assert any(line.startswith("relaxation, ") for line in lines)
    assert (alone.optimal, mixed.optimal) == (True, True)
    assert alone.cost == mixed.cost
    assert mixed.certificate.factor is not None
    assert verify(mixed.certificate, problem).bound == mixed.bound
    lines.clear()
    solve(problem, relax_size=9, progress=lines.append)
    assert not any(line.startswith("relaxation, ") for line in lines)


def test_an_unfinished_proof_says_so():
    problem = hard(25)
    matching = solve(problem, time_limit=0.2)
    assert (matching.optimal, matching.status) == (False, "time limit")
    assert -np.inf < matching.bound < matching.cost
    assert matching.gap > 0


@pytest.mark.parametrize("problem", [QAP([[2.0]], [[3.0]]), QAP(np.zeros((5, 5)), np.ones((5, 5)))])
def test_trivial_problems_are_proved_even_without_time(problem):
    assert solve(problem).optimal
    matching = solve(problem, time_limit=0)
    assert matching.bound <= matching.cost == problem.cost(matching.permutation)


def test_duals_that_do_not_fit_are_refused():
    with pytest.raises(BlindmatchError, match=r"problem: the duals of 30 items need 0\.0 GB"):
        solve(QAP(np.eye(30), np.eye(30)), memory_limit=1e-6)


def test_what_is_too_large_for_a_tree_is_searched_until_time_is_up():
    problem = hard(12)
    found = solve(problem, "auto", memory_limit=3e-4, time_limit=0.3)
    assert found.status == "time limit"
    assert found.bound < found.cost
    assert verify(found.certificate, problem).bound == found.certificate.bound
    assert solve(problem, "auto", memory_limit=3e-4).status == "stalled"
