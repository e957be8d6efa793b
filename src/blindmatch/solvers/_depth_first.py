"""Depth-first search with Gilmore-Lawler bounds, compiled; O(N^3) memory.

Rows are assigned in their order. At a node with some rows assigned, each open assignment i -> j has
a leader: its own cost, its pairs with the assigned rows, and the least that its pairs with the open
rows can cost, by the rearrangement inequality. The linear assignment of the leaders is a bound.
"""

import numpy as np
from numba import njit

from blindmatch.lap._shortest_path import assign


@njit(cache=True, nogil=True)
def _leaders(A, B, ascending, descending, fixed, depth, taken, leaders, free):
    """Fill `leaders` for the open rows and columns, and `free` with the open columns."""
    size = len(fixed)
    count = 0
    for column in range(size):
        if not taken[column]:
            free[count] = column
            count += 1
    for i in range(depth, size):
        for position in range(count):
            leaders[i - depth, position] = fixed[i, free[position]]
    values_a = np.empty(count)
    values_b = np.empty((count, count))
    for term in range(len(A)):
        for position in range(count):
            j = free[position]
            place = 0
            for l in descending[term, j]:  # noqa: E741
                if l != j and not taken[l]:
                    values_b[position, place] = B[term, j, l]
                    place += 1
        for i in range(depth, size):
            place = 0
            for k in ascending[term, i]:
                if k != i and k >= depth:
                    values_a[place] = A[term, i, k]
                    place += 1
            for position in range(count):
                total = 0.0
                for k in range(count - 1):
                    total += values_a[k] * values_b[position, k]
                leaders[i - depth, position] += total


@njit(cache=True, nogil=True)
def open_node(A, B, ascending, descending, forbidden, fixed, depth, taken, children, bounds, best):
    """List the children of a node, best bound first; returns how many can beat `best`.

    A child that must cost at least `best` is left out: its bound is the node's and the reduced
    leader of the assignment that makes the child.
    """
    size = len(fixed)
    count = size - depth
    leaders = np.empty((count, count))
    free = np.empty(count, dtype=np.int64)
    _leaders(A, B, ascending, descending, fixed, depth, taken, leaders, free)
    columns = np.empty(count, dtype=np.int64)
    rows = np.empty(count, dtype=np.int64)
    u, v = np.empty(count), np.empty(count)
    assign(leaders, columns, rows, u, v, np.empty((3, count)), np.empty((2, count), dtype=np.int64))
    total = u.sum() + v.sum()
    kept = 0
    for position in np.argsort(leaders[0] - v):
        bound = total + max(0.0, leaders[0, position] - u[0] - v[position])
        if bound < best and not forbidden[depth, free[position]]:
            children[kept] = free[position]
            bounds[kept] = bound
            kept += 1
    return kept


def new_search(size: int, single: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays of a search that stands at its root: `fixed` ... `p` of `search`."""
    fixed = np.zeros((size, size, size))
    fixed[0] = single
    counts = np.zeros((size, 2), dtype=np.int64)
    counts[0, 0] = -1
    children, bounds = np.zeros((size, size), dtype=np.int64), np.zeros((size, size))
    taken, p = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.int64)
    return fixed, np.zeros(size + 1), children, bounds, counts, taken, p


@njit(cache=True, nogil=True)
def search(
    A, B, forbidden, fixed, spent, children, bounds, counts, taken, p, best, best_cost, depth, limit
):
    """Go on with a search from `depth` for `limit` nodes.

    Parameters
    ----------
    A, B : np.ndarray, shape (T, N, N)
    forbidden : np.ndarray, shape (N, N), bool
    fixed : np.ndarray, shape (N, N, N)
        ``fixed[d, i, j]``: cost of i -> j alone and with the first d rows.
    spent : np.ndarray, shape (N + 1,)
        Cost of the first d rows among themselves.
    children, bounds : np.ndarray, shape (N, N)
    counts : np.ndarray, shape (N, 2), int64
        Children of the node at each depth: how many (-1: not listed yet), how many were tried.
    taken : np.ndarray, shape (N,), bool
    p, best : np.ndarray, shape (N,), int64
        The path, and the best permutation so far.
    best_cost : np.ndarray, shape (1,)
    depth : int
        0 at first, then what the last call returned.
    limit : int

    Returns
    -------
    depth : int
        -1 when the search is finished.
    nodes : int
    """
    size = len(forbidden)
    ascending = np.empty(A.shape, dtype=np.int64)
    descending = np.empty(A.shape, dtype=np.int64)
    for term in range(len(A)):
        for i in range(size):
            ascending[term, i] = np.argsort(A[term, i])
            descending[term, i] = np.argsort(-B[term, i])
    nodes = 0
    while depth >= 0 and nodes < limit:
        total, tried = counts[depth]
        if total < 0:
            nodes += 1
            room = best_cost[0] - spent[depth]
            total = open_node(
                A, B, ascending, descending, forbidden, fixed[depth], depth, taken,
                children[depth], bounds[depth], room,
            )  # fmt: skip
            counts[depth, 0] = total
        if tried > 0:
            taken[p[depth]] = False
        if tried == total or spent[depth] + bounds[depth, tried] >= best_cost[0]:
            depth -= 1
            continue
        column = children[depth, tried]
        counts[depth, 1] = tried + 1
        taken[column] = True
        p[depth] = column
        spent[depth + 1] = spent[depth] + fixed[depth, depth, column]
        if depth + 1 == size:
            if spent[size] < best_cost[0]:
                best_cost[0] = spent[size]
                best[:] = p
            continue
        for i in range(depth + 1, size):
            for j in range(size):
                cost = fixed[depth, i, j]
                for term in range(len(A)):
                    cost += A[term, i, depth] * B[term, j, column]
                    cost += A[term, depth, i] * B[term, column, j]
                fixed[depth + 1, i, j] = cost
        depth += 1
        counts[depth, 0] = -1
        counts[depth, 1] = 0
    return depth, nodes


def least_open(spent, bounds, counts, depth: int) -> float:
    """What no permutation that a search has not ruled out yet can fall short of; inf at its end.

    Parameters
    ----------
    spent, bounds, counts, depth
        As for `search`; the root must have been opened.
    """
    opened = depth + (counts[depth, 0] >= 0)
    waiting = [
        spent[level] + bounds[level, tried:total].min(initial=np.inf)
        for level, (total, tried) in enumerate(counts[:opened])
    ]
    if opened == depth:  # chosen but not opened: the child that its parent has tried last
        waiting.append(spent[depth - 1] + bounds[depth - 1, counts[depth - 1, 1] - 1])
    return float(min(waiting, default=np.inf))
