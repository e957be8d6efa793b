"""Robust tabu search (Taillard, 1991) over swaps, compiled: where incumbents come from.

The change of cost by every swap is kept up to date, O(1) for each swap that shares no item with the
last move. A search starts with steepest descent, so no separate 2-opt is needed. Searches are meant
to be short and many: long ones get trapped, which is why the rule for stale moves is left out.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def swap_change(A, B, single, p, r, s):
    """Change of cost when rows r and s exchange their columns, in O(N).

    `A`, `single` and B are those of `PairCosts`, but `B` in the order of the permutation p:
    ``B[t,i,k]`` belongs to the columns p[i], p[k].
    """
    change = single[r, p[s]] + single[s, p[r]] - single[r, p[r]] - single[s, p[s]]
    for term in range(len(A)):
        a_r, a_s, b_r, b_s = A[term, r], A[term, s], B[term, r], B[term, s]
        for k in range(len(p)):
            change += (a_r[k] - a_s[k]) * (b_s[k] - b_r[k])
        if term == 0:
            # Symmetric parts do not feel the exchange of the pair (r, s) itself; skew parts do,
            # by just what the sum over all k has counted.
            change += 2.0 * a_r[s] * b_r[s]
    return change


@njit(cache=True, nogil=True)
def _swap(B, p, r, s):
    p[r], p[s] = p[s], p[r]
    for term in range(len(B)):
        for k in range(len(p)):
            B[term, r, k], B[term, s, k] = B[term, s, k], B[term, r, k]
        for k in range(len(p)):
            B[term, k, r], B[term, k, s] = B[term, k, s], B[term, k, r]


@njit(cache=True, nogil=True)
def _update(A, B, single, p, changes, r, s):
    """Bring the changes of all swaps up to date after rows r and s have exchanged columns."""
    size = len(p)
    for term in range(len(A)):
        x = A[term, r] - A[term, s]
        y = B[term, s] - B[term, r]
        for u in range(size):
            x_u, y_u = x[u], y[u]
            row = changes[u]
            for v in range(u + 1, size):
                row[v] += (x_u - x[v]) * (y_u - y[v])
    for k in range(size):
        if k != r:
            changes[min(k, r), max(k, r)] = swap_change(A, B, single, p, min(k, r), max(k, r))
        if k != s:
            changes[min(k, s), max(k, s)] = swap_change(A, B, single, p, min(k, s), max(k, s))


@njit(cache=True, nogil=True)
def _best_swap(changes, until, p, move, aspired):
    """The least change among swaps that are allowed, or better than `aspired`."""
    size = len(p)
    lowest = np.inf
    best_r = best_s = -1
    for r in range(size):
        row = changes[r]
        for s in range(r + 1, size):
            if row[s] < lowest:
                allowed = until[r, p[s]] <= move or until[s, p[r]] <= move
                if allowed or row[s] < aspired:
                    lowest, best_r, best_s = row[s], r, s
    return best_r, best_s


@njit(cache=True, nogil=True)
def tabu_search(A, B, single, start, patience, rng):
    """Search from a permutation until `patience` moves in a row bring nothing new.

    Parameters
    ----------
    A, B, single : np.ndarray
        Of `PairCosts`.
    start : np.ndarray, shape (N,), int64
    patience : int
    rng : np.random.Generator
        For the lengths of prohibitions.

    Returns
    -------
    best : np.ndarray, shape (N,), int64
        The best permutation met.
    gain : float
        Its cost less that of `start`, up to rounding.
    """
    size = len(start)
    p, best = start.copy(), start.copy()
    ordered = np.empty_like(B)
    for i in range(size):
        for k in range(size):
            ordered[:, i, k] = B[:, p[i], p[k]]
    changes = np.zeros((size, size))
    for r in range(size):
        for s in range(r + 1, size):
            changes[r, s] = swap_change(A, ordered, single, p, r, s)
    # Sums of many changes drift: what is less than this may be rounding, and no reason to go on.
    scale = np.max(np.abs(single))
    for term in range(len(A)):
        scale += np.max(np.abs(A[term])) * np.max(np.abs(B[term]))
    noise = max(1e-10 * scale, 1e-290)
    until = np.zeros((size, size), dtype=np.int64)
    cost = least = 0.0
    move = last = 0
    while move - last < patience:
        r, s = _best_swap(changes, until, p, move, least - cost)
        move += 1
        if r < 0:
            continue
        cost += changes[r, s]
        until[r, p[r]] = move + int(size * (0.9 + 0.2 * rng.random()))
        until[s, p[s]] = move + int(size * (0.9 + 0.2 * rng.random()))
        _swap(ordered, p, r, s)
        _update(A, ordered, single, p, changes, r, s)
        if cost < least - noise:
            least, last = cost, move
            best[:] = p
    return best, least
