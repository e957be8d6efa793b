"""Dual ascent of Hahn and Grant (1998) on a factorised problem, compiled.

Each assignment i -> j has a leader cost L_ij and a submatrix of pair costs with every (k, l),
k != i, l != j. Duals U_ij (of rows k) and V_ij (of columns l) move pair costs into leaders. What
remains of the pair (i,j), (k,l), seen from both of its sides, must not be negative:

    R = A_ik B_jl + A_ki B_lj - U_ij[k] - V_ij[l] - U_kl[i] - V_kl[j] >= 0,
    L_ij = single_ij + sum_k U_ij[k] + sum_l V_ij[l].

Then no permutation costs less than the linear assignment of L. Only the duals are stored, never
the N^4 pair costs: ``P[i,k,l] = U_kl[i]`` and ``Q[j,k,l] = V_kl[j]``, so that the remainders of one
submatrix are read from contiguous rows.
"""

import dataclasses

import numpy as np
from numba import njit

from blindmatch.lap._shortest_path import _lowest, assign, workspace
from blindmatch.qap import QAP
from blindmatch.solvers._pair_costs import PairCosts


@dataclasses.dataclass(eq=False)
class Duals:
    """State of a dual ascent; feasible at any moment, so it may be used or resumed at any moment.

    Attributes
    ----------
    P, Q : np.ndarray, shape (N, N, N)
        ``P[i,k,l]`` and ``Q[j,k,l]``: what (k,l) has taken of its pairs with row i and column j.
        Entries with ``i == k`` or ``j == l`` stay zero.
    leader : np.ndarray, shape (N, N)
        L, up to rounding.
    alpha, beta : np.ndarray, shape (N,)
        Duals of the leader assignment at the last `settle`.
    columns : np.ndarray, shape (N,)
        The leader assignment itself: a permutation worth trying.
    """

    P: np.ndarray
    Q: np.ndarray
    leader: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    columns: np.ndarray

    @property
    def bound(self) -> float:
        """Lower bound without the problem's constant, up to rounding."""
        return float(self.alpha.sum() + self.beta.sum())

    @property
    def reduced(self) -> np.ndarray:
        """Reduced leaders, shape (N, N): using i -> j costs at least this above the bound."""
        return self.leader - self.alpha[:, None] - self.beta

    def settle(self, costs: PairCosts) -> None:
        """Recompute the leaders from the duals and solve the assignment of the leaders."""
        gather_leaders(self.P, self.Q, costs.single, self.leader)
        columns, rows = np.empty((2, len(self.leader)), dtype=np.int64)
        alpha, beta = np.empty((2, len(self.leader)))
        assign(self.leader, columns, rows, alpha, beta, *workspace(len(self.leader)))
        self.columns, self.alpha, self.beta = columns, alpha, beta

    def spread(self, returned: float = 0.0) -> None:
        """Give what leaders have above the bound back to their pairs, evenly.

        `returned` is taken off the bound as well: it leads out of the points where coordinate
        ascent stalls.
        """
        spread_leaders(self.P, np.maximum(self.reduced, 0.0) + returned / len(self.leader))


def first_duals(problem: QAP, costs: PairCosts) -> Duals:
    """The Gilmore-Lawler bound, as duals.

    One sweep in which (i,j) is given the part A_ik B_jl of each of its pair costs. Parts are
    products a_k b_l, whose assignment is solved by sorting (rearrangement inequality) and whose
    duals follow from the sorted order (Monge property): O(N^3) in all.
    """
    size = len(costs.single)
    P, Q = np.zeros((2, size, size, size))
    sorted_start(problem.A, problem.B, P, Q)
    duals = Duals(P, Q, np.empty((size, size)), *np.zeros((2, size)), np.arange(size))
    duals.settle(costs)
    return duals


