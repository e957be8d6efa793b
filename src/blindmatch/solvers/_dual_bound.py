"""From duals in floating point to a bound that holds in real numbers.

Take the numbers of the problem and of the duals as they are stored, as exact real numbers. For any
permutation p (notation of `_sweep`; pairs are unordered, C_ik,jl = A_ik B_jl + A_ki B_lj)

    cost(p) = constant + sum_i L[i,p(i)] + sum_{i<k} R[i,p(i),k,p(k)]
           >= constant + min_q sum_i L[i,q(i)] + sum_{i<k} m_ik,   m_ik = min_{j != l} R[i,j,k,l],

whatever the duals are: feasible duals have m >= 0, and rounding makes some m slightly negative.
With unit roundoff u = 2^-53, a sum of n terms in any order, each with at most one rounding of its
own, errs by at most gamma_n = n u / (1 - n u) times the sum of absolute values (Higham, Accuracy
and Stability, ch. 3 and 4; fused multiply-adds only help). We use 2 (n + 4) u, twice what is
needed, which also pays for the rounding of the error bounds themselves, and add `_TINY` for
underflow.

* R has six terms: its error is at most 20 u (2 max|A| max|B| + 2 max|P| + 2 max|Q|).
* L has 2 N terms and the two of `single`: an error of 2 (2 N + 6) u times its absolute sum.
* The leader assignment is bounded by any alpha, beta with alpha_i + beta_j <= L_ij; beta is taken
  from the assignment found in floating point, alpha from the row minima, rounded downwards.
* The final sum is `math.fsum`, which is rounded once, then lowered by one place.
"""

import dataclasses
import math

import numpy as np
from numba import njit

from blindmatch.qap import QAP
from blindmatch.solvers._sweep import Duals

_ROUNDOFF = 2.0**-53
#: More than all underflows of one short sum together.
_TINY = 1e-300


def _down(value):
    return np.nextafter(value, -np.inf)


@dataclasses.dataclass(frozen=True, eq=False)
class DualBound:
    """A proved bound and what it says about single assignments.

    Attributes
    ----------
    value : float
        No permutation costs less; -inf where the numbers overflow.
    reduced : np.ndarray, shape (N, N)
        No permutation that uses i -> j costs less than ``value + reduced[i, j]``.
    """

    value: float
    reduced: np.ndarray


def dual_bound(problem: QAP, duals: Duals) -> DualBound:
    """The bound that duals prove; costs about as much as building every submatrix, O(N^4)."""
    size = problem.size
    leader = _leaders_below(problem, duals)
    scale = 2.0 * (
        _largest(problem.A) * _largest(problem.B) + _largest(duals.P) + _largest(duals.Q)
    )
    error = 20 * _ROUNDOFF * scale + _TINY
    if not (np.isfinite(scale) and np.isfinite(leader).all()):
        return DualBound(-np.inf, np.zeros((size, size)))
    rests = [
        least_remainders(problem.A, problem.B, duals.P, duals.Q, row) for row in range(size - 1)
    ]
    rests = _down(np.concatenate([*rests, np.empty(0)]) - error)
    beta = duals.beta
    alpha = _down(leader - beta).min(axis=1)
    reduced = np.maximum(_down(_down(leader - beta) - alpha[:, None]), 0.0)
    value = _sum_below([*alpha, *beta, *rests, problem.constant])
    return DualBound(value, reduced)


