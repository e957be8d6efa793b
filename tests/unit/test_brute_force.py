"""Exact search, judged by the enumeration of all permutations."""

import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import solve


def random_problem(seed):
    rng = np.random.default_rng(seed)
    size = 1 + seed % 6
    A, B, linear = rng.normal(size=(3, size, size))
    if seed % 5 == 0:
        A, B = np.round(A), np.round(B)
    if seed % 3 == 0:
        A, B = A + A.T, B + B.T
    return QAP(A, B, linear if seed % 2 else None, constant=float(seed))


@pytest.mark.parametrize("seed", range(60))
def test_no_permutation_is_better(seed):
    problem = random_problem(seed)
    matching = solve(problem, "brute-force")
    best = min(problem.cost(np.array(p)) for p in itertools.permutations(range(problem.size)))
    assert abs(matching.cost - best) <= matching.tolerance
    assert matching.optimal
    assert 0 <= matching.cost - matching.bound <= 1e-9


def test_a_time_limit_leaves_a_valid_bound():
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 12, 12)))
    cut = solve(problem, "brute-force", time_limit=1e-9)
    optimum = solve(problem, "brute-force")
    assert (cut.optimal, cut.status) == (False, "time limit")
    assert -np.inf < cut.bound < optimum.cost <= cut.cost


def test_larger_problems_are_refused_with_the_limit():
    with pytest.raises(BlindmatchError, match="max_size=12 items, found 13"):
        solve(QAP(np.eye(13), np.eye(13)), "brute-force")
    assert solve(QAP(np.eye(13), np.eye(13)), "brute-force", max_size=13).cost == 13
