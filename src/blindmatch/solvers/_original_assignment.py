"""Three ways to solve a submatrix of the dual ascent, compiled; entries are integers in float64.

Sums of such integers stay below 2^53, so that all duals are integers, too, and exactly feasible.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from blindmatch.lap import _shortest_path
from blindmatch.lap._shortest_path import assign, augment
from blindmatch.solvers._sweep import UNUSABLE

#: Ways to solve a submatrix, as the loops know them.
METHODS = {"hungarian": 0, "auction": 1, "jonker-volgenant": 2}
_HUNGARIAN, _AUCTION = METHODS["hungarian"], METHODS["auction"]
#: Bids per row after which an auction is cut short: prices of any auction give feasible duals.
_MOST_BIDS = 1000


class Submatrix(NamedTuple):
    """One submatrix of n - 1 rows and columns, what solves it, and its solution."""

    matrix: np.ndarray  # (n-1, n-1): remainders, at least 0; UNUSABLE where a pair is blocked
    transposed: np.ndarray  # (n-1, n-1)
    columns: np.ndarray  # (n-1,) int64: the column of each row; -1: none
    rows: np.ndarray  # (n-1,) int64
    u: np.ndarray  # (n-1,): duals of rows
    v: np.ndarray  # (n-1,): duals of columns
    floats: np.ndarray  # scratch
    integers: np.ndarray  # scratch


def submatrix(size: int) -> Submatrix:
    """Room for the submatrices of a problem of `size` items."""
    rest = size - 1
    floats, integers = _shortest_path.workspace(rest)
    columns, rows = np.empty((2, rest), dtype=np.int64)
    return Submatrix(
        np.empty((rest, rest)),
        np.empty((rest, rest)),
        columns,
        rows,
        *np.empty((2, rest)),
        floats,
        integers,
    )


@njit(cache=True, nogil=True)
def solve_submatrix(sub, method, epsilon):
    """Fill the duals and the assignment of a submatrix.

    Returns
    -------
    bool
        False where its rows cannot all be assigned without unusable entries.
    """
    size = len(sub.matrix)
    if method == _AUCTION:
        return _auction(sub, epsilon)
    if method == _HUNGARIAN:
        sub.u[:] = 0.0
        sub.v[:] = 0.0
        sub.columns[:] = -1
        sub.rows[:] = -1
        for row in range(size):
            augment(sub.matrix, row, sub.columns, sub.rows, sub.u, sub.v, sub.floats, sub.integers)
    else:
        assign(sub.matrix, sub.columns, sub.rows, sub.u, sub.v, sub.floats, sub.integers)
    usable = True
    for row in range(size):
        usable &= sub.matrix[row, sub.columns[row]] < UNUSABLE / 2
    return usable


@njit(cache=True, nogil=True)
def _auction(sub, epsilon):
    """Rows and columns bid in turns, until one more of them is assigned; then duals are repaired.

    While bidding, ``u[k] + v[l] <= matrix[k, l] + epsilon``, with equality up to epsilon where
    assigned.
    """
    size = len(sub.matrix)
    sub.columns[:] = -1
    sub.rows[:] = -1
    sub.v[:] = 0.0
    for row in range(size):
        sub.u[row] = _lowest(sub.matrix[row], sub.v, sub.floats[0])
        for column in range(size):
            sub.transposed[column, row] = sub.matrix[row, column]
    bids = _MOST_BIDS * size
    for turn in range(size):
        if turn % 2 == 0:
            bids = _bid(
                sub.matrix, sub.columns, sub.rows, sub.u, sub.v, sub.floats[0], epsilon, bids
            )
        else:
            bids = _bid(
                sub.transposed, sub.rows, sub.columns, sub.v, sub.u, sub.floats[0], epsilon, bids
            )
    return _repair(sub)


@njit(cache=True, nogil=True)
def _bid(matrix, columns, rows, u, v, shifted, epsilon, bids):
    """A free row bids, then the row that it displaces, until a free column is taken.

    Returns
    -------
    int
        How many bids are left.
    """
    row = 0
    while columns[row] >= 0:
        row += 1
    while row >= 0 and bids > 0:
        first = _lowest(matrix[row], v, shifted)
        best = -1
        count = 0
        second = np.inf
        # Reductions without a branch are vector code.
        for column in range(len(v)):
            here = shifted[column] == first
            best = column if here else best
            count += 1 if here else 0
            second = min(second, np.inf if here else shifted[column])
        # The difference to an unusable column says nothing.
        if count > 1 or second > UNUSABLE / 2:
            second = first
        u[row] = second + epsilon
        v[best] -= second - first + epsilon
        displaced = rows[best]
        rows[best] = row
        columns[row] = best
        if displaced >= 0:
            columns[displaced] = -1
        row = displaced
        bids -= 1
    return bids


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def _lowest(entries, prices, shifted):
    """Fill the differences of a row and prices; the least of them."""
    lowest = np.inf
    for column in range(len(prices)):
        shifted[column] = entries[column] - prices[column]
        lowest = min(lowest, shifted[column])
    return lowest


@njit(cache=True, nogil=True)
def _repair(sub):
    """Feasible duals from any duals of the columns; False where they are out of range."""
    size = len(sub.matrix)
    usable = True
    for row in range(size):
        sub.u[row] = _lowest(sub.matrix[row], sub.v, sub.floats[0])
        usable &= abs(sub.u[row]) < UNUSABLE / 2
    for column in range(size):
        sub.v[column] = _lowest(sub.transposed[column], sub.u, sub.floats[0])
        usable &= abs(sub.v[column]) < UNUSABLE / 2
    return usable
