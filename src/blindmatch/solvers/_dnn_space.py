"""Where feasible matrices of the doubly nonnegative relaxation live.

Vectors are y = (1, x) with x[i * N + j] = 1 where i -> j. Rows and columns of x sum to one, so
y y' = V R V' with orthonormal V of N * N + 1 rows and (N - 1)^2 + 1 columns; V is never formed.
Array arguments named `xp` are NumPy or PyTorch: both know every function used here.
"""

import numpy as np


class Face:
    """V, whose columns are (1, 1/N ... 1/N) / sqrt 2 and products of two vectors of sum zero.

    Parameters
    ----------
    size : int
        N.
    xp : module
    options : dict
        dtype and device of the arrays.
    """

    def __init__(self, size: int, xp, options: dict) -> None:
        mirror = np.full(size, size**-0.5)
        mirror[0] -= 1.0
        basis = np.eye(size) - 2.0 * np.outer(mirror, mirror) / (mirror @ mirror)
        self.size, self.xp = size, xp
        self.basis = xp.asarray(np.ascontiguousarray(basis[:, 1:]), **options)
        self.order = (size - 1) ** 2 + 1

    def compress(self, matrix):
        """V' matrix V of a symmetric matrix."""
        size, basis = self.size, self.basis
        inner = matrix[1:, 1:]
        for _ in range(2):
            inner = basis.T @ inner.reshape(size, -1)
            inner = (basis.T @ inner.reshape(size - 1, size, -1)).reshape(self.order - 1, -1).T
        middle = (matrix[0] + matrix[1:].sum(0) / size) / 2**0.5
        result = self.xp.empty_like(matrix[: self.order, : self.order])
        result[0, 0] = (middle[0] + middle[1:].sum() / size) / 2**0.5
        result[0, 1:] = (basis.T @ middle[1:].reshape(size, size) @ basis).reshape(-1)
        result[1:, 0] = result[0, 1:]
        result[1:, 1:] = inner
        return result

    def lift(self, vectors):
        """V vectors."""
        size, basis, count = self.size, self.basis, vectors.shape[1]
        inner = basis @ vectors[1:].reshape(size - 1, (size - 1) * count)
        inner = (basis @ inner.reshape(size, size - 1, count)).reshape(size * size, count)
        first = vectors[:1] / 2**0.5
        return self.xp.concatenate([first, inner + first / size])


def possible(allowed: np.ndarray) -> np.ndarray:
    """Which entries of y y' can be positive: 1.0 or 0.0, shape (N * N + 1, N * N + 1)."""
    size = len(allowed)
    same = np.eye(size, dtype=bool)
    exclusive = same[:, None, :, None] ^ same[None, :, None, :]
    entries = np.ones((size * size + 1,) * 2)
    entries[1:, 1:] = ~exclusive.reshape(size * size, -1)
    alive = np.append(True, allowed)
    return entries * np.outer(alive, alive)


def average_arrow(matrix):
    """Mean of first row, first column and diagonal, without the leading entry."""
    return (matrix[0, 1:] + matrix[1:, 0] + matrix.diagonal()[1:]) / 3.0


def set_arrow(matrix, values) -> None:
    """Write first row, first column and diagonal of a C-ordered matrix, but the leading entry."""
    matrix[0, 1:] = values
    matrix[1:, 0] = values
    stride = len(matrix) + 1
    matrix.reshape(-1)[stride::stride] = values


def _coefficients(matrix: np.ndarray, size: int) -> np.ndarray:
    """Project columns onto the span of the constraints -1 + sum_j x_ij and -1 + sum_i x_ij.

    Returns the coefficients of either kind, shape (2, N, columns).
    """
    entries = matrix[1:].reshape(size, size, -1)
    excess = np.stack([entries.sum(1), entries.sum(0)]) - matrix[0]
    # Every row constraint overlaps with every column constraint, so that the sum is solved first.
    return (excess - 0.75 / size * excess.sum(1, keepdims=True)) / size


def _combination(coefficients: np.ndarray) -> np.ndarray:
    rows, columns = coefficients
    entries = (rows[:, None] + columns[None]).reshape(-1, rows.shape[1])
    return np.concatenate([-coefficients.sum((0, 1))[None], entries])


def without_constraints(matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal projection of a symmetric matrix onto the form V R V'.

    What is taken away is zero on every permutation: constraints times coefficients, and the
    transpose of that.

    Returns
    -------
    projected : np.ndarray, shape (N * N + 1, N * N + 1)
    coefficients : np.ndarray, shape (2, N, N * N + 1)
        Off the diagonal, entry (i, j), (k, l) of what is taken away is
        ``c[0, i, kl] + c[1, j, kl] + c[0, k, ij] + c[1, l, ij]``.
    """
    half = matrix - 0.5 * _combination(_coefficients(matrix, size)).T
    coefficients = _coefficients(half, size)
    taken = _combination(coefficients)
    return matrix - taken - taken.T, coefficients


def visible_part(matrix: np.ndarray, entries: np.ndarray, size: int, *, rounds: int = 4):
    """The part of a cost matrix that feasible matrices see: of least norm, nearly.

    The value on feasible matrices stays. Alternating projections onto the form V R V', and onto
    the entries that can be positive and have the first row as diagonal.

    Returns
    -------
    matrix : np.ndarray, shape (N * N + 1, N * N + 1)
    coefficients : np.ndarray, shape (2, N, N * N + 1)
        Of the constraints that were taken away, as `without_constraints` gives them.
    """
    removed = np.zeros((2, size, len(matrix)))
    matrix = matrix * entries
    for _ in range(rounds):
        matrix, coefficients = without_constraints(matrix, size)
        removed += coefficients
        matrix *= entries
        set_arrow(matrix, average_arrow(matrix))
    return matrix, removed
