"""Sweeps of the original dual ascent, compiled: on all N^4 pair costs, and on factors with duals.

Both do the same in the same integers (`blindmatch.solvers._sweep` has the notation). On pairs,
C_ijkl and C_klij are the two shares of what remains of a pair; whoever is solved takes both.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from blindmatch.solvers._original_assignment import solve_submatrix
from blindmatch.solvers._sweep import BLOCKED, LIMIT, MOST_SPREAD, UNUSABLE, keep, remainders

#: Shares of pair costs are cut down to this, which keeps every bound valid and sums within int32.
_CEILING = BLOCKED


class Primal(NamedTuple):
    """What finds the best matching among the assignments of submatrices.

    Attributes
    ----------
    A, B, single : np.ndarray
        As for `blindmatch.solvers._pair_costs.PairCosts`; only read.
    tried, best : np.ndarray, shape (N,), int64
        The matching in question, and the best one so far.
    cost : np.ndarray, shape (1,)
        That of `best`, without the problem's constant.
    try_all : bool
        Whether assignments are tried at all.
    """

    A: np.ndarray
    B: np.ndarray
    single: np.ndarray
    tried: np.ndarray
    best: np.ndarray
    cost: np.ndarray
    try_all: bool


@njit(cache=True, nogil=True)
def share_pairs(costs, P, Q, pairs, i, work):
    """Fill ``pairs[i, j, k, l]`` of one row i with half of what remains of each pair."""
    size = len(P)
    nothing = np.empty((0, 0), dtype=np.int32)
    for j in range(size):
        remainders(costs, P, Q, i, j, nothing, work)
        for k in range(size):
            for l in range(size):  # noqa: E741
                whole = work.matrix[k, l]
                half = whole >> 1
                pairs[i, j, k, l] = half if i < k else whole - half


@njit(cache=True, nogil=True)
def spread_pairs(pairs, blocked, leader, reduced):
    """Give what leaders have above the bound back to their pairs, evenly."""
    size = len(leader)
    for i in range(size):
        for j in range(size):
            share = min(reduced[i, j] // (size - 1), MOST_SPREAD)
            if blocked[i, j] or share == 0:
                continue
            leader[i, j] -= share * (size - 1)
            for k in range(size):
                if k != i:
                    row = pairs[i, j, k]
                    for l in range(size):  # noqa: E741
                        row[l] = min(row[l] + share, _CEILING)


@njit(cache=True, nogil=True)
def ascend_pairs(pairs, blocked, leader, order, method, epsilon, sub, primal):
    """Solve the submatrices `order` (numbers i N + j), each after the other, on pair costs.

    Parameters
    ----------
    pairs : np.ndarray, shape (N, N, N, N), int32
    blocked : np.ndarray, shape (N, N), int32
    leader : np.ndarray, shape (N, N), int64
    order : np.ndarray, shape (m,)
    method : int
        One of `_original_assignment.METHODS`.
    epsilon : float
        Of the auction, a positive integer.
    sub : Submatrix
    primal : Primal
    """
    size = len(leader)
    for number in order:
        i, j = number // size, number % size
        if blocked[i, j]:
            continue
        for row in range(size - 1):
            k = row + (row >= i)
            for column in range(size - 1):
                l = column + (column >= j)  # noqa: E741
                both = pairs[i, j, k, l] + pairs[k, l, i, j]
                sub.matrix[row, column] = UNUSABLE if blocked[k, l] else both
        if not solve_submatrix(sub, method, epsilon):
            continue
        if primal.try_all:
            _try_matching(sub.columns, i, j, primal)
        for row in range(size - 1):
            k = row + (row >= i)
            for column in range(size - 1):
                l = column + (column >= j)  # noqa: E741
                left = sub.matrix[row, column] - sub.u[row] - sub.v[column]
                pairs[i, j, k, l] = np.int32(min(left, np.float64(_CEILING)))
                pairs[k, l, i, j] = 0
        leader[i, j] += np.int64(sub.u.sum() + sub.v.sum())


@njit(cache=True, nogil=True)
def ascend_factors(costs, P, Q, leader, order, method, epsilon, sub, primal, work):
    """The same as `ascend_pairs` on factors and duals; see `blindmatch.solvers._sweep`."""
    size = len(P)
    nothing = np.empty((0, 0), dtype=np.int32)
    u, v = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for number in order:
        i, j = number // size, number % size
        if costs.blocked[i, j]:
            continue
        remainders(costs, P, Q, i, j, nothing, work)
        for row in range(size - 1):
            entries = work.matrix[row + (row >= i)]
            for column in range(size - 1):
                left = entries[column + (column >= j)]
                sub.matrix[row, column] = UNUSABLE if left >= BLOCKED - LIMIT else left
        if not solve_submatrix(sub, method, epsilon):
            continue
        if primal.try_all:
            _try_matching(sub.columns, i, j, primal)
        for row in range(size - 1):
            u[row + (row >= i)] = np.int64(sub.u[row])
            v[row + (row >= j)] = np.int64(sub.v[row])
        u[i] = v[j] = 0
        # Duals that would leave the range of int32 stay as they were, which is valid as well.
        if keep(P, Q, i, j, u, v):
            leader[i, j] += u.sum() + v.sum()


@njit(cache=True, nogil=True)
def _try_matching(columns, i, j, primal):
    """Whether i -> j and the assignment of its submatrix are the best matching so far."""
    tried, size = primal.tried, len(primal.tried)
    tried[i] = j
    for row in range(size - 1):
        if columns[row] < 0:
            return
        tried[row + (row >= i)] = columns[row] + (columns[row] >= j)
    cost = 0.0
    for k in range(size):
        cost += primal.single[k, tried[k]]
        for term in range(len(primal.A)):
            row, values = primal.A[term, k], primal.B[term, tried[k]]
            for m in range(k):
                cost += row[m] * values[tried[m]]
    if cost < primal.cost[0]:
        primal.cost[0] = cost
        primal.best[:] = tried
