"""Dual ascent after Hahn and Grant (1998) on a factorised problem in integers, compiled.

Each assignment i -> j has a leader cost L_ij and a submatrix of pair costs C_ijkl with every (k,l),
k != i, l != j. Duals U_ij (of rows k) and V_ij (of columns l) move pair costs into leaders. What
remains of a pair, seen from both of its sides, must not be negative:

    R_ijkl = C_ijkl - U_ij[k] - V_ij[l] - U_kl[i] - V_kl[j] >= 0,
    L_ij = single_ij + sum_k U_ij[k] + sum_l V_ij[l].

Then no permutation costs less than the linear assignment of L. Only the duals are stored, as int32:
``P[i,k,l] = U_kl[i]`` and ``Q[j,k,l] = V_kl[j]``, so that the remainders of one submatrix are read
from contiguous rows. Pair costs come from the factors, or from a table where they have none.

Submatrices are solved by an auction that is cut short; whatever prices it ends with are repaired to
feasible duals, so nothing here rounds and nothing needs to converge. Its epsilon, which shrinks
from sweep to sweep, keeps coordinate ascent from stalling.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from blindmatch.lap._shortest_path import assign

#: Added to what may not be used: far above any remainder, and int32 still holds its sums.
BLOCKED = 1 << 29
#: Duals and prices stay below, so that no sum of a few of them overflows.
LIMIT = 1 << 27
#: The same for leaders, which are int64 and solved in float64.
UNUSABLE = 2.0**50
#: The most that an assignment gives back to each of its rows between two sweeps.
MOST_SPREAD = 1 << 22
#: Rows of a matrix are padded to a multiple of this, or the compiler's vector loops, which take so
#: many entries at a time, would leave much of a short row to one entry at a time.
_LANES = 32


class Costs(NamedTuple):
    """An integer problem as the compiled loops read it.

    Attributes
    ----------
    a, b : np.ndarray, shape (K, N, N), float64
        Factors, symmetric up to sign: pairs cost ``floor(sum_t a[t,i,k] b[t,j,l])``, and all of
        these sums are exact.
    table : np.ndarray, shape (N, N, N, N), int32
        Pair costs ``table[i,j,k,l]`` where there are no factors, else of shape (0, 0, 0, 0).
    single : np.ndarray, shape (N, N), int64
    blocked : np.ndarray, shape (N, N), int32
        `BLOCKED` where i -> j is forbidden or excluded, else 0.
    """

    a: np.ndarray
    b: np.ndarray
    table: np.ndarray
    single: np.ndarray
    blocked: np.ndarray


class Work(NamedTuple):
    """Scratch arrays of one thread."""

    matrix: np.ndarray
    numbers: np.ndarray
    floats: np.ndarray
    places: np.ndarray


def workspace(size: int) -> Work:
    """Scratch arrays for problems of `size` items."""
    width = -(-size // _LANES) * _LANES
    return Work(
        np.full((size, width), BLOCKED, dtype=np.int32),
        np.zeros((5, width), dtype=np.int32),
        np.empty((4, size)),
        np.empty((2, width), dtype=np.int64),
    )


@njit(cache=True, nogil=True)
def remainders(costs, P, Q, i, j, part, work):
    """Fill ``work.matrix`` with what remains of the pairs of (i,j); row i, column j are unusable.

    Assignments with ``part[k,l] = 1`` are solved at the same time, so only half of what remains is
    taken from those pairs; `part` may have shape (0, 0).
    """
    size = len(P)
    matrix, held, sums = work.matrix, work.numbers[0], work.floats[0]
    for l in range(size):  # noqa: E741
        held[l] = Q[l, i, j]
    tabled = len(costs.table) > 0
    terms = len(costs.a)
    for k in range(size):
        target = matrix[k]
        if k == i:
            target[:] = BLOCKED
            continue
        row, column, own, closed = P[i, k], Q[j, k], P[k, i, j], costs.blocked[k]
        if tabled:
            pairs = costs.table[i, j, k]
            for l in range(size):  # noqa: E741
                target[l] = pairs[l] - own - held[l] - row[l] - column[l]
        elif terms == 1:
            factor, values = costs.a[0, i, k], costs.b[0, j]
            for l in range(size):  # noqa: E741
                pair = np.int32(np.floor(factor * values[l]))
                target[l] = pair - own - held[l] - row[l] - column[l]
        else:
            sums[:] = 0.0
            for term in range(terms):
                factor, values = costs.a[term, i, k], costs.b[term, j]
                for l in range(size):  # noqa: E741
                    sums[l] += factor * values[l]
            for l in range(size):  # noqa: E741
                target[l] = np.int32(np.floor(sums[l])) - own - held[l] - row[l] - column[l]
        if len(part) > 0:
            shared = part[k]
            for l in range(size):  # noqa: E741
                target[l] = target[l] >> shared[l]
        for l in range(size):  # noqa: E741
            target[l] += closed[l]
        target[j] = BLOCKED


@njit(cache=True, nogil=True)
def _bid(matrix, i, epsilon, bids, price, shifted, owner, stack):
    """Rows bid for their best columns, at most `bids` times; prices are left in `price`."""
    size, width = matrix.shape
    price[:] = 0
    owner[:] = -1
    waiting = 0
    for k in range(size - 1, -1, -1):
        if k != i:
            stack[waiting] = k
            waiting += 1
    while waiting > 0 and bids > 0:
        bids -= 1
        waiting -= 1
        k = stack[waiting]
        row = matrix[k]
        best = np.int32(2147483647)
        for l in range(width):  # noqa: E741
            shifted[l] = row[l] + price[l]
            best = min(best, shifted[l])
        # Reductions only, without a branch, are vector code: the last column at the minimum, how
        # many there are, and the least of the others.
        at = np.int32(-1)
        count = np.int32(0)
        second = np.int32(2147483647)
        for l in range(width):  # noqa: E741
            here = shifted[l] == best
            at = max(at, np.int32(l) if here else np.int32(-1))
            count += np.int32(1) if here else np.int32(0)
            second = min(second, np.int32(2147483647) if here else shifted[l])
        if count > 1:
            second = best
        # The difference to a blocked column says nothing.
        raised = np.int64(second) - best if second < BLOCKED - LIMIT else np.int64(0)
        price[at] = min(price[at] + raised + epsilon, np.int64(LIMIT))
        if owner[at] >= 0:
            stack[waiting] = owner[at]
            waiting += 1
        owner[at] = k


@njit(cache=True, nogil=True)
def solve_submatrix(i, j, epsilon, cap, work):
    """Feasible duals of ``work.matrix``, nearly optimal, in ``work.numbers[1:3]``.

    Returns
    -------
    bool
        False where they have grown out of the range of int32.
    """
    matrix, u, v, price = work.matrix, work.numbers[1], work.numbers[2], work.numbers[3]
    size, width = matrix.shape
    _bid(matrix, i, epsilon, cap * size, price, work.numbers[4], work.places[0], work.places[1])
    v[:] = 2147483647
    usable = True
    for k in range(size):
        if k == i:
            continue
        row = matrix[k]
        least = np.int32(2147483647)
        for l in range(width):  # noqa: E741
            least = min(least, np.int32(row[l] + price[l]))
        usable &= least < BLOCKED - LIMIT
        u[k] = least
        for l in range(width):  # noqa: E741
            v[l] = min(v[l], np.int32(row[l] - least))
    u[i] = v[j] = 0
    for l in range(size):  # noqa: E741
        usable &= v[l] < BLOCKED - LIMIT
    return usable


@njit(cache=True, nogil=True)
def keep(P, Q, i, j, u, v):
    """Add duals to what (i,j) holds; False, and nothing is done, if they leave their range.

    What the duals of rows have more than those of columns on average is moved over: that changes
    neither remainders nor leaders, and without it both drift from sweep to sweep.
    """
    size = len(P)
    more = np.int64(0)
    for k in range(size):
        more += np.int64(P[k, i, j]) + u[k] - Q[k, i, j] - v[k]
    more //= 2 * (size - 1)
    for k in range(size):
        new_p = np.int64(P[k, i, j]) + u[k] - more
        new_q = np.int64(Q[k, i, j]) + v[k] + more
        if max(abs(new_p), abs(new_q)) > LIMIT:
            return False
    for k in range(size):
        if k != i:
            P[k, i, j] += u[k] - more
        if k != j:
            Q[k, i, j] += v[k] + more
    return True


@njit(cache=True, nogil=True)
def ascend(costs, P, Q, order, start, stop, epsilon, cap, work):
    """Solve the submatrices ``order[start:stop]`` (numbers i N + j), each after the other.

    Returns
    -------
    int
        How many were left as they were because their duals would leave the range of int32.
    """
    size = len(P)
    nothing = np.empty((0, 0), dtype=np.int32)
    left = 0
    for number in order[start:stop]:
        i, j = number // size, number % size
        if costs.blocked[i, j]:
            continue
        remainders(costs, P, Q, i, j, nothing, work)
        usable = solve_submatrix(i, j, epsilon, cap, work)
        if not (usable and keep(P, Q, i, j, work.numbers[1], work.numbers[2])):
            left += 1
    return left


@njit(cache=True, nogil=True)
def solve_part(costs, P, Q, part, numbers, U, V, usable, epsilon, cap, work):
    """Solve submatrices as they are now, without keeping their duals; threads may share a part.

    Parameters
    ----------
    part : np.ndarray, shape (N, N), int32
        1 for all assignments of the part, 0 else.
    numbers : np.ndarray, shape (m,)
        Those that this thread solves.
    U, V : np.ndarray, shape (m, N), int32
        Filled with duals.
    usable : np.ndarray, shape (m,), bool
        Filled with what `solve_submatrix` says.
    """
    size = len(P)
    for position in range(len(numbers)):
        i, j = numbers[position] // size, numbers[position] % size
        if costs.blocked[i, j] == 0:
            remainders(costs, P, Q, i, j, part, work)
            usable[position] = solve_submatrix(i, j, epsilon, cap, work)
            U[position] = work.numbers[1, :size]
            V[position] = work.numbers[2, :size]


@njit(cache=True, nogil=True)
def keep_part(costs, P, Q, numbers, U, V, usable):
    """Add the duals of a part to what its assignments hold; see `ascend`."""
    size = len(P)
    left = 0
    for position in range(len(numbers)):
        i, j = numbers[position] // size, numbers[position] % size
        if costs.blocked[i, j] == 0:
            kept = usable[position] and keep(P, Q, i, j, U[position], V[position])
            left += 0 if kept else 1
    return left


@njit(cache=True, nogil=True)
def gather_leaders(P, Q, single, leader):
    """Sum the duals that each (i,j) holds."""
    size = len(P)
    leader[:] = single
    for k in range(size):
        for i in range(size):
            for j in range(size):
                leader[i, j] += P[k, i, j] + Q[k, i, j]


@njit(cache=True, nogil=True)
def spread_leaders(P, blocked, reduced):
    """Give what leaders have above the bound back to their pairs, evenly."""
    size = len(P)
    for k in range(size):
        for i in range(size):
            if i != k:
                for j in range(size):
                    if blocked[i, j] == 0:
                        P[k, i, j] -= min(reduced[i, j] // (size - 1), MOST_SPREAD)


@njit(cache=True, nogil=True)
def assign_leaders(blocked, leader, reduced, columns, beta, work):
    """Solve the assignment of the leaders.

    Parameters
    ----------
    reduced : np.ndarray, shape (N, N), int64
        Filled: what using i -> j costs at least above the bound.
    columns : np.ndarray, shape (N,), int64
        Filled with the leader assignment: a permutation worth trying.
    beta : np.ndarray, shape (N,), int64
        Filled with its duals of the columns.

    Returns
    -------
    int
        The bound in units; 2^62 where no permutation avoids what is blocked.
    """
    size = len(leader)
    matrix = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            matrix[i, j] = UNUSABLE if blocked[i, j] else float(leader[i, j])
    rows = np.empty(size, dtype=np.int64)
    u, v = np.empty(size), np.empty(size)
    assign(matrix, columns, rows, u, v, work.floats[:3], work.places)
    bound = 0
    for i in range(size):
        if blocked[i, columns[i]]:
            return 1 << 62
        bound += leader[i, columns[i]]
    for j in range(size):
        beta[j] = np.int64(v[j])
    for i in range(size):
        for j in range(size):
            slack = leader[i, j] - np.int64(u[i]) - np.int64(v[j])
            reduced[i, j] = 0 if blocked[i, j] else max(slack, 0)
    return bound
