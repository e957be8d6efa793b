"""The conventions of scipy, judged by scipy."""

import numpy as np
import pytest
import scipy.optimize

from blindmatch import quadratic_assignment
from blindmatch.errors import BlindmatchError

A, B = np.random.default_rng(0).normal(size=(2, 7, 7))


def trace(A, B, col_ind):
    P = np.eye(len(B))[col_ind]
    return np.trace(A.T @ P @ B @ P.T)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("partial_match", [None, [[0, 6], [3, 1]]])
def test_the_objective_is_that_of_scipy(maximize, partial_match):
    options = {"maximize": maximize, "partial_match": partial_match}
    theirs = scipy.optimize.quadratic_assignment(
        A, B, options={**options, "rng": np.random.default_rng(0)}
    )
    ours = quadratic_assignment(A, B, "brute-force", options)
    assert ours.fun == pytest.approx(trace(A, B, ours.col_ind))
    sign = -1 if maximize else 1
    assert sign * ours.fun <= sign * theirs.fun + 1e-9
    assert sign * ours.bound <= sign * ours.fun
    assert ours.optimal
    assert isinstance(ours, scipy.optimize.OptimizeResult)
    for row, column in partial_match or ():
        assert ours.col_ind[row] == column


def test_a_smaller_first_matrix_leaves_columns_free():
    found = quadratic_assignment(A[:4, :4], B, "brute-force")
    assert found.fun == pytest.approx(trace(A[:4, :4], B, found.col_ind))


def test_a_seed_or_a_generator_decides():
    def draw(rng):
        return quadratic_assignment(A, B, "random", {"rng": rng}).col_ind.tolist()

    assert draw(3) == draw(3) != draw(4)
    assert draw(None) == draw(None)
    rng = np.random.default_rng(0)
    assert draw(rng) == draw(np.random.default_rng(0)) != draw(rng)


def test_options_of_the_solver_are_passed_and_others_refused():
    assert quadratic_assignment(A, B, "brute-force", {"max_size": 7}).optimal
    assert quadratic_assignment(A, B, "brute-force", {"time_limit": 0}).message == "time limit"
    with pytest.raises(BlindmatchError, match="'brute-force' has no option 'P0'"):
        quadratic_assignment(A, B, "brute-force", {"P0": A})
    with pytest.raises(ValueError, match="A: expected real numbers"):
        quadratic_assignment(A * 1j, B, options={"maximize": True})
