"""Quadratic assignment as binary programs, built from whole matrices."""

from collections.abc import Callable

import gurobipy
import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from blindmatch.qap import QAP
from blindmatch.solvers._pair_costs import PairCosts


def imitate(model: gurobipy.Model, size: int, formulation: str) -> None:
    """Make an empty model as large as `build` would: licences count variables and constraints."""
    linear = formulation == "linear"
    x = model.addMVar(size**2 * (1 + linear), vtype="B")
    model.addConstr(sparse.csr_array((2 * size + linear * size**2, x.size)) @ x <= 0.0)
    if not linear:
        model.setObjective(x @ x)


def build(
    model: gurobipy.Model,
    problem: QAP,
    unit: float,
    formulation: str,
    *,
    stop: Callable[[], bool],
) -> gurobipy.MVar | None:
    """Make an empty model that of a problem whose costs are divided by `unit`, less the constant.

    Parameters
    ----------
    model : gurobipy.Model
    problem : QAP
    unit : float
    formulation : {"linear", "quadratic"}
        As for `Gurobi`.
    stop : callable
        Asked now and then whether to give up.

    Returns
    -------
    gurobipy.MVar, shape (N * N,), binary
        Entry ``i * N + j`` is 1 where row i gets column j. None where it was given up.
    """
    size, costs = problem.size, PairCosts.of(problem)
    allowed = ~problem.forbidden_pairs.ravel()
    x = model.addMVar(size * size, vtype="B", ub=allowed.astype(float))
    one, each = np.ones((1, size)), sparse.eye_array(size)
    for lines in (sparse.kron(each, one), sparse.kron(one, each)):
        model.addConstr(sparse.csr_array(lines) @ x == 1.0)
    # Half of each pair's cost is charged to either of its assignments.
    A, B = costs.A / (2.0 * unit), costs.B
    single = np.where(allowed, costs.single.ravel(), 0.0) / unit
    if formulation == "quadratic":
        if stop():
            return None
        pairs = sum(sparse.kron(a, b, format="csr") for a, b in zip(A, B, strict=True))
        model.setObjective(x @ pairs @ x + single @ x)
        return x
    # Where x_ij = 1, w_ij + least_ij is what its pairs cost; where x_ij = 0, w_ij can be 0.
    w = model.addMVar(size * size)
    for i in range(size):
        if stop():
            return None
        own = slice(i * size, (i + 1) * size)
        pairs = np.tensordot(B, A[:, i], axes=(0, 0)).swapaxes(1, 2).reshape(size, -1)
        least, most = pair_cost_ranges(A, B, i)
        narrowed = sparse.diags_array(least - most) @ x[own]
        model.addConstr(w[own] + narrowed - sparse.csr_array(pairs) @ x >= -most)
        single[own] += least
    model.setObjective(w.sum() + single @ x)
    return x


def pair_cost_ranges(A: np.ndarray, B: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray]:
    """Between what values lie the costs that are charged to each assignment of a row.

    Parameters
    ----------
    A, B : np.ndarray, shape (terms, N, N)
        Pair (i, j), (k, l) charges ``sum_t A[t, i, k] B[t, j, l]`` to (i, j). Diagonals are zero.
    i : int

    Returns
    -------
    least : np.ndarray, shape (N,)
        At least this is charged in matchings that contain (i, j) (Gilmore, 1962; Lawler, 1963).
    most : np.ndarray, shape (N,)
        At most this is charged, also by matchings that do not contain (i, j).
    """
    size = A.shape[-1]
    if len(A) == 1:
        # Of a product, the largest factors with the smallest ones (rearrangement inequality).
        others = B[0][~np.eye(size, dtype=bool)].reshape(size, size - 1)
        least = np.sort(others) @ np.sort(np.delete(A[0, i], i))[::-1]
        return least, np.sort(B[0]) @ np.sort(A[0, i])
    least, most = np.empty((2, size))
    for j in range(size):
        charged = np.tensordot(A[:, i], B[:, j], axes=(0, 0))
        most[j] = charged[linear_sum_assignment(charged, maximize=True)].sum()
        inner = np.delete(np.delete(charged, i, axis=0), j, axis=1)
        least[j] = inner[linear_sum_assignment(inner)].sum()
    return least, most
