"""Linear assignment: the kernel inside the QAP solvers."""

import dataclasses

import numpy as np

from blindmatch.errors import BlindmatchError

_LARGEST = 1e300


@dataclasses.dataclass(frozen=True, eq=False)
class Assignment:
    """Solution of a linear assignment problem.

    Attributes
    ----------
    columns : np.ndarray, shape (N,), int64
        Column of each row.
    u, v : np.ndarray, shape (N,)
        Duals of rows and columns: ``u[i] + v[j] <= costs[i, j]``, equal where matched, both up to
        rounding. The least total is ``u.sum() + v.sum()``.
    """

    columns: np.ndarray
    u: np.ndarray
    v: np.ndarray


def linear_assignment(costs: np.ndarray) -> Assignment:
    """Match each row with a column of its own at the least total cost.

    Parameters
    ----------
    costs : array_like, shape (N, N)

    Raises
    ------
    BlindmatchError
        If the matrix is not square, not finite, or so large that sums would overflow.
    """
    from blindmatch.lap import _shortest_path

    costs = np.array(costs, dtype=np.float64, order="C")
    if costs.ndim != 2 or costs.shape[0] != costs.shape[1]:
        raise BlindmatchError(f"costs: expected a square matrix, found shape {costs.shape}")
    if not (np.abs(costs) < _LARGEST).all():
        worst = costs.flat[np.argmin(np.abs(costs) < _LARGEST)]
        raise BlindmatchError(f"costs: expected finite numbers below {_LARGEST:g}, found {worst}")
    size = len(costs)
    columns, rows = np.empty((2, size), dtype=np.int64)
    u, v = np.empty((2, size))
    _shortest_path.assign(costs, columns, rows, u, v, *_shortest_path.workspace(size))
    return Assignment(columns, u, v)
