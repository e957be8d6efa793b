"""Depth-first search with Gilmore-Lawler bounds, compiled; O(N^3) memory.

At a node with some rows assigned, each open assignment i -> j has a leader: its own cost, its pairs
with the assigned rows, and the least that its pairs with the open rows can cost, by the
rearrangement inequality. The linear assignment of the leaders is a bound, and its reduced costs
tell what each assignment adds to it. The row whose assignments add most is assigned next.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from blindmatch.lap._shortest_path import assign
from blindmatch.qap import QAP


class Search(NamedTuple):
    """All that a search knows; arrays of shape (N, N) unless stated."""

    A: np.ndarray  # (terms, N, N)
    B: np.ndarray  # (terms, N, N)
    B_columns: np.ndarray  # (terms, N, N): transposes of B, so that columns are read end to end
    ascending: np.ndarray  # (terms, N, N): order of each row of A
    descending: np.ndarray  # (terms, N, N): order of each row of B
    forbidden: np.ndarray
    fixed: np.ndarray  # (N, N, N): at each depth, cost of i -> j alone and with the assigned rows
    spent: np.ndarray  # (N + 1,): at each depth, cost of the assigned rows among themselves
    rows: np.ndarray  # (N,): the row that is assigned at each depth
    children: np.ndarray  # the columns that it may get, best bound first
    bounds: np.ndarray  # of the children, less `spent` of their depth
    counts: np.ndarray  # (N, 2): how many children (-1: not listed yet), how many were tried
    p: np.ndarray  # (N,): column of each row, -1 while it is open
    taken: np.ndarray  # (N,): whether a column is assigned
    best: np.ndarray  # (N,): the best permutation so far
    best_cost: np.ndarray  # (1,)


def new_search(problem: QAP, single: np.ndarray, best: np.ndarray) -> Search:
    """A search that stands at its root.

    Transposing A and B changes no cost, but it changes the leaders: the way with the better bound
    at the root is taken.

    Parameters
    ----------
    problem : QAP
        Square.
    single : np.ndarray, shape (N, N)
        Cost of each assignment alone; prohibitive where it is forbidden.
    best : np.ndarray, shape (N,), int64
        A permutation to start from.
    """
    # Copies: compiled code would treat a problem's arrays, which are read-only, as another type.
    ways = [(problem.A_terms.copy(), problem.B_terms.copy())]
    if not problem.symmetric:
        ways.append(tuple(_transposed(terms) for terms in ways[0]))
    size = problem.size
    searches = []
    for A, B in ways:
        search = Search(
            A=A,
            B=B,
            B_columns=_transposed(B),
            ascending=A.argsort(axis=2),
            descending=(-B).argsort(axis=2),
            forbidden=problem.forbidden_pairs,
            fixed=np.empty((size, size, size)),
            spent=np.zeros(size + 1),
            rows=np.zeros(size, dtype=np.int64),
            children=np.zeros((size, size), dtype=np.int64),
            bounds=np.zeros((size, size)),
            counts=np.zeros((size, 2), dtype=np.int64),
            p=np.full(size, -1),
            taken=np.zeros(size, dtype=bool),
            best=best.copy(),
            best_cost=np.array([problem.cost(best) - problem.constant]),
        )
        search.fixed[0] = single
        searches.append((open_node(search, 0), search))
    return max(searches, key=lambda each: each[0])[1]


def _transposed(terms: np.ndarray) -> np.ndarray:
    return terms.transpose(0, 2, 1).copy()


@njit(cache=True, nogil=True)
def _leaders(search, depth, rows, columns):
    """Leaders of the open rows and columns, which are listed into `rows` and `columns`."""
    A, B, fixed, p, taken = search.A, search.B, search.fixed[depth], search.p, search.taken
    ascending, descending = search.ascending, search.descending
    row = column = 0
    for item in range(len(p)):
        if p[item] < 0:
            rows[row] = item
            row += 1
        if not taken[item]:
            columns[column] = item
            column += 1
    count = len(rows)
    leaders, largest = np.empty((count, count)), np.empty((count, count))
    for row in range(count):
        for column in range(count):
            leaders[row, column] = fixed[rows[row], columns[column]]
    for term in range(len(A)):
        for column in range(count):
            j, place = columns[column], 0
            for other in descending[term, j]:
                if other != j and not taken[other]:
                    largest[place, column] = B[term, j, other]
                    place += 1
        for row in range(count):
            i, place = rows[row], 0
            for other in ascending[term, i]:
                if other != i and p[other] < 0:
                    entry = A[term, i, other]
                    for column in range(count):
                        leaders[row, column] += entry * largest[place, column]
                    place += 1
    return leaders


@njit(cache=True, nogil=True)
def open_node(search, depth):
    """Bound of a node, less `spent`; lists its children, those that can beat the best so far.

    The bound of a child is that of the node and the reduced leader of its assignment.
    """
    count = len(search.p) - depth
    integers, floats = np.empty((6, count), dtype=np.int64), np.empty((5, count))
    rows, columns, u, v = integers[0], integers[1], floats[0], floats[1]
    leaders = _leaders(search, depth, rows, columns)
    assign(leaders, integers[2], integers[3], u, v, floats[2:], integers[4:])
    least = u.sum() + v.sum()
    room = search.best_cost[0] - search.spent[depth]
    # Where an assignment leaves no room, its child is gone: more than that does not help.
    most, left, chosen = -1.0, max(0.0, room - least), 0
    for row in range(count):
        added = 0.0
        for column in range(count):
            leaders[row, column] = max(0.0, leaders[row, column] - u[row] - v[column])
            added += min(leaders[row, column], left)
        if added > most:
            most, chosen = added, row
    search.rows[depth] = rows[chosen]
    children, bounds, kept = search.children[depth], search.bounds[depth], 0
    for column in range(count):
        bound = least + leaders[chosen, column]
        if bound >= room or search.forbidden[rows[chosen], columns[column]]:
            continue
        place = kept
        while place > 0 and bounds[place - 1] > bound:
            children[place], bounds[place] = children[place - 1], bounds[place - 1]
            place -= 1
        children[place], bounds[place] = columns[column], bound
        kept += 1
    search.counts[depth, 0], search.counts[depth, 1] = kept, 0
    return least


@njit(cache=True, nogil=True)
def _descend(search, depth, row, column):
    """Cost of every open assignment with one row more assigned."""
    A, B, B_columns, p = search.A, search.B, search.B_columns, search.p
    before, after = search.fixed[depth], search.fixed[depth + 1]
    size = len(p)
    for i in range(size):
        if p[i] >= 0:
            continue
        for j in range(size):
            after[i, j] = before[i, j]
        for term in range(len(A)):
            there, back = A[term, row, i], A[term, i, row]
            for j in range(size):
                after[i, j] += there * B[term, column, j] + back * B_columns[term, column, j]


@njit(cache=True, nogil=True)
def advance(search, depth, limit):
    """Go on with a search for `limit` nodes.

    Parameters
    ----------
    search : Search
    depth : int
        0 at first, then what the last call returned.
    limit : int

    Returns
    -------
    depth : int
        -1 when the search is finished.
    nodes : int
        Nodes that were opened, the root left out.
    """
    size, nodes = len(search.p), 0
    p, taken, spent, counts = search.p, search.taken, search.spent, search.counts
    while depth >= 0 and nodes < limit:
        if counts[depth, 0] < 0:
            open_node(search, depth)
            nodes += 1
        total, tried = counts[depth]
        row = search.rows[depth]
        if tried > 0:
            taken[p[row]] = False
            p[row] = -1
        if tried == total or spent[depth] + search.bounds[depth, tried] >= search.best_cost[0]:
            depth -= 1
            continue
        column = search.children[depth, tried]
        counts[depth, 1] += 1
        taken[column] = True
        p[row] = column
        spent[depth + 1] = spent[depth] + search.fixed[depth, row, column]
        if depth + 1 < size:
            _descend(search, depth, row, column)
            depth += 1
            counts[depth, 0] = -1
        elif spent[size] < search.best_cost[0]:
            search.best_cost[0] = spent[size]
            search.best[:] = p
    return depth, nodes


def least_open(search: Search, depth: int) -> float:
    """What no permutation that a search has not ruled out yet can fall short of; inf at its end.

    Parameters
    ----------
    search, depth
        As for `advance`.
    """
    spent, bounds, counts = search.spent, search.bounds, search.counts
    opened = depth + (counts[depth, 0] >= 0)
    waiting = [
        spent[level] + bounds[level, tried:total].min(initial=np.inf)
        for level, (total, tried) in enumerate(counts[:opened])
    ]
    if opened == depth:  # chosen but not opened: the child that its parent has tried last
        waiting.append(spent[depth - 1] + bounds[depth - 1, counts[depth - 1, 1] - 1])
    return float(min(waiting, default=np.inf))
