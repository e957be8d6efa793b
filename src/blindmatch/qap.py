"""The problem and its solution: quadratic assignment and matching."""

import dataclasses
import functools

import numpy as np

from blindmatch.errors import BlindmatchError


def _matrix(name: str, value: object) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise BlindmatchError(f"{name}: expected a square matrix, found shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise BlindmatchError(f"{name}: expected real numbers, found {array.dtype}")
    array = np.array(array, dtype=np.float64, order="C")
    bad = ~np.isfinite(array)
    if bad.any():
        i, j = np.unravel_index(bad.argmax(), array.shape)
        raise BlindmatchError(
            f"{name}: expected finite numbers, found {array[i, j]} at row {i}, column {j}"
        )
    array.setflags(write=False)
    return array


@dataclasses.dataclass(frozen=True, eq=False)
class QAP:
    """Quadratic assignment problem in Koopmans-Beckmann form.

    Minimise over permutations p of N items

        sum_ik A[i, k] B[p(i), p(k)] + sum_i linear[i, p(i)] + constant.

    Rows of `A` are vision items, rows of `B` language items. Matrices may be asymmetric and have
    any diagonal; they are copied to float64 and read-only.

    Parameters
    ----------
    A, B : array_like, shape (N, N)
    linear : array_like, shape (N, N), optional
    constant : float, optional

    Raises
    ------
    BlindmatchError
        If a matrix is not square, of another size than `A`, not real or not finite.
    """

    A: np.ndarray
    B: np.ndarray
    linear: np.ndarray | None = None
    constant: float = 0.0

    def __post_init__(self) -> None:
        for name in ("A", "B", "linear"):
            value = getattr(self, name)
            if name == "linear" and value is None:
                continue
            matrix = _matrix(name, value)
            if matrix.shape != np.shape(self.A):
                raise BlindmatchError(
                    f"{name}: expected shape {np.shape(self.A)} as A, found {matrix.shape}"
                )
            object.__setattr__(self, name, matrix)
        constant = float(self.constant)
        if not np.isfinite(constant):
            raise BlindmatchError(f"constant: expected a finite number, found {constant}")
        object.__setattr__(self, "constant", constant)

    @property
    def size(self) -> int:
        """Number of items N."""
        return len(self.A)

    @functools.cached_property
    def symmetric(self) -> bool:
        """Whether both matrices equal their transposes."""
        return np.array_equal(self.A, self.A.T) and np.array_equal(self.B, self.B.T)

    def cost(self, permutation: np.ndarray) -> float:
        """Objective value of a permutation, shape (N,).

        Raises
        ------
        BlindmatchError
            If it is not a permutation of 0 ... N-1.
        """
        p = np.asarray(permutation)
        numbers = p.shape == (self.size,) and p.dtype.kind in "iu"
        if not numbers or not np.array_equal(np.sort(p), np.arange(self.size)):
            raise BlindmatchError(
                f"permutation: expected each of 0 ... {self.size - 1} once, found {p.tolist()}"
            )
        cost = float(np.sum(self.A * self.B[np.ix_(p, p)])) + self.constant
        if self.linear is not None:
            cost += float(np.sum(self.linear[np.arange(self.size), p]))
        return cost

    @classmethod
    def from_metric(cls, metric, vision: np.ndarray, language: np.ndarray) -> "QAP":
        """The problem whose cost is the metric's loss between two kernels.

        With the decomposition l(a, b) = f1(a) + f2(b) - h1(a) h2(b) the sum of l over all pairs is
        a QAP with A = -h1(vision), B = h2(language) (paper, section 3; Peyre et al. 2016, prop. 1).

        Parameters
        ----------
        metric : blindmatch.metrics.Metric
        vision, language : np.ndarray, shape (N, N)
            Kernels as the metric compares them (after its `finish`).
        """
        loss = metric.loss
        vision, language = _matrix("vision", vision), _matrix("language", language)
        constant = float(np.sum(loss.f1(vision)) + np.sum(loss.f2(language)))
        return cls(-loss.h1(vision), loss.h2(language), constant=constant)


@dataclasses.dataclass(frozen=True, eq=False)
class Matching:
    """What a solver found.

    Attributes
    ----------
    permutation : np.ndarray, shape (N,), int64
        ``permutation[i] = j``: vision row i is language row j.
    cost : float
        Objective value of the permutation, recomputed from the problem.
    bound : float
        Proved lower bound on every permutation's cost; -inf where the solver gives none.
    optimal : bool
        True only when proved: cost - bound <= tolerance.
    status : str
        "optimal", "time limit", "iteration limit", "stalled" or "heuristic".
    seconds : float
        Wall-clock time of the solve, without compilation.
    iterations : int
        Sweeps, starts or nodes: what the solver counts.
    tolerance : float
        The absolute gap up to which `optimal` was granted.
    certificate : object or None
        Duals from which the bound can be recomputed.
    history : tuple of (seconds, cost, bound)
        How incumbent and bound improved.
    """

    permutation: np.ndarray
    cost: float
    bound: float
    optimal: bool
    status: str
    seconds: float
    iterations: int
    tolerance: float = 0.0
    certificate: object = None
    history: tuple[tuple[float, float, float], ...] = ()

    @property
    def gap(self) -> float:
        """(cost - bound) / |cost|; 0 for a proved optimum, inf without a bound."""
        if self.optimal or self.cost == self.bound:
            return 0.0
        return (self.cost - self.bound) / abs(self.cost) if self.cost else float("inf")
