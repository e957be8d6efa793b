"""Frank-Wolfe from random starts: SciPy's steps where SciPy can, and what it cannot."""

import numpy as np
import pytest
from scipy.optimize import quadratic_assignment

from blindmatch.qap import QAP
from blindmatch.solvers import solve
from blindmatch.solvers._pair_costs import PairCosts
from blindmatch.solvers.faq import _barycentre, frank_wolfe


def random_problem(size, seed, symmetric=True):
    A, B = np.random.default_rng([size, seed]).normal(size=(2, size, size))
    if symmetric:
        A, B = A + A.T, B + B.T
    for matrix in (A, B):
        np.fill_diagonal(matrix, 0.0)
    return QAP(A, B)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_from_the_same_matrix_it_ends_where_scipy_does(seed, symmetric):
    problem = random_problem(20, seed, symmetric)
    rng = np.random.default_rng(seed)
    start = np.mean([np.eye(20)[rng.permutation(20)] for _ in range(10)], axis=0)
    found = frank_wolfe(PairCosts.of(problem), start, 30, stop=lambda: False)
    peer = quadratic_assignment(problem.A, problem.B, options={"P0": start})
    assert np.array_equal(found, peer.col_ind)


def test_isomorphic_matrices_with_a_linear_hint_are_matched():
    rng = np.random.default_rng(0)
    p = rng.permutation(15)
    B = rng.normal(size=(15, 15))
    problem = QAP(-B[np.ix_(p, p)], B, linear=-np.eye(15)[p])
    assert np.array_equal(solve(problem, "faq", starts=20).permutation, p)


def test_starts_differ():
    problem = random_problem(40, 0)
    few, many = (solve(problem, "faq", starts=starts) for starts in (1, 30))
    assert (few.iterations, many.iterations) == (1, 30)
    assert many.cost < few.cost


def test_two_opt_follows():
    problem = random_problem(12, 1)
    matching = solve(problem, "faq", starts=3)
    for r in range(12):
        for s in range(r):
            p = matching.permutation.copy()
            p[[r, s]] = p[[s, r]]
            assert problem.cost(p) >= matching.cost - 1e-9


def test_anchors_are_kept():
    problem = random_problem(10, 2)
    matching = solve(problem, "faq", anchors=[(0, 7), (3, 2)], starts=10)
    assert (matching.permutation[0], matching.permutation[3]) == (7, 2)


def test_rows_may_stay_unmatched():
    problem = random_problem(6, 3)
    matching = solve(problem, "faq", unmatched=-1e3, starts=10)
    assert matching.permutation.tolist() == [-1] * 6
    assert matching.cost == pytest.approx(-6e3)


def test_a_time_limit_of_zero_gives_a_valid_matching():
    problem = random_problem(10, 4)
    matching = solve(problem, "faq", time_limit=0)
    assert (matching.iterations, matching.status) == (0, "time limit")
    assert matching.cost == problem.cost(matching.permutation)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_single_run_of_the_paper_is_that_of_scipy(seed, symmetric):
    problem = random_problem(20, seed, symmetric)
    matching = solve(problem, "faq", starts=1, barycentre=True, refine=False)
    peer = quadratic_assignment(problem.A, problem.B)
    assert np.array_equal(matching.permutation, peer.col_ind)
    assert matching.cost == pytest.approx(peer.fun)


def test_only_the_first_start_is_the_barycentre():
    problem = random_problem(30, 0)
    single, several, random = (
        solve(problem, "faq", starts=starts, barycentre=barycentre, refine=False)
        for starts, barycentre in ((1, True), (20, True), (20, False))
    )
    assert several.cost < single.cost
    assert not np.array_equal(random.permutation, single.permutation)


def test_refinement_is_as_asked_for():
    problem = random_problem(40, 3)
    rough, fine = (
        solve(problem, "faq", starts=1, iterations=1, refine=refine) for refine in (False, True)
    )
    assert fine.cost < rough.cost


def test_the_barycentre_leaves_out_forbidden_pairs():
    allowed = np.ones((5, 5), dtype=bool)
    allowed[0, 1:] = allowed[1:, 0] = False
    allowed[2, 2] = False
    matrix = _barycentre(allowed)
    assert np.all(matrix[~allowed] == 0.0)
    assert np.all(matrix[allowed] > 0.0)
    assert matrix.sum(axis=0) == pytest.approx(np.ones(5))
    assert matrix.sum(axis=1) == pytest.approx(np.ones(5))
    assert np.ptp(_barycentre(np.ones((4, 4), dtype=bool))) == 0.0
