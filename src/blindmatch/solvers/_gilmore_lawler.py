"""The Gilmore-Lawler bound of dense pair costs, in floating point."""

import dataclasses

import numpy as np
from numba import njit
from scipy.optimize import linear_sum_assignment

from blindmatch.lap._shortest_path import assign


@dataclasses.dataclass(frozen=True, eq=False)
class Bound:
    """Gilmore-Lawler bound of a cost matrix, in floating point.

    Attributes
    ----------
    value : float
    leaders : np.ndarray, shape (N, N)
        Least cost of every assignment together with its share of pair costs.
    rows, columns : np.ndarray, shape (N, N, N)
        Duals of the inner problems: pair (i, j), (k, l) is charged to (i, j) with at least
        ``rows[i, j, k] + columns[i, j, l]``.
    """

    value: float
    leaders: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


@njit(cache=True, nogil=True)
def _inner_problems(pairs, single, leaders, rows, columns):
    size = len(single)
    costs = np.empty((size - 1, size - 1))
    column_of, row_of = np.empty(size - 1, np.int64), np.empty(size - 1, np.int64)
    u, v = np.empty(size - 1), np.empty(size - 1)
    floats, integers = np.empty((3, size - 1)), np.empty((2, size - 1), np.int64)
    for i in range(size):
        for j in range(size):
            for k in range(size - 1):
                entries = pairs[i, j, k + (k >= i)]
                costs[k, :j] = entries[:j]
                costs[k, j:] = entries[j + 1 :]
            assign(costs, column_of, row_of, u, v, floats, integers)
            leaders[i, j] = single[i, j] + u.sum() + v.sum()
            for k in range(size - 1):
                rows[i, j, k + (k >= i)] = u[k]
                columns[i, j, k + (k >= j)] = v[k]


def gilmore_lawler(pairs: np.ndarray, single: np.ndarray) -> Bound:
    """Gilmore-Lawler bound for pair costs that are charged to both of their assignments.

    Parameters
    ----------
    pairs : np.ndarray, shape (N * N, N * N)
        ``pairs[i * N + j, k * N + l]`` is charged to (i, j), its transpose to (k, l): halves of the
        pair's cost, or any other split of it. Entries that share a row or a column are ignored.
    single : np.ndarray, shape (N, N)
        Cost of every assignment alone.

    References
    ----------
    Gilmore (1962); Lawler (1963).
    """
    size = len(single)
    leaders = np.empty((size, size))
    rows, columns = np.zeros((2, size, size, size))
    pairs = np.ascontiguousarray(pairs, dtype=np.float64).reshape((size,) * 4)
    _inner_problems(pairs, np.ascontiguousarray(single), leaders, rows, columns)
    chosen = linear_sum_assignment(leaders)
    return Bound(float(leaders[chosen].sum()), leaders, rows, columns)
