"""Small problems of every kind, and what is true about them in exact arithmetic."""

import itertools
import math
from fractions import Fraction

import numpy as np

from blindmatch.qap import QAP

#: What `random_problem` makes.
KINDS = (
    "symmetric",
    "asymmetric",
    "mixed",
    "linear",
    "diagonals",
    "ties",
    "duplicates",
    "huge",
    "tiny",
    "spread",
    "integers",
    "levels",
    "terms",
    "forbidden",
    "constant",
    "kernels",
    "sparse",
)


def random_problem(kind: str, size: int, seed: int) -> QAP:
    """A problem of a kind; the same for the same arguments."""
    rng = np.random.default_rng([KINDS.index(kind), size, seed])
    A, B = rng.normal(size=(2, size, size))
    linear, forbidden, constant = None, None, float(seed % 3) / 7
    if kind in ("symmetric", "huge", "tiny", "forbidden"):
        A, B = A + A.T, B + B.T
    if kind == "mixed":
        A = A + A.T
    if kind != "diagonals":
        np.fill_diagonal(A, 0.0)
        np.fill_diagonal(B, 0.0)
    if kind == "linear":
        linear = rng.normal(size=(size, size)) * 10.0 ** rng.integers(-3, 4)
    if kind == "ties":
        A, B = np.round(A), np.round(B)
        linear = np.round(rng.normal(size=(size, size)))
    if kind == "duplicates":
        same = rng.integers(size, size=(2, size))
        A, B = (X[np.ix_(s, s)] for X, s in zip((A, B), same, strict=True))
    if kind == "huge":
        A, B, constant = A * 1e140, B * 1e120, constant * 1e250
    if kind == "tiny":
        A, B, constant = A * 1e-150, B * 1e-130, 0.0
    if kind == "spread":
        A, B = (X * 10.0 ** rng.integers(-12, 13, size=X.shape) for X in (A, B))
    if kind == "integers":
        A, B = rng.integers(-99, 100, size=(2, size, size)).astype(float)
        linear = rng.integers(-999, 1000, size=(size, size)).astype(float)
    if kind == "levels":
        A, B = (rng.random((2, size, size)) < 0.4) * np.sqrt(rng.random((2, 1, 1)))
    if kind == "terms":
        A, B = (np.stack([X, X + X.T, rng.normal(size=X.shape)]) for X in (A, B))
    if kind == "forbidden":
        forbidden = rng.random((size, size)) < 0.4
        forbidden[np.arange(size), rng.permutation(size)] = False
    if kind == "constant":
        A, B = np.full((size, size), rng.normal()), np.full((size, size), rng.normal())
    if kind == "kernels":
        A, B = (_kernel(rng.normal(size=(size, 4))) for _ in range(2))
        constant = float(np.sum(A**2) + np.sum(B**2))
        A, B = -A, 2 * B
    if kind == "sparse":
        A, B = (X * (rng.random(X.shape) < 0.3) for X in (A, B))
    return QAP(A, B, linear, constant, forbidden)


def planted_problem(size: int, noise: float, seed: int = 0) -> tuple[QAP, np.ndarray]:
    """Distances of a cloud against those of its noisy, shuffled copy; and the shuffle."""
    rng = np.random.default_rng([size, seed])
    cloud, shuffle = rng.normal(size=(size, 8)), rng.permutation(size)
    other = np.empty_like(cloud)
    other[shuffle] = cloud + noise * rng.normal(size=cloud.shape)
    A, B = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (cloud, other))
    return QAP(-A, 2 * B, constant=np.sum(A**2) + np.sum(B**2)), shuffle


def hurry_relaxation(patch) -> None:
    """With pytest's `monkeypatch`: solvers give up the first tree after its root, and relax."""
    from blindmatch.solvers import _tree
    from blindmatch.solvers._run import Run

    branch = Run._branch

    def hurried(self, *given, budget=math.inf):
        return branch(self, *given, budget=0.0 if budget < math.inf else budget)

    patch.setattr(Run, "_branch", hurried)
    patch.setattr(_tree, "_MOST_SWEEPS", 1)


def permutations(size: int) -> np.ndarray:
    """All of them, shape (size!, size)."""
    return np.array(list(itertools.permutations(range(size))))


def exact_costs(problem: QAP, ways: np.ndarray) -> list[Fraction]:
    """Costs of permutations, shape (ways, N), without any rounding."""
    total = np.full(len(ways), Fraction(problem.constant))
    rows = np.arange(problem.size)
    for A, B in zip(problem.A_terms, problem.B_terms, strict=True):
        (a, scale_a), (b, scale_b) = _integers(A), _integers(B)
        chosen = b[ways[:, :, None], ways[:, None, :]]
        total = total + (a * chosen).sum(axis=(1, 2)) * (scale_a * scale_b)
    if problem.linear is not None:
        linear, scale = _integers(problem.linear)
        total = total + linear[rows, ways].sum(axis=1) * scale
    return total.tolist()


def least_cost(problem: QAP) -> Fraction:
    """The optimum, by enumeration."""
    ways = [p for p in permutations(problem.size) if problem.feasible(p)]
    return min(exact_costs(problem, np.array(ways)))


def _integers(matrix: np.ndarray) -> tuple[np.ndarray, Fraction]:
    """Python integers and a scale whose product is the matrix."""
    parts = [value.as_integer_ratio() for value in matrix.ravel().tolist()]
    common = max(denominator for _, denominator in parts)  # all of them are powers of two
    whole = np.empty(len(parts), dtype=object)
    whole[:] = [numerator * (common // denominator) for numerator, denominator in parts]
    return whole.reshape(matrix.shape), Fraction(1, common)


def _kernel(points: np.ndarray) -> np.ndarray:
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    return points @ points.T