@njit(cache=True, nogil=True)
def sorted_start(A, B, P, Q):
    """Add optimal duals of ``min_sigma sum_k A[i,k] B[j,sigma(k)]`` for every (i,j)."""
    size = len(A)
    ascending = np.empty((size, size), dtype=np.int64)
    descending = np.empty((size, size), dtype=np.int64)
    for i in range(size):
        ascending[i] = np.argsort(A[i], kind="mergesort")
        descending[i] = np.argsort(-B[i], kind="mergesort")
    for i in range(size):
        for j in range(size):
            place = 0
            price = 0.0
            earlier_a = earlier_b = 0.0
            first = True
            for k in ascending[i]:
                if k == i:
                    continue
                if descending[j, place] == j:
                    place += 1
                l = descending[j, place]  # noqa: E741
                place += 1
                a, b = A[i, k], B[j, l]
                if not first:
                    # Any slope between the neighbours is feasible; the middle favours neither.
                    price += 0.5 * (a + earlier_a) * (b - earlier_b)
                Q[l, i, j] += price
                P[k, i, j] += a * b - price
                earlier_a, earlier_b, first = a, b, False


@njit(cache=True, nogil=True)
def gather_leaders(P, Q, single, leader):
    """Sum the duals that each (i,j) holds."""
    leader[:] = single
    for k in range(len(P)):
        leader += P[k]
        leader += Q[k]


@njit(cache=True, nogil=True)
def spread_leaders(P, amounts):
    """Lower the row duals of each (i,j) by `amounts` in all."""
    size = len(P)
    for k in range(size):
        for i in range(size):
            if i != k:
                for j in range(size):
                    P[k, i, j] -= amounts[i, j] / (size - 1)


@njit(cache=True, nogil=True)
def remainders(A, B, P, Q, i, j, matrix):
    """Fill `matrix`, shape (N-1, N-1), with what remains of the pairs of (i,j)."""
    size = len(P)
    held = np.empty(size)
    for l in range(size):  # noqa: E741
        held[l] = Q[l, i, j]
    for k in range(size):
        if k == i:
            continue
        target = matrix[k - (k > i)]
        row, column, own = P[i, k], Q[j, k], P[k, i, j]
        for part in range(2):
            start, stop = (0, j) if part == 0 else (j + 1, size)
            for l in range(start, stop):  # noqa: E741
                target[l - part] = -own - held[l] - row[l] - column[l]
            for term in range(len(A)):
                factor = A[term, i, k]
                values = B[term, j]
                for l in range(start, stop):  # noqa: E741
                    target[l - part] += factor * values[l]


@njit(cache=True, nogil=True)
def _balance(matrix, columns, u, v):
    """Move half of each row's slack from its column's dual to its own.

    Among the many optimal duals, augmenting paths return an extreme one; from the middle the
    next submatrices gain more. No slack becomes negative: each loses half of its row's least.
    """
    size = len(matrix)
    slack = np.empty(size)
    reduced = np.empty(size)
    for row in range(size):
        entries = matrix[row]
        for column in range(size):
            reduced[column] = entries[column] - v[column]
        reduced[columns[row]] = np.inf
        slack[row] = max(0.0, _lowest(reduced) - u[row])
    if size > 1:
        for row in range(size):
            u[row] += 0.5 * slack[row]
            v[columns[row]] -= 0.5 * slack[row]


@njit(cache=True, nogil=True)
def ascend(A, B, P, Q, order, start, stop):
    """Solve the submatrices ``order[start:stop]`` (numbers i N + j) and keep their duals."""
    size = len(P)
    matrix = np.empty((size - 1, size - 1))
    columns = np.empty(size - 1, dtype=np.int64)
    rows = np.empty(size - 1, dtype=np.int64)
    u = np.empty(size - 1)
    v = np.empty(size - 1)
    floats = np.empty((3, size - 1))
    integers = np.empty((2, size - 1), dtype=np.int64)
    for number in order[start:stop]:
        i, j = number // size, number % size
        remainders(A, B, P, Q, i, j, matrix)
        assign(matrix, columns, rows, u, v, floats, integers)
        _balance(matrix, columns, u, v)
        for k in range(size):
            if k != i:
                P[k, i, j] += u[k - (k > i)]
            if k != j:
                Q[k, i, j] += v[k - (k > j)]
