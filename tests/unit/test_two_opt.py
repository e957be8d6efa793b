"""2-opt: a local optimum of pair exchanges, from random starts."""

import itertools

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers import solve


def random_problem(size, seed=0):
    A, B, linear = np.random.default_rng([size, seed]).normal(size=(3, size, size))
    return QAP(A, B, linear)


@pytest.mark.parametrize("seed", range(5))
def test_no_exchange_of_two_columns_improves_the_result(seed):
    problem = random_problem(12)
    matching = solve(problem, "two-opt", starts=1, seed=seed)
    for r, s in itertools.combinations(range(12), 2):
        p = matching.permutation.copy()
        p[[r, s]] = p[[s, r]]
        assert problem.cost(p) >= matching.cost - 1e-9


def test_starts_differ_and_the_best_counts():
    problem = random_problem(30)
    few, many = (solve(problem, "two-opt", starts=starts) for starts in (1, 50))
    assert (few.iterations, many.iterations) == (1, 50)
    assert many.cost < few.cost
    assert (many.optimal, many.bound, many.status) == (False, -np.inf, "iteration limit")


def test_without_a_number_of_starts_the_time_limit_ends_it():
    matching = solve(random_problem(30), "two-opt", starts=None, time_limit=0.1)
    assert matching.iterations > 1
    assert matching.status == "time limit"


def test_anchors_are_kept():
    matching = solve(random_problem(10), "two-opt", anchors=[(0, 7), (3, 2)])
    assert (matching.permutation[0], matching.permutation[3]) == (7, 2)
