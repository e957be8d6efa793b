"""Duals to start an ascent from: feasible, cheap, and already a bound."""

import numpy as np
from numba import njit

from blindmatch.fixed_point import FixedPoint
from blindmatch.solvers._sweep import Costs

#: More than the rounding errors of the prices below, far less than one unit.
_ROUNDING = 2.0**-10


def first_duals(fixed_point: FixedPoint, costs: Costs) -> tuple[np.ndarray, np.ndarray]:
    """P and Q of `_sweep` for a whole problem.

    With one product of matrices this is the bound of Gilmore and Lawler: (i,j) is given the part
    A_ik B_jl of each of its pair costs. Parts are products a_k b_l, whose assignment is solved by
    sorting (rearrangement inequality) and whose duals follow from the sorted order (Monge
    property): O(N^3) in all. Otherwise every assignment takes half of each row's least pair cost.
    """
    size = fixed_point.size
    P, Q = np.zeros((2, size, size, size), dtype=np.int32)
    if len(fixed_point.a) == 1 and not len(costs.table):
        scaled = np.ldexp(fixed_point.a[0].astype(np.float64), -fixed_point.shift)
        _sorted(scaled, fixed_point.b[0].astype(np.float64), P, Q)
    else:
        _halves(costs, P)
    return P, Q


@njit(cache=True, nogil=True)
def _sorted(A, B, P, Q):
    """Optimal duals of ``min_sigma sum_k A[i,k] B[j,sigma(k)]`` for every (i,j)."""
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
                Q[l, i, j] = np.int32(np.floor(price))
                P[k, i, j] = np.int32(np.floor(a * b - price - _ROUNDING))
                earlier_a, earlier_b, first = a, b, False


@njit(cache=True, nogil=True)
def _halves(costs, P):
    size = len(P)
    terms = len(costs.a)
    tabled = len(costs.table) > 0
    for i in range(size):
        for j in range(size):
            for k in range(size):
                if k == i:
                    continue
                least = 2.0**31
                for l in range(size):  # noqa: E741
                    if l == j:
                        continue
                    if tabled:
                        pair = float(costs.table[i, j, k, l])
                    else:
                        pair = 0.0
                        for term in range(terms):
                            pair += costs.a[term, i, k] * costs.b[term, j, l]
                    least = min(least, pair)
                P[k, i, j] = np.int32(np.floor(0.5 * np.floor(least)))
