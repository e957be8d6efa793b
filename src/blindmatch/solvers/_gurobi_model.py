"""Quadratic assignment as binary programs, built from whole matrices."""

import gurobipy
import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from blindmatch.qap import QAP
from blindmatch.solvers._pair_costs import PairCosts


def build(model: gurobipy.Model, problem: QAP, unit: float, formulation: str) -> gurobipy.MVar:
    """Make an empty model that of a problem whose costs are divided by `unit`, less the constant.

    Parameters
    ----------
    model : gurobipy.Model
    problem : QAP
    unit : float
    formulation : {"linear", "quadratic"}
        As for `Gurobi`.

    Returns
    -------
    gurobipy.MVar, shape (N * N,), binary
        Entry ``i * N + j`` is 1 where row i gets column j.
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
    pairs = sum(sparse.kron(a, b, format="csr") for a, b in zip(A, B, strict=True))
    if formulation == "quadratic":
        model.setObjective(x @ pairs @ x + single @ x)
        return x
    least, most = (extreme.ravel() for extreme in pair_cost_ranges(A, B))
    # Where x_ij = 1, w_ij + least_ij is what its pairs cost; where x_ij = 0, w_ij can be 0.
    w = model.addMVar(size * size)
    model.addConstr(w + sparse.diags_array(least - most) @ x - pairs @ x >= -most)
    model.setObjective(w.sum() + (least + single) @ x)
    return x


def pair_cost_ranges(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between what values lie the costs that are charged to each assignment.

    Parameters
    ----------
    A, B : np.ndarray, shape (terms, N, N)
        Pair (i, j), (k, l) charges ``sum_t A[t, i, k] B[t, j, l]`` to (i, j). Diagonals are zero.

    Returns
    -------
    least : np.ndarray, shape (N, N)
        At least this is charged in matchings that contain (i, j) (Gilmore, 1962; Lawler, 1963).
    most : np.ndarray, shape (N, N)
        At most this is charged, also by matchings that do not contain (i, j).
    """
    size = A.shape[-1]
    least, most = np.empty((2, size, size))
    for i in range(size):
        others = np.delete(np.arange(size), i)
        for j in range(size):
            charged = np.tensordot(A[:, i], B[:, j], axes=(0, 0))
            most[i, j] = charged[linear_sum_assignment(charged, maximize=True)].sum()
            inner = np.delete(charged[others], j, axis=1)
            least[i, j] = inner[linear_sum_assignment(inner)].sum()
    return least, most
