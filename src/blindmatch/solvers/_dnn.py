"""The doubly nonnegative relaxation of quadratic assignment, solved by operator splitting.

With the vector y = (1, x) of a permutation, x[i * N + j] = 1 where i -> j, the cost is linear in
Y = y y'. The relaxation keeps that Y is positive semidefinite, has the form V R V' (rows and
columns of x sum to one) with trace N + 1, entries in [0, 1], zeros where two assignments exclude
each other, and its first row as diagonal. Cone and entries are split as in Oliveira, Wolkowicz and
Xu (2018) and Graham, Hu, Im, Li and Wolkowicz (2022); here costs are first reduced to the part that
feasible matrices see, and the penalty follows the residuals.

Nothing here is a proof. `Relaxation.factor` returns a matrix G such that the costs without the
nonnegative |G' y|^2 have a high Gilmore-Lawler bound, and duals that show it; whoever rounds them
and checks the result exactly has a proof, whatever happened here.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from blindmatch.errors import BlindmatchError
from blindmatch.solvers._dnn_space import (
    Face,
    average_arrow,
    possible,
    set_arrow,
    visible_part,
    without_constraints,
)
from blindmatch.solvers._gilmore_lawler import Bound, gilmore_lawler

_STEP = 0.9
_FIRST_PENALTY = 0.8  # times N, for costs of Frobenius norm N * N
_PENALTY_FACTOR = 0.85
_PENALTY_EVERY = 5
_VANISHED = 1e-6  # both residuals; float32 gets no further
_RESIDUAL_RATIO = 0.1  # movement of the duals per distance at which the penalty stays


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """What the relaxation has to say about the costs, up to rounding.

    With S = G G' and R = costs - S[1:, 1:], every pair that can be chosen together obeys

        2 R[ij, kl] >= rows[i, j, k] + columns[i, j, l] + rows[k, l, i] + columns[k, l, j],

    and `value` is -S[0, 0] plus the linear assignment bound of

        leaders[i, j] = R[ij, ij] - 2 S[0, ij] + sum_k rows[i, j, k] + sum_l columns[i, j, l].

    Attributes
    ----------
    G : np.ndarray, shape (N * N + 1, rank), float64
        Over the vector (1, x).
    value : float
        Infinite where the allowed assignments hold no permutation.
    leaders : np.ndarray, shape (N, N)
        Infinite where an assignment is not allowed.
    rows, columns : np.ndarray, shape (N, N, N)
        Zero where k = i and l = j.
    """

    G: np.ndarray
    value: float
    leaders: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


def _backend(device: str, precision: str):
    if precision not in ("float32", "float64"):
        raise BlindmatchError(f"precision: expected float32 or float64, found {precision!r}")
    if device == "cpu":
        return np, {"dtype": getattr(np, precision)}
    if device not in ("cuda", "torch-cpu"):
        raise BlindmatchError(f"device: expected cpu, cuda or torch-cpu, found {device!r}")
    try:
        import torch
    except ImportError as error:
        raise BlindmatchError(f"device: {device!r} expects PyTorch, found none") from error
    if device == "cuda" and not torch.cuda.is_available():
        raise BlindmatchError("device: 'cuda' expects a CUDA device, found none")
    return torch, {"dtype": getattr(torch, precision), "device": device.removeprefix("torch-")}


class Relaxation:
    """State of the iteration; `iterate` continues it.

    Parameters
    ----------
    costs : np.ndarray, shape (N * N, N * N)
        Symmetric. A permutation with assignment vector x costs ``x @ costs @ x``; entries of pairs
        that share a row or a column, but not both, are ignored.
    allowed : np.ndarray, shape (N, N), bool, optional
        Assignments that a permutation may use; all by default.
    precision : str
        "float32" or "float64": of the iteration only.
    device : str
        "cpu" runs NumPy and LAPACK, "cuda" PyTorch on a GPU, "torch-cpu" that code without one.

    Attributes
    ----------
    size : int
        N.
    device : str
    iterations : int
    residuals : tuple of two floats
        Distance of the two copies of Y and movement of the duals, both relative.

    Raises
    ------
    BlindmatchError
        If a shape is wrong, or the device or precision is unknown or not there.
    """

    def __init__(self, costs, *, allowed=None, precision="float32", device="cpu") -> None:
        order = len(costs)
        size = round(order**0.5)
        if np.shape(costs) != (size * size,) * 2 or size < 2:
            raise BlindmatchError(
                f"costs: expected shape (N * N, N * N) with N >= 2, found {np.shape(costs)}"
            )
        costs = np.array(costs, dtype=np.float64)
        if not np.isfinite(costs).all():
            raise BlindmatchError("costs: expected finite numbers, found nan or inf")
        if not np.array_equal(costs, costs.T):
            raise BlindmatchError("costs: expected a symmetric matrix, found an asymmetric one")
        allowed = np.ones((size, size), bool) if allowed is None else np.array(allowed, bool)
        if allowed.shape != (size, size):
            raise BlindmatchError(f"allowed: expected shape {(size, size)}, found {allowed.shape}")
        self.size, self._allowed = size, allowed
        self._costs = costs
        self.device = device
        self._xp, self._options = _backend(device, precision)
        self._face = Face(size, self._xp, self._options)
        lifted = np.zeros((order + 1, order + 1))
        lifted[1:, 1:] = costs
        self._reduced, self._removed = self._reduce(lifted)
        self._scale = float(np.linalg.norm(self._reduced)) / order or 1.0
        self._reduced /= self._scale
        self._linear = self._array(self._reduced)
        entries = possible(allowed)
        self._entries = self._array(entries)
        start = entries / (size * (size - 1.0))
        set_arrow(start, entries[0, 1:] / size)
        start[0, 0] = 1.0
        self._primal = self._array(start)
        self._dual = 0.0 * self._primal
        self._penalty = _FIRST_PENALTY * size
        self._rank = self._face.order
        self.iterations = 0
        self.residuals = (np.inf, np.inf)

    def _array(self, array):
        return self._xp.asarray(array, **self._options)

    def _reduce(self, costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Costs over (1, x) without constant and constraints; coefficients of the latter."""
        entries = possible(self._allowed)
        one = np.zeros_like(costs)
        one[0, 0] = 1.0
        costs, removed = visible_part(costs, entries, self.size)
        one, removed_one = visible_part(one, entries, self.size)
        constant = costs[0, 0] / one[0, 0]
        return costs - constant * one, removed - constant * removed_one

    def iterate(self, count: int, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Run a number of iterations: one eigendecomposition of order (N - 1)^2 + 1 each.

        `stop` is asked before each of them whether to end early.
        """
        norm = self._xp.linalg.norm
        for _ in range(count):
            if stop():
                return
            step = _STEP * self._penalty
            root = self._root(self._face.compress(self._primal + self._dual / self._penalty))
            cone = root @ root.T
            self._dual += step * (self._primal - cone)
            previous = self._primal
            self._primal = self._nearest(cone - (self._linear + self._dual) / self._penalty)
            distance = self._primal - cone
            self._dual += step * distance
            self.iterations += 1
            if self.iterations % _PENALTY_EVERY == 0:
                moved = self._penalty * norm(self._primal - previous)
                self._balance(
                    float(norm(distance) / norm(self._primal)),
                    float(moved / (norm(self._dual) + 1e-30)),
                )

    def _balance(self, distance: float, movement: float) -> None:
        """Keep both residuals in proportion; smaller penalties let the primal matrix move."""
        self.residuals = (distance, movement)
        if movement > _RESIDUAL_RATIO * distance:
            self._penalty *= _PENALTY_FACTOR
        elif movement < _RESIDUAL_RATIO / 2.0 * distance:
            self._penalty /= _PENALTY_FACTOR

    def _nearest(self, matrix):
        """The matrix with feasible entries that is nearest."""
        result = matrix.clip(0.0, 1.0) * self._entries
        set_arrow(result, average_arrow(matrix).clip(0.0, 1.0) * self._entries[0, 1:])
        result[0, 0] = 1.0
        return result

    def _root(self, matrix):
        """P such that P P' lies in the cone, has trace N + 1 and is nearest to V matrix V'."""
        trace, order = self.size + 1.0, self._face.order
        count = min(order, self._rank + self._rank // 4 + 8)
        while True:
            values, vectors = self._top(matrix, count)
            spectrum = np.array(values.tolist())[::-1]
            levels = (np.cumsum(spectrum) - trace) / np.arange(1, len(spectrum) + 1)
            self._rank = int((spectrum > levels).sum())
            if self._rank < len(spectrum) or len(spectrum) == order:
                break
            count = min(order, 2 * count)
        level = levels[self._rank - 1]
        weights = self._array(np.sqrt(spectrum[: self._rank] - level)[::-1].copy())
        return self._face.lift(vectors[:, -self._rank :] * weights)

    def _top(self, matrix, count: int):
        """The largest eigenvalues, ascending, and their vectors: all where that is faster."""
        order = self._face.order
        if self._xp is not np:
            return self._xp.linalg.eigh(matrix)
        if 3 * count > order:
            return eigh(matrix, driver="evd", check_finite=False)
        return eigh(
            matrix, driver="evr", subset_by_index=[order - count, order - 1], check_finite=False
        )

    def _numpy(self, array) -> np.ndarray:
        return np.array(array if self._xp is np else array.numpy(force=True), dtype=np.float64)

    def assignment(self) -> np.ndarray:
        """The relaxed permutation, shape (N, N): nearly doubly stochastic, to be rounded."""
        return self._numpy(self._primal[0, 1:]).reshape(self.size, self.size)

    def factor(self) -> Factor:
        """The semidefinite part of the costs without which their Gilmore-Lawler bound is highest.

        Let W be the duals within the face. For every level a, a I - min(W, a) lifted by V is
        positive semidefinite; a few levels around the largest eigenvalues, of which the primal
        matrix uses some, are tried.
        """
        face = Face(self.size, np, {"dtype": np.float64})
        dual = self._numpy(self._dual)
        values, vectors = eigh(face.compress(dual), driver="evd", check_finite=False)
        open_costs = self._reduced + dual
        candidates = {1, self._rank // 2, self._rank, self._rank * 3 // 2} & set(range(len(values)))
        best = None
        for above in sorted(candidates | {0}):
            level = values[-1 - above]
            top = slice(len(values) - above, None)
            used = face.lift(vectors[:, top] * np.sqrt(values[top] - level))
            bound = self._bound(open_costs - used @ used.T)
            value = bound.value - (self.size + 1) * level
            if best is None or value > best[0]:
                best = value, level, bound
        _, level, bound = best
        dropped = values < level
        root = vectors[:, dropped] * np.sqrt(self._scale * (level - values[dropped]))
        dual[np.diag_indices_from(dual)] -= level
        return self._explain(face.lift(root), dual, bound)

    def _bound(self, costs: np.ndarray) -> Bound:
        size = self.size
        single = (costs.diagonal()[1:] + costs[0, 1:] + costs[1:, 0]).reshape(size, size)
        pairs = costs[1:, 1:]
        if not self._allowed.all():
            forbidden = ~self._allowed.reshape(-1)
            prohibitive = 4.0 * size * (np.abs(costs).max() or 1.0)
            pairs = np.where(forbidden | forbidden[:, None], prohibitive, pairs)
            single = np.where(self._allowed, single, size * prohibitive)
        bound = gilmore_lawler(pairs, single)
        return dataclasses.replace(bound, value=bound.value + costs[0, 0])

    def _explain(self, G: np.ndarray, dual: np.ndarray, bound: Bound) -> Factor:
        """Duals of the reduced costs as duals of the costs given."""
        size = self.size
        _, multipliers = without_constraints(dual, size)
        shift = 2.0 * (self._removed - self._scale * multipliers)[:, :, 1:]
        shift = shift.reshape(2, size, size, size).transpose(0, 2, 3, 1)
        rows = self._scale * bound.rows + shift[0]
        columns = self._scale * bound.columns + shift[1]
        index = np.arange(size)
        rows[index, :, index] = 0.0
        columns[:, index, index] = 0.0
        single = self._costs.diagonal() - np.einsum("ar,ar->a", G[1:], G[1:] + 2.0 * G[0])
        leaders = single.reshape(size, size) + rows.sum(2) + columns.sum(2)
        leaders[~self._allowed] = np.inf
        value = np.inf
        if (maximum_bipartite_matching(csr_array(self._allowed)) >= 0).all():
            value = float(leaders[linear_sum_assignment(leaders)].sum() - G[0] @ G[0])
        return Factor(G, value, leaders, rows, columns)


def ascend(
    relaxation: Relaxation,
    *,
    target: float,
    every: int = 25,
    patience: float = 40.0,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Factor]:
    """Iterate and yield a factor now and then; bounds may fall in between, so keep the best.

    Ends when a bound reaches `target`, when both residuals have vanished, or when at the pace of
    the last round the target is more than `patience` rounds away.

    Parameters
    ----------
    target : float
        Cost at which the caller is content: usually the incumbent's.
    every : int
        Iterations of a round.
    stop : callable
        Asked before each iteration; True ends it after one more factor.
    """
    best, slow = -np.inf, 0
    while slow < 2 and max(relaxation.residuals) > _VANISHED:
        relaxation.iterate(every, stop=stop)
        factor = relaxation.factor()
        yield factor
        if stop() or factor.value >= target:
            return
        # One round without progress happens while the penalty falls.
        pace = factor.value - best
        slow = slow + 1 if target - factor.value > patience * pace else 0
        best = max(best, factor.value)
