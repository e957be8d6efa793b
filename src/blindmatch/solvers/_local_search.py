"""Robust tabu search (Taillard, 1991) over swaps, compiled: where incumbents come from.

A table holds what each row would pay for its pairs in the place of each other row. From it follows
the change of cost by any swap in O(1), and a move updates it by a product of two vectors. The
changes of all swaps are kept up to date as well, so that a move is three passes over N x N numbers,
each of which compiles to vector code. Searches are meant to be short and many: long ones get
trapped, which is why the rule for stale moves is left out.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from blindmatch.solvers._pair_costs import PairCosts

#: Entries of the table that may be updated between two looks at the clock: about 0.01 s.
_CHUNK_ENTRIES = 1e7
#: Changes of cost below this share of the largest costs may be rounding.
_NOISE = 1e-10
_NEVER = np.iinfo(np.int32).max


class _Search(NamedTuple):
    """Everything that a search remembers; arrays of shape (N, N) unless stated."""

    ordered: np.ndarray  # (terms, N, N): B in the order of the permutation
    table: np.ndarray  # what row i pays in the place of row k, all else as it is
    changes: np.ndarray  # of cost, when two rows exchange their columns; inf on the diagonal
    until: np.ndarray  # the move up to which row i must not return to column j
    waits: np.ndarray  # the move up to which two rows must not exchange their columns
    p: np.ndarray  # (N,): the permutation
    best: np.ndarray  # (N,): the best one so far
    vectors: np.ndarray  # (3, N): scratch
    moves: np.ndarray  # (2,): so many moves, and how many when the best was found
    costs: np.ndarray  # (2,): of `p` and of `best`, less that of the start


@njit(cache=True, nogil=True)
def _refresh(A, symmetric, search, row):
    """Recompute, from the table, all that concerns the swaps of one row."""
    table, changes, waits, until, p = (
        search.table,
        search.changes,
        search.waits,
        search.until,
        search.p,
    )
    for k in range(len(p)):
        change = table[row, k] + table[k, row] - table[row, row] - table[k, k]
        # The table takes the pair of both rows for given up. Symmetric terms do not feel that the
        # two exchange their columns; skew ones change by just that much.
        for term in range(symmetric):
            change += 2.0 * A[term, row, k] * search.ordered[term, row, k]
        wait = min(until[row, p[k]], until[k, p[row]])
        changes[row, k] = changes[k, row] = change
        waits[row, k] = waits[k, row] = wait
    changes[row, row] = np.inf
    waits[row, row] = _NEVER


@njit(cache=True, nogil=True)
def _begin(A, B, single, symmetric, search):
    """Fill the arrays of a search that stands at its start."""
    p, table, ordered = search.p, search.table, search.ordered
    size = len(p)
    for i in range(size):
        for k in range(size):
            table[i, k] = single[i, p[k]]
            for term in range(len(B)):
                ordered[term, i, k] = B[term, p[i], p[k]]
    for term in range(len(A)):
        table += np.dot(A[term], ordered[term].T)
    for row in range(size):
        _refresh(A, symmetric, search, row)


@njit(cache=True, nogil=True)
def _best_swap(search, move, aspired):
    """The swap of least change among those that are allowed, or better than `aspired`."""
    changes, waits, lowest = search.changes, search.waits, search.vectors[2]
    size = len(changes)
    lowest[:] = np.inf
    # One minimum per column: unlike a minimum over all, that is vector code.
    for r in range(size):
        for s in range(size):
            limit = lowest[s] if waits[r, s] <= move else min(lowest[s], aspired)
            lowest[s] = changes[r, s] if changes[r, s] < limit else lowest[s]
    s = np.argmin(lowest)
    for r in range(size):
        if changes[r, s] == lowest[s] and (waits[r, s] <= move or changes[r, s] < aspired):
            return r, s
    return -1, -1


@njit(cache=True, nogil=True)
def _swap(A, symmetric, search, r, s):
    """Let rows r and s exchange their columns."""
    p, table, changes, ordered = search.p, search.table, search.changes, search.ordered
    size = len(p)
    x, y = search.vectors[0], search.vectors[1]
    for term in range(len(A)):
        for k in range(size):
            x[k] = A[term, r, k] - A[term, s, k]
            y[k] = ordered[term, r, k] - ordered[term, s, k]
        for i in range(size):
            x_i, y_i = x[i], y[i]
            for k in range(size):
                table[i, k] -= x_i * y[k]
                changes[i, k] += (x_i - x[k]) * (y_i - y[k])
        for k in range(size):
            ordered[term, r, k], ordered[term, s, k] = ordered[term, s, k], ordered[term, r, k]
        for k in range(size):
            ordered[term, k, r], ordered[term, k, s] = ordered[term, k, s], ordered[term, k, r]
    for k in range(size):
        table[k, r], table[k, s] = table[k, s], table[k, r]
    p[r], p[s] = p[s], p[r]
    _refresh(A, symmetric, search, r)
    _refresh(A, symmetric, search, s)


@njit(cache=True, nogil=True)
def _advance(A, symmetric, search, patience, noise, count, rng):
    """Make up to `count` moves; whether the search goes on."""
    p, until, moves, costs = search.p, search.until, search.moves, search.costs
    size = len(p)
    for _ in range(count):
        if moves[0] - moves[1] >= patience:
            return False
        r, s = _best_swap(search, moves[0], costs[1] - costs[0])
        moves[0] += 1
        if r < 0:
            continue
        costs[0] += search.changes[r, s]
        until[r, p[r]] = moves[0] + int(size * (0.9 + 0.2 * rng.random()))
        until[s, p[s]] = moves[0] + int(size * (0.9 + 0.2 * rng.random()))
        _swap(A, symmetric, search, r, s)
        if costs[0] < costs[1] - noise:
            costs[1], moves[1] = costs[0], moves[0]
            search.best[:] = p
    return moves[0] - moves[1] < patience


@njit(cache=True, nogil=True)
def _largest(A, B, single, penalty):
    """The largest cost of a pair or a single assignment, penalties left out."""
    largest = 0.0
    for value in single.flat:
        if penalty == 0.0 or value < penalty / 2.0:
            largest = max(largest, abs(value))
    for term in range(len(A)):
        largest += np.max(np.abs(A[term])) * np.max(np.abs(B[term]))
    return largest


def tabu_search(
    costs: PairCosts,
    start: np.ndarray,
    patience: int,
    rng: np.random.Generator,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, float]:
    """Search from a permutation until `patience` moves in a row bring nothing new.

    It begins as steepest descent, and with a patience of 1 it is no more than that: 2-opt.

    Parameters
    ----------
    costs : PairCosts
    start : np.ndarray, shape (N,), int64
    patience : int
    rng : np.random.Generator
        For the lengths of prohibitions.
    stop : callable, optional
        Asked every 0.01 s or so; true ends the search.

    Returns
    -------
    best : np.ndarray, shape (N,), int64
        The best permutation met.
    gain : float
        Its cost less that of `start`, up to rounding.
    """
    size = len(start)
    search = _Search(
        ordered=np.empty(costs.B.shape),
        table=np.empty((size, size)),
        changes=np.empty((size, size)),
        until=np.zeros((size, size), dtype=np.int32),
        waits=np.zeros((size, size), dtype=np.int32),
        p=start.astype(np.int64),
        best=start.astype(np.int64),
        vectors=np.empty((3, size)),
        moves=np.zeros(2, dtype=np.int64),
        costs=np.zeros(2),
    )
    # Rows of A and B are read from end to end: any other layout would cost the vector code.
    A, B = np.ascontiguousarray(costs.A), np.ascontiguousarray(costs.B)
    symmetric = costs.symmetric_terms
    _begin(A, B, costs.single, symmetric, search)
    # Sums of many changes drift; the smallest normal number lets problems of zeros end, too.
    noise = max(_NOISE * _largest(A, B, costs.single, costs.penalty), 1e-290)
    count = 1 + int(_CHUNK_ENTRIES / size**2)
    while _advance(A, symmetric, search, patience, noise, count, rng):
        if stop():
            break
    return search.best, float(search.costs[1])