def gilmore_lawler_bound(problem: QAP) -> float:
    """The bound of Gilmore and Lawler, proved without duals of pairs, O(N^3).

    By the rearrangement inequality ``min_sigma sum_k a_k b_sigma(k)`` is the sum of the products in
    opposite orders; the rest is as in the module's docstring, with N terms to a leader.
    """
    from blindmatch.lap import linear_assignment

    size = problem.size
    A, B = np.sort(_without_diagonal(problem.A)), np.sort(_without_diagonal(problem.B))[:, ::-1]
    single, magnitude = _single(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        leader = single + A @ B.T
        magnitude = magnitude + np.abs(A) @ np.abs(B).T
        leader = leader - (2 * (size + 6) * _ROUNDOFF * magnitude + _TINY)
    if not (np.isfinite(leader).all() and np.abs(leader).max() < 1e300):
        return -np.inf
    beta = linear_assignment(leader).v
    alpha = _down(leader - beta).min(axis=1)
    return _sum_below([*alpha, *beta, problem.constant])


def cost_interval(problem: QAP, permutation: np.ndarray) -> tuple[float, float]:
    """Two numbers between which the exact cost of a permutation lies."""
    rows = np.arange(problem.size)
    with np.errstate(over="ignore", invalid="ignore"):
        terms = [problem.A * problem.B[np.ix_(permutation, permutation)]]
    if problem.linear is not None:
        terms.append(problem.linear[rows, permutation])
    terms = np.concatenate([part.ravel() for part in (*terms, np.array([problem.constant]))])
    if not np.isfinite(np.abs(terms).sum()):
        return -np.inf, np.inf
    cost = math.fsum(terms)
    error = 2 * _ROUNDOFF * (math.fsum(np.abs(terms)) + abs(cost)) + _TINY
    return float(_down(cost - error)), float(np.nextafter(cost + error, np.inf))


def _sum_below(terms: list[float]) -> float:
    try:
        total = float(_down(math.fsum(terms)))
    except (OverflowError, ValueError):
        return -math.inf
    return total if math.isfinite(total) else -math.inf


def _largest(array: np.ndarray) -> float:
    return float(max(array.max(), -array.min()))


def _without_diagonal(matrix: np.ndarray) -> np.ndarray:
    size = len(matrix)
    return matrix[~np.eye(size, dtype=bool)].reshape(size, size - 1)


def _single(problem: QAP) -> tuple[np.ndarray, np.ndarray]:
    """Costs of i -> j alone, and their absolute sums."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.outer(np.diag(problem.A), np.diag(problem.B))
        if problem.linear is None:
            return single, np.abs(single)
        return single + problem.linear, np.abs(single) + np.abs(problem.linear)


def _leaders_below(problem: QAP, duals: Duals) -> np.ndarray:
    total, magnitude = _single(problem)
    with np.errstate(over="ignore", invalid="ignore"):
        for held in (duals.P, duals.Q):
            for layer in held:
                total = total + layer
                magnitude += np.abs(layer)
    return total - (2 * (2 * problem.size + 6) * _ROUNDOFF * magnitude + _TINY)


@njit(cache=True, nogil=True)
def least_remainders(A, B, P, Q, i):
    """The least remainder of rows i and k for each k > i, over all j != l; shape (N-1-i,).

    Loops keep one minimum per column and branch nowhere, so they are vector code without any
    licence to reorder; the caller has made sure that nothing here can be infinite.
    """
    size = len(P)
    held = np.empty((size, size))
    for l in range(size):  # noqa: E741
        for j in range(size):
            held[j, l] = Q[l, i, j]
    B_transposed = B.T.copy()
    least = np.empty(size)
    rests = np.empty(size - 1 - i)
    for k in range(i + 1, size):
        least[:] = np.inf
        there, back, taken = A[i, k], A[k, i], P[i, k]
        for j in range(size):
            forward, backward, column, own = B[j], B_transposed[j], Q[j, k], held[j]
            given = P[k, i, j]
            for part in range(2):
                start, stop = (0, j) if part == 0 else (j + 1, size)
                for l in range(start, stop):  # noqa: E741
                    rest = (
                        there * forward[l]
                        + back * backward[l]
                        - taken[l]
                        - column[l]
                        - given
                        - own[l]
                    )
                    least[l] = rest if rest < least[l] else least[l]
        rests[k - i - 1] = least.min()
    return rests
