"""Costs of many permutations of one large problem, compiled."""

import numpy as np
from numba import njit

#: Sums may be taken in the order that fills vector registers.
_FAST = {"reassoc", "contract"}


@njit(cache=True, nogil=True, fastmath=_FAST)
def dense_costs(
    A: np.ndarray, B: np.ndarray, permutations: np.ndarray, symmetric: bool
) -> np.ndarray:
    """sum_ij A[i, j] B[p(i), p(j)] for each p; of symmetric matrices the lower half is read."""
    draws, size = permutations.shape
    costs = np.zeros(draws)
    for i in range(size):
        end = i if symmetric else size
        for draw in range(draws):  # innermost but one: row i of A stays in the cache
            p = permutations[draw]
            row = B[p[i]]
            total = 0.0
            for j in range(end):
                total += A[i, j] * row[p[j]]
            costs[draw] += 2 * total + A[i, i] * row[p[i]] if symmetric else total
    return costs


@njit(cache=True, nogil=True, fastmath=_FAST)
def sparse_costs(
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    B: np.ndarray,
    permutations: np.ndarray,
) -> np.ndarray:
    """The same where A is given by its entries other than 0."""
    costs = np.zeros(len(permutations))
    for draw in range(len(permutations)):
        p = permutations[draw]
        for entry in range(len(values)):
            costs[draw] += values[entry] * B[p[rows[entry]], p[columns[entry]]]
    return costs
