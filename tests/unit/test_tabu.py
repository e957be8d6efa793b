"""The memetic tabu search as a solver: anytime, reproducible, within its limits."""

from itertools import pairwise

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers import solve


def random_problem(size, seed=0):
    A, B = np.random.default_rng([size, seed]).normal(size=(2, size, size))
    return QAP(A + A.T, B + B.T)


@pytest.mark.parametrize("seed", range(10))
def test_small_problems_are_solved(seed):
    rng = np.random.default_rng(seed)
    problem = QAP(*rng.normal(size=(3, 8, 8)), constant=3.0)
    matching = solve(problem, "tabu", searches=100)
    assert matching.cost == pytest.approx(solve(problem, "brute-force").cost)
    assert (matching.optimal, matching.bound) == (False, -np.inf)


def test_it_ends_after_the_searches_asked_for():
    matching = solve(random_problem(15), "tabu", searches=7)
    assert (matching.iterations, matching.status) == (7, "iteration limit")


def test_it_ends_at_the_time_limit():
    matching = solve(random_problem(40), "tabu", searches=None, time_limit=0.2)
    assert matching.status == "time limit"
    assert matching.iterations > 1
    assert matching.seconds >= 0.2


def test_a_time_limit_of_zero_gives_a_valid_matching():
    problem = random_problem(10)
    matching = solve(problem, "tabu", time_limit=0)
    assert (matching.iterations, matching.status) == (0, "time limit")
    assert matching.cost == problem.cost(matching.permutation)


def test_the_history_tells_every_improvement():
    matching = solve(random_problem(40), "tabu", searches=100)
    seconds, costs, bounds = np.array(matching.history).T
    assert len(costs) > 3
    assert all(a <= b for a, b in pairwise(seconds))
    assert all(a > b for a, b in pairwise(costs[:-1]))
    assert (costs[-1], seconds[-1]) == (matching.cost, matching.seconds)
    assert np.all(bounds == -np.inf)


def test_more_searches_continue_fewer():
    problem = random_problem(40)
    few, many = (solve(problem, "tabu", searches=count) for count in (30, 120))
    costs = [cost for _, cost, _ in many.history]
    assert few.cost in costs
    assert many.cost < few.cost


def test_anchors_and_free_columns():
    A = np.random.default_rng(0).normal(size=(6, 6))
    B = np.random.default_rng(1).normal(size=(8, 8))
    problem = QAP(A, B)
    matching = solve(problem, "tabu", anchors=[(0, 7), (3, 2)], searches=200)
    assert (matching.permutation[0], matching.permutation[3]) == (7, 2)
    exact = solve(problem, "brute-force", anchors=[(0, 7), (3, 2)])
    assert matching.cost == pytest.approx(exact.cost)


def test_progress_is_told(monkeypatch):
    from blindmatch.progress import Ticker

    monkeypatch.setattr(Ticker, "__init__", quick_ticker(Ticker.__init__))
    sentences = []
    solve(random_problem(20), "tabu", searches=3, progress=sentences.append)
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "1 searches",
        "2 searches",
        "3 searches",
    ]


def quick_ticker(usual):
    def begin(self, report, interval=5.0):
        usual(self, report, 0.0)

    return begin
