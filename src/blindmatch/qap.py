"""The problem and its solution: quadratic assignment and matching."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from blindmatch._arrays import (
    anchor_pairs,
    expect_shape,
    forbidden_mask,
    real_array,
    real_number,
    square_matrices,
)
from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line

#: Problems whose costs could come near the end of floating point are refused.
_LARGEST_COST = 1e290


@dataclasses.dataclass(frozen=True, eq=False)
class QAP:
    """Quadratic assignment problem in Koopmans-Beckmann form.

    Minimise over all ways p to give each of N rows a column of its own among M >= N

        sum_t sum_ik A_t[i, k] B_t[p(i), p(k)] + sum_i linear[i, p(i)] + constant.

    Rows are vision items, columns language items. Matrices may be asymmetric and have any diagonal;
    they are copied to float64 and read-only.

    Parameters
    ----------
    A : array_like, shape (N, N) or (T, N, N)
    B : array_like, shape (M, M) or (T, M, M)
        One matrix each, or T terms whose costs add up.
    linear : array_like, shape (N, M), optional
    constant : float, optional
    forbidden : array_like of bool, shape (N, M), optional
        Pairs of row and column that no matching may use.

    Raises
    ------
    BlindmatchError
        If shapes do not fit, numbers are not real, not finite or so large that costs overflow, or
        if the allowed pairs leave some rows without a column.
    """

    A: np.ndarray
    B: np.ndarray
    linear: np.ndarray | None = None
    constant: float = 0.0
    forbidden: np.ndarray | None = None

    def __post_init__(self) -> None:
        given = {"A": square_matrices("A", self.A), "B": square_matrices("B", self.B)}
        A, B = given.values()
        if A.shape[:-2] != B.shape[:-2]:
            raise BlindmatchError(
                f"B: expected as many terms as A, of shape {A.shape}, found shape {B.shape}"
            )
        if A.shape[-1] > B.shape[-1]:
            raise BlindmatchError(
                f"B: expected at least {A.shape[-1]} items as A, found {B.shape[-1]}; exchange the "
                "two sides and read the matching backwards"
            )
        shape = A.shape[-1], B.shape[-1]
        if self.linear is not None:
            given["linear"] = expect_shape("linear", real_array("linear", self.linear), shape)
        given["constant"] = real_number("constant", self.constant)
        if self.forbidden is not None:
            given["forbidden"] = forbidden_mask(self.forbidden, shape)
        for name, value in given.items():
            object.__setattr__(self, name, value)
        if not self.magnitude < _LARGEST_COST:
            raise BlindmatchError(
                f"QAP: expected costs below {_LARGEST_COST:g}, found products of A and B or linear "
                f"terms that can add up to {self.magnitude:g}; rescale the matrices"
            )

    @property
    def size(self) -> int:
        """Number of rows N."""
        return self.A.shape[-1]

    @property
    def columns(self) -> int:
        """Number of columns M."""
        return self.B.shape[-1]

    @property
    def A_terms(self) -> np.ndarray:
        """`A` as a stack of terms, shape (T, N, N)."""
        return self.A.reshape(-1, self.size, self.size)

    @property
    def B_terms(self) -> np.ndarray:
        """`B` as a stack of terms, shape (T, M, M)."""
        return self.B.reshape(-1, self.columns, self.columns)

    @functools.cached_property
    def idle(self) -> np.ndarray:
        """Rows that cost nothing anywhere, such as `square` adds; shape (N,), bool."""
        used = (self.A_terms != 0).any(axis=0)
        busy = used.any(axis=0) | used.any(axis=1)
        return ~busy if self.linear is None else ~(busy | (self.linear != 0).any(axis=1))

    @property
    def linear_costs(self) -> np.ndarray:
        """A copy of `linear`, shape (N, M), zeros where there is none."""
        if self.linear is None:
            return np.zeros((self.size, self.columns))
        return self.linear.copy()

    @property
    def forbidden_pairs(self) -> np.ndarray:
        """A copy of `forbidden`, shape (N, M), all false where nothing is."""
        if self.forbidden is None:
            return np.zeros((self.size, self.columns), dtype=bool)
        return self.forbidden.copy()

    @functools.cached_property
    def symmetric(self) -> bool:
        """Whether all matrices equal their transposes."""
        return all(np.array_equal(X, np.swapaxes(X, -1, -2)) for X in (self.A, self.B))

    @functools.cached_property
    def magnitude(self) -> float:
        """What no absolute sum of a cost's parts exceeds, up to rounding."""
        with np.errstate(over="ignore", invalid="ignore"):
            pairs = np.abs(self.A_terms).sum(axis=(1, 2)) * np.abs(self.B_terms).max(axis=(1, 2))
            single = 0.0 if self.linear is None else np.abs(self.linear).max(axis=1).sum()
            return float(pairs.sum() + single + abs(self.constant))

    @functools.cached_property
    def digest(self) -> str:
        """Hexadecimal sha256 of everything that a cost depends on.

        Zeros of either sign count alike, and so do `linear` or `forbidden` left out and empty ones.
        """
        shape = (len(self.A_terms), self.size, self.columns)
        digest = hashlib.sha256("qap {} {} {}\n".format(*shape).encode())
        for part in (self.A, self.B, self.linear_costs, np.float64(self.constant)):
            digest.update((part + 0.0).astype("<f8").tobytes())  # -0.0 + 0.0 is 0.0
        digest.update(self.forbidden_pairs.tobytes())
        return digest.hexdigest()

    def cost(self, permutation: np.ndarray) -> float:
        """Objective value of a matching, shape (N,): the column of each row.

        Raises
        ------
        BlindmatchError
            If it is not N different columns, or uses a forbidden pair.
        """
        p, rows = np.asarray(permutation), np.arange(self.size)
        numbers = p.shape == rows.shape and p.dtype.kind in "iu"
        if not numbers or p.min() < 0 or p.max() >= self.columns or len(np.unique(p)) < len(p):
            raise BlindmatchError(
                f"permutation: expected {self.size} different numbers of 0 ... {self.columns - 1}, "
                f"found {one_line(p.tolist())}"
            )
        if not self.feasible(p):
            row = int(self.forbidden[rows, p].argmax())
            raise BlindmatchError(
                f"permutation: expected allowed pairs, found the forbidden pair ({row}, {p[row]})"
            )
        cost = float(np.sum(self.A * self.B[..., p[:, None], p])) + self.constant
        if self.linear is not None:
            cost += float(np.sum(self.linear[rows, p]))
        return cost

    def feasible(self, permutation: np.ndarray) -> bool:
        """Whether a permutation uses no forbidden pair."""
        return self.forbidden is None or not self.forbidden[np.arange(self.size), permutation].any()

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A random matching without forbidden pairs, shape (N,), int64.

        Each is equally likely where nothing is forbidden; else it is the best assignment under
        random costs, which can be any, though not with equal chances.
        """
        if self.forbidden is None:
            return rng.permutation(self.columns)[: self.size]
        from scipy.optimize import linear_sum_assignment

        costs = rng.random((self.size, self.columns))
        return linear_sum_assignment(np.where(self.forbidden, np.inf, costs))[1]

    def square(self) -> "QAP":
        """The same problem with rows of zeros added until every column is used.

        Costs are the same to the last bit of the input: only zeros are added. A square problem is
        given back as it is.
        """
        extra = self.columns - self.size
        if not extra:
            return self
        rows = ((0, extra), (0, 0))
        return dataclasses.replace(
            self,
            A=np.pad(self.A, ((0, 0),) * (self.A.ndim - 2) + ((0, extra), (0, extra))),
            linear=None if self.linear is None else np.pad(self.linear, rows),
            forbidden=None if self.forbidden is None else np.pad(self.forbidden, rows),
        )

    def anchored(self, pairs: Iterable[tuple[int, int]]) -> "QAP":
        """The same problem where some rows have a fixed column: all else is forbidden to them.

        Parameters
        ----------
        pairs : iterable of (row, column), or array_like, shape (pairs, 2)

        Raises
        ------
        BlindmatchError
            If a pair is out of range or forbidden, or a row or column appears twice.
        """
        rows, columns = anchor_pairs(pairs, (self.size, self.columns))
        if not len(rows):
            return self
        forbidden = self.forbidden_pairs
        for row, column in zip(rows, columns, strict=True):
            if forbidden[row, column]:
                raise BlindmatchError(
                    f"anchors: expected allowed pairs, found the forbidden pair ({row}, {column})"
                )
        forbidden[rows], forbidden[:, columns] = True, True
        forbidden[rows, columns] = False
        return dataclasses.replace(self, forbidden=forbidden)

    def with_unmatched(self, price: float | np.ndarray) -> "QAP":
        """The same problem where each row may stay unmatched at a price.

        Row i gets a column of its own, M + i, that costs the price and nothing else.

        Parameters
        ----------
        price : float or array_like, shape (N,)
            In units of cost; may be negative.
        """
        size = self.size
        prices = real_array("unmatched", price)
        if prices.ndim:
            expect_shape("unmatched", prices, (size,))
        linear = np.hstack([self.linear_costs, np.diag(np.broadcast_to(prices, size))])
        forbidden = np.hstack([self.forbidden_pairs, ~np.eye(size, dtype=bool)])
        B = np.pad(self.B, ((0, 0),) * (self.B.ndim - 2) + ((0, size), (0, size)))
        return dataclasses.replace(self, B=B, linear=linear, forbidden=forbidden)

    def save(self, path: str | Path) -> None:
        """Write as .npz, whole or not at all."""
        from blindmatch.qap_files import NAMES, write_problem

        write_problem(path, {name: getattr(self, name) for name in NAMES})

    @classmethod
    def load(cls, path: str | Path) -> "QAP":
        """Read a problem: .npz as `save` writes it, or .dat of QAPLIB.

        Raises
        ------
        BlindmatchError
            If the file cannot be read or holds no valid problem.
        """
        from blindmatch.qap_files import read_problem

        parts = read_problem(path)
        try:
            return cls(**parts)
        except BlindmatchError as error:
            raise BlindmatchError(f"{path}: {error}") from None

    @classmethod
    def from_metric(
        cls, metric, vision: np.ndarray, language: np.ndarray, *, partial: bool = False
    ) -> "QAP":
        """The problem whose cost is the metric's loss between two kernels.

        With the decomposition l(a, b) = f1(a) + f2(b) - h1(a) h2(b) the sum of l over all pairs of
        rows is a QAP with A = -h1(vision), B = h2(language) (paper, section 3; Peyre et al. 2016,
        prop. 1). Where columns stay free, f2 counts for used ones only: a second term (1, f2).
        Where rows may stay unmatched too, so does f1: a third term (f1, 1) instead of a constant.

        Parameters
        ----------
        metric : blindmatch.metrics.Metric
        vision, language : np.ndarray, shapes (N, N) and (M, M), M >= N
            Kernels as the metric compares them (after its `finish`).
        partial : bool
            Count the pairs of matched rows only: for `with_unmatched`.
        """
        loss = metric.loss
        vision, language = square_matrices("vision", vision), square_matrices("language", language)
        for name, kernel in (("vision", vision), ("language", language)):
            if kernel.ndim != 2:
                raise BlindmatchError(f"{name}: expected one kernel, found shape {kernel.shape}")
        if len(vision) > len(language):
            raise BlindmatchError(
                f"language: expected at least {len(vision)} items as vision, found "
                f"{len(language)}; exchange the two sides and read the matching backwards"
            )
        f1, f2 = loss.f1(vision), loss.f2(language)
        terms, constant = [(-loss.h1(vision), loss.h2(language))], 0.0
        if not partial and len(vision) == len(language):
            constant += float(np.sum(f2))
        elif f2.any():
            terms.append((np.ones_like(vision), f2))
        if not partial:
            constant += float(np.sum(f1))
        elif f1.any():
            terms.append((f1, np.ones_like(language)))
        A, B = zip(*terms, strict=True)
        if len(terms) == 1:
            return cls(A[0], B[0], constant=constant)
        return cls(np.stack(A), np.stack(B), constant=constant)


@dataclasses.dataclass(frozen=True, eq=False)
class Matching:
    """What a solver found.

    Attributes
    ----------
    permutation : np.ndarray, shape (N,), int64
        ``permutation[i] = j``: vision row i is language row j; -1 where it stays unmatched.
    cost : float
        Objective value of the permutation, recomputed from the problem.
    bound : float
        Proved lower bound on every permutation's cost; -inf where the solver gives none.
    optimal : bool
        True only when proved: cost - bound <= tolerance.
    status : str
        "optimal", "time limit", "iteration limit", "stalled", "interrupted", "heuristic", or
        "stopped": a solver without a time limit of its own was stopped at the limit; with
        "without a matching" where a random one stands in.
    seconds : float
        Wall-clock time of the solve, without imports, compilation and building.
    iterations : int
        Sweeps, starts or nodes: what the solver counts.
    tolerance : float
        The absolute gap up to which `optimal` was granted.
    certificate : object or None
        What the bound can be checked by; it belongs to the square problem that was solved
        (`blindmatch.solvers.prepare`).
    history : tuple of (seconds, cost, bound)
        How incumbent and bound improved.
    device : str
        What computed it.
    building : float
        Seconds that went into building another library's model of the problem.
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
    device: str = "cpu"
    building: float = 0.0

    @property
    def gap(self) -> float:
        """(cost - bound) / |cost|; 0 for a proved optimum, inf without a bound."""
        if self.optimal or self.cost == self.bound:
            return 0.0
        return (self.cost - self.bound) / abs(self.cost) if self.cost else float("inf")
