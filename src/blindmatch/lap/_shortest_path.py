"""Shortest augmenting paths, compiled: the inner loop of every dual sweep.

The method is that of Jonker and Volgenant (1987) without its augmenting row reduction, which can
cycle on ties in floating point: reduce rows and columns, match greedily, then augment each free
row along a shortest path (Crouse, 2016). Columns that a search has left behind get distance and
price such that they can never win again; so the loops have no branches and compile to vector code.
"""

import numpy as np
from numba import njit


def workspace(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Scratch memory for `assign`, reusable for every matrix of this size."""
    return np.empty((3, size)), np.empty((2, size), dtype=np.int64)


@njit(cache=True, nogil=True, inline="never", fastmath={"nnan", "nsz"})
def _lowest(values):
    lowest = values[0]
    for value in values:
        lowest = min(lowest, value)
    return lowest


@njit(cache=True, nogil=True)
def _reduce(costs, columns, rows, u, v):
    """Row and column minima as first duals, and a matching on entries that became zero."""
    size = len(costs)
    v[:] = np.inf
    for row in range(size):
        entries = costs[row]
        u[row] = _lowest(entries)
        for column in range(size):
            v[column] = min(v[column], entries[column] - u[row])
    columns[:] = -1
    rows[:] = -1
    for row in range(size):
        for column in range(size):
            if rows[column] < 0 and costs[row, column] - u[row] <= v[column]:
                rows[column] = row
                columns[row] = column
                break


@njit(cache=True, nogil=True)
def _nearest_column(distance, rows):
    """A column at the least distance, a free one where there is a choice."""
    lowest = _lowest(distance)
    nearest = -1
    for column in range(len(distance)):
        if distance[column] == lowest:
            nearest = column
            if rows[column] < 0:
                break
    return nearest


@njit(cache=True, nogil=True)
def augment(costs, start, columns, rows, u, v, floats, integers):
    """Match the free row `start` along a shortest path; adjust the duals."""
    size = len(costs)
    distance, price, reached = floats[0], floats[1], floats[2]
    predecessor, visited = integers[0], integers[1]
    for column in range(size):
        distance[column] = np.inf
        price[column] = v[column]
    row, least, count = start, 0.0, 0
    while True:
        entries = costs[row]
        offset = least - u[row]
        for column in range(size):
            candidate = offset + (entries[column] - price[column])
            better = candidate < distance[column]
            distance[column] = candidate if better else distance[column]
            predecessor[column] = row if better else predecessor[column]
        column = _nearest_column(distance, rows)
        least = distance[column]
        if rows[column] < 0:
            break
        visited[count] = column
        count += 1
        reached[column] = least
        price[column] = -np.inf
        distance[column] = np.inf
        row = rows[column]
    u[start] += least
    for position in range(count):
        passed = visited[position]
        v[passed] -= least - reached[passed]
        u[rows[passed]] += least - reached[passed]
    while True:
        row = predecessor[column]
        rows[column] = row
        column, columns[row] = columns[row], column
        if row == start:
            break


@njit(cache=True, nogil=True)
def assign(costs, columns, rows, u, v, floats, integers):
    """Solve one linear assignment problem into arrays of the caller.

    Parameters
    ----------
    costs : np.ndarray, shape (n, n), C order
        Finite.
    columns, rows : np.ndarray, shape (n,), int64
        Filled with the column of each row and the row of each column.
    u, v : np.ndarray, shape (n,)
        Filled with optimal duals: ``u[i] + v[j] <= costs[i, j]``, equal where matched, both up to
        rounding.
    floats, integers : np.ndarray
        From `workspace`.
    """
    _reduce(costs, columns, rows, u, v)
    for row in range(len(costs)):
        if columns[row] < 0:
            augment(costs, row, columns, rows, u, v, floats, integers)
