"""Tabu search over swaps: gains are those of the cost, and no better neighbour is overlooked."""

import itertools

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers._local_search import tabu_search
from blindmatch.solvers._pair_costs import PairCosts

KINDS = ["symmetric", "asymmetric", "linear and diagonal", "several terms", "integers", "zeros"]


def random_problem(kind, size, seed, forbidden=False):
    rng = np.random.default_rng([size, seed])
    terms = 3 if kind == "several terms" else 1
    A, B = rng.normal(size=(2, terms, size, size))
    linear = rng.normal(size=(size, size)) if kind == "linear and diagonal" else None
    if kind == "symmetric":
        A, B = (X + X.transpose(0, 2, 1) for X in (A, B))
    if kind == "integers":
        A, B = np.round(A), np.round(B)
    if kind == "zeros":
        A, B = 0.0 * A, 0.0 * B
    mask = None
    if forbidden:
        mask = rng.random((size, size)) < 0.5
        mask[np.arange(size), rng.permutation(size)] = False
    return QAP(A if terms > 1 else A[0], B if terms > 1 else B[0], linear, 1.0, mask)


def neighbours(p):
    for r, s in itertools.combinations(range(len(p)), 2):
        q = p.copy()
        q[[r, s]] = q[[s, r]]
        yield q


@pytest.mark.parametrize("forbidden", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_gain_is_the_difference_of_costs(kind, size, forbidden):
    problem = random_problem(kind, size, 0, forbidden)
    costs, rng = PairCosts.of(problem), np.random.default_rng(1)
    start = problem.draw(rng)
    best, gain = tabu_search(costs, start, 20 * size, rng)
    assert gain == pytest.approx(problem.cost(best) - problem.cost(start), abs=1e-9)
    assert gain <= 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("forbidden", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_patience_of_one_is_descent_to_a_local_optimum(kind, forbidden, seed):
    problem = random_problem(kind, 9, seed, forbidden)
    costs, rng = PairCosts.of(problem), np.random.default_rng(seed)
    best, _ = tabu_search(costs, problem.draw(rng), 1, rng)
    least = min(problem.cost(q) for q in neighbours(best) if problem.feasible(q))
    assert problem.cost(best) <= least + 1e-9


def test_the_start_is_left_untouched():
    problem = random_problem("symmetric", 9, 0)
    start = np.arange(9)
    best, gain = tabu_search(PairCosts.of(problem), start, 90, np.random.default_rng(0))
    assert gain < 0.0
    assert not np.array_equal(best, start)
    assert np.array_equal(start, np.arange(9))


@pytest.mark.parametrize("size", [5, 6, 7])
def test_the_best_of_a_few_searches_is_the_optimum_of_a_small_problem(size):
    problem = random_problem("asymmetric", size, 3)
    costs, rng = PairCosts.of(problem), np.random.default_rng(0)
    found = [tabu_search(costs, rng.permutation(size), 5 * size, rng)[0] for _ in range(10)]
    least = min(problem.cost(np.array(p)) for p in itertools.permutations(range(size)))
    assert min(problem.cost(p) for p in found) == pytest.approx(least)


def test_a_forbidden_start_is_left():
    problem = random_problem("symmetric", 9, 0)
    problem = QAP(problem.A, problem.B, forbidden=np.eye(9, dtype=bool))
    best, _ = tabu_search(PairCosts.of(problem), np.arange(9), 90, np.random.default_rng(0))
    assert problem.feasible(best)


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_scales_do_not_matter(scale):
    problem = random_problem("symmetric", 12, 0)
    scaled = QAP(problem.A * scale, problem.B * scale)
    start = np.arange(12)
    found = [
        tabu_search(PairCosts.of(each), start, 120, np.random.default_rng(0))[0]
        for each in (problem, scaled)
    ]
    assert problem.cost(found[1]) == pytest.approx(problem.cost(found[0]))


def test_a_search_stops_when_it_is_told_to():
    problem = random_problem("symmetric", 120, 0)
    costs, asked = PairCosts.of(problem), []

    def stop():
        asked.append(True)
        return len(asked) == 3

    _, gain = tabu_search(costs, np.arange(120), 10**6, np.random.default_rng(0), stop=stop)
    assert len(asked) == 3
    assert gain < 0.0
