"""State of a dual ascent on a problem or on what is left of it when some pairs are fixed."""

import copy
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from blindmatch.fixed_point import FixedPoint
from blindmatch.proof import without_dead_ends
from blindmatch.solvers._sweep import (
    BLOCKED,
    Costs,
    ascend,
    assign_leaders,
    gather_leaders,
    keep_part,
    solve_part,
    spread_leaders,
    workspace,
)

#: Seconds between two looks at the clock within a sweep.
_CHUNK_SECONDS = 0.002
#: Parts of a sweep whose submatrices are solved side by side, and items from which that pays.
PARTS, _PARALLEL_SIZE = 20, 40
#: Submatrices between two looks at the clock when they are solved side by side.
_PIECE = 200
#: Bids per row: enough of them, and more where one sweep has to mend infeasible duals.
BIDS, _MENDING_BIDS = 6, 12
#: No permutation is left.
INFEASIBLE = 1 << 62


class Duals:
    """Duals of a problem of n items; feasible between sweeps, so they may be used at any moment.

    Attributes
    ----------
    costs : Costs
    P, Q : np.ndarray, shape (n, n, n), int32
        See `_sweep`; entries with ``i == k`` or ``j == l`` stay zero.
    rows, columns : np.ndarray, shape (n,)
        What the items are called in the whole problem.
    fixed : tuple of (row, column)
        Pairs of the whole problem that are decided.
    constant : int
        Units that the fixed pairs cost.
    bound : int
        No permutation with the fixed pairs and without blocked ones costs fewer units.
    reduced : np.ndarray, shape (n, n), int64
        A permutation that uses i -> j costs at least ``bound + reduced[i, j]``.
    beta : np.ndarray, shape (n,), int64
        Duals of the columns of the leader assignment.
    exhausted : bool
        Whether some duals would have left the range of int32; they stay as they were then.
    suggestion : np.ndarray, shape (n,)
        The leader assignment: a permutation worth trying.
    """

    def __init__(self, costs: Costs, P, Q, *, rows, columns, fixed=(), constant=0) -> None:
        self.costs, self.P, self.Q = costs, P, Q
        self.rows, self.columns, self.fixed, self.constant = rows, columns, fixed, constant
        size = len(P)
        self.leader, self.reduced = np.empty((2, size, size), dtype=np.int64)
        self.suggestion, self.beta = np.empty((2, size), dtype=np.int64)
        self.work = workspace(size)
        self.bound = -INFEASIBLE
        self.exhausted = False
        self.settle()

    @property
    def size(self) -> int:
        """Number of items n that are not fixed."""
        return len(self.P)

    @property
    def lowered(self) -> bool:
        """Whether the costs are those without a semidefinite form (`blindmatch.proof.lowered`)."""
        return len(self.costs.table) > 0

    def settle(self) -> None:
        """Recompute leaders, bound and reduced leaders from the duals."""
        gather_leaders(self.P, self.Q, self.costs.single, self.leader)
        self.solve_leaders()

    def solve_leaders(self) -> None:
        """Bound, reduced leaders and suggestion from the leaders."""
        bound = assign_leaders(
            self.costs.blocked, self.leader, self.reduced, self.suggestion, self.beta, self.work
        )
        self.bound = INFEASIBLE if bound == INFEASIBLE else bound + self.constant

    def hopeless(self, target: int) -> np.ndarray:
        """Which i -> j cost at least `target` and are not blocked yet, as a mask."""
        return (self.bound + self.reduced >= target) & (self.costs.blocked == 0)

    def forced(self) -> tuple[int, int] | None:
        """A pair that is the last choice of its row or column, if there is one."""
        free = self.costs.blocked == 0
        for last in (free.sum(axis=1, keepdims=True) == 1, free.sum(axis=0, keepdims=True) == 1):
            pairs = free & last
            if pairs.any():
                i, j = np.unravel_index(pairs.argmax(), pairs.shape)
                return int(i), int(j)
        return None

    def block(self, pairs: np.ndarray) -> None:
        """Block pairs (a mask) from now on."""
        if pairs.any():
            self.costs.blocked[pairs] = BLOCKED
            self.close_dead_ends()
            self.settle()

    def close_dead_ends(self) -> None:
        """Block pairs as well that no permutation of the others uses."""
        blocked = without_dead_ends(self.costs.blocked != 0)
        self.costs.blocked[True if blocked is None else blocked] = BLOCKED

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the duals."""
        return self.P.copy(), self.Q.copy()

    def restore(self, state: tuple[np.ndarray, np.ndarray]) -> None:
        """Go back to earlier duals."""
        self.P[:], self.Q[:] = state
        self.settle()

    def push(self, before: tuple[np.ndarray, np.ndarray]) -> None:
        """Go on by half of the way from an earlier state to this one: momentum.

        The duals may become infeasible by that; the next full sweep makes all of them feasible.
        """
        for now, earlier in zip((self.P, self.Q), before, strict=True):
            now += (now - earlier) >> 1
        self.settle()

    def sweep(
        self,
        epsilon: int,
        cap: int,
        *,
        threads: int = 1,
        deadline: float = math.inf,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Solve every submatrix in ascending order of the reduced leaders.

        With several threads the order is cut into `PARTS` parts, whatever their number; those of a
        part are solved side by side and take half of what they share.

        Parameters
        ----------
        epsilon, cap : int
            Of the auction: least raise of a price in units, bids per row.
        threads : int
        deadline : float
            Value of `time.perf_counter` at which it ends early.
        stop : callable
            Asked now and then whether to end early.

        Returns
        -------
        bool
            False where it ended early. The duals are feasible then if they were before.
        """
        if self.size < 2:
            return True
        order = np.argsort(self.reduced, axis=None, kind="stable")
        spread_leaders(self.P, self.costs.blocked, self.reduced)
        one_by_one = threads == 1 or self.size < _PARALLEL_SIZE
        solve = self._one_by_one if one_by_one else self._side_by_side
        done = solve(order, epsilon, cap, threads, lambda: stop() or time.perf_counter() > deadline)
        self.settle()
        return done

    def mend(self) -> bool:
        """Make any duals feasible by one full sweep; False where int32 does not hold them."""
        self.sweep(0, _MENDING_BIDS)
        return not self.exhausted

    def _one_by_one(self, order, epsilon, cap, threads, stop) -> bool:
        done, count = 0, max(1, 50_000 // self.size**2)
        while done < len(order):
            if done and stop():
                return False
            began, until = time.perf_counter(), min(len(order), done + count)
            left = ascend(self.costs, self.P, self.Q, order, done, until, epsilon, cap, self.work)
            self.exhausted |= left > 0
            each = max(1e-7, (time.perf_counter() - began) / (until - done))
            done, count = until, max(1, int(_CHUNK_SECONDS / each))
        return True

    def _side_by_side(self, order, epsilon, cap, threads, stop) -> bool:
        works, left = [workspace(self.size) for _ in range(threads)], 0
        with ThreadPoolExecutor(threads) as pool:
            for numbers in np.array_split(order, PARTS):
                part = np.zeros((self.size, self.size), dtype=np.int32)
                part.ravel()[numbers] = 1
                U, V = np.empty((2, len(numbers), self.size), dtype=np.int32)
                usable = np.empty(len(numbers), dtype=bool)
                for piece in np.array_split(
                    np.arange(len(numbers)), _pieces(len(numbers), threads)
                ):
                    if stop():
                        return False
                    shares = np.array_split(piece, threads)
                    jobs = [
                        pool.submit(
                            solve_part,
                            self.costs,
                            self.P,
                            self.Q,
                            part,
                            numbers[share],
                            U[share[0] : share[-1] + 1],
                            V[share[0] : share[-1] + 1],
                            usable[share[0] : share[-1] + 1],
                            epsilon,
                            cap,
                            work,
                        )
                        for share, work in zip(shares, works, strict=True)
                        if len(share)
                    ]
                    for job in jobs:
                        job.result()
                left += keep_part(self.costs, self.P, self.Q, numbers, U, V, usable)
        self.exhausted |= left > 0
        return True

    def copy(self) -> "Duals":
        """A twin with arrays of its own for duals, what follows from them, and blocked pairs."""
        twin = copy.copy(self)
        twin.costs = self.costs._replace(blocked=self.costs.blocked.copy())
        for name in ("P", "Q", "leader", "reduced", "suggestion", "beta"):
            setattr(twin, name, getattr(self, name).copy())
        return twin

    def to_cpu(self) -> "Duals":
        """The state with arrays that NumPy reads: itself."""
        return self

    def child(self, i: int, j: int) -> "Duals":
        """What is left when item i is assigned to j; inherits the duals."""
        costs, P, Q, constant = reduce(self.costs, self.P, self.Q, i, j)
        return Duals(
            costs,
            P,
            Q,
            rows=np.delete(self.rows, i),
            columns=np.delete(self.columns, j),
            fixed=(*self.fixed, (int(self.rows[i]), int(self.columns[j]))),
            constant=self.constant + constant,
        )

    def permutation(self, assignment: np.ndarray | None = None) -> np.ndarray:
        """A permutation of the whole problem from one of the items that are left."""
        assignment = self.suggestion if assignment is None else assignment
        whole = np.empty(self.size + len(self.fixed), dtype=np.int64)
        whole[self.rows] = self.columns[assignment]
        for row, column in self.fixed:
            whole[row] = column
        return whole


def integer_costs(fixed_point: FixedPoint) -> Costs:
    """The factors in the form of the compiled loops.

    Symmetric and skew parts have no mixed products, ``a b + a' b' = (S S' + K K') / 2`` with
    S = a + a', K = a - a' (primes transpose), so that loops only ever read rows.
    """
    parts_a, parts_b = [], []
    for a, b in zip(fixed_point.a, fixed_point.b, strict=True):
        for sign in (1, -1):
            left, right = a + sign * a.T, b + sign * b.T
            if left.any() and right.any():
                parts_a.append(np.ldexp(left.astype(np.float64), -fixed_point.shift - 1))
                parts_b.append(right.astype(np.float64))
    size = fixed_point.size
    if not parts_a:
        parts_a, parts_b = [np.zeros((size, size))], [np.zeros((size, size))]
    return Costs(
        np.stack(parts_a),
        np.stack(parts_b),
        np.empty((0, 0, 0, 0), dtype=np.int32),
        fixed_point.single.copy(),
        np.where(fixed_point.forbidden, np.int32(BLOCKED), np.int32(0)),
    )


def share_nothing(size: int) -> np.ndarray:
    """Which pairs (i,j), (k,l) share neither row nor column, shape (N, N, N, N), bool."""
    apart = ~np.eye(size, dtype=bool)
    return apart[:, None, :, None] & apart[None, :, None, :]


def typical_pair(costs: Costs) -> float:
    """How much pair costs vary, in units; scales the auction's epsilon.

    Only products of centred factors count: the rest of a product depends on one of the pair's
    assignments alone.
    """
    apart = ~np.eye(len(costs.single), dtype=bool)
    if len(costs.table):
        return float(costs.table[share_nothing(len(costs.single))].std())
    if len(costs.single) < 2:
        return 0.0
    return float(
        sum(a[apart].std() * b[apart].std() for a, b in zip(costs.a, costs.b, strict=True))
    )


def _pieces(count: int, threads: int) -> int:
    return max(1, count // (_PIECE * threads))


@njit(cache=True, nogil=True)
def reduce(costs, P, Q, i, j):
    """Costs and duals without row i and column j, whose pairs become single costs."""
    size = len(P)
    terms = len(costs.a)
    tabled = len(costs.table) > 0
    a = np.empty((terms, size - 1, size - 1))
    b = np.empty((terms, size - 1, size - 1))
    lower_P = np.empty((size - 1, size - 1, size - 1), dtype=np.int32)
    lower_Q = np.empty((size - 1, size - 1, size - 1), dtype=np.int32)
    single = np.empty((size - 1, size - 1), dtype=np.int64)
    blocked = np.empty((size - 1, size - 1), dtype=np.int32)
    side = size - 1 if tabled else 0
    table = np.empty((side, side, side, side), dtype=np.int32)
    for k in range(size - 1):
        row = k + (k >= i)
        for l in range(size - 1):  # noqa: E741
            column = l + (l >= j)
            if tabled:
                pair = np.int64(costs.table[i, j, row, column])
            else:
                total = 0.0
                for term in range(terms):
                    total += costs.a[term, i, row] * costs.b[term, j, column]
                pair = np.int64(np.floor(total))
            single[k, l] = costs.single[row, column] + pair
            blocked[k, l] = costs.blocked[row, column]
            for m in range(size - 1):
                lower_P[m, k, l] = P[m + (m >= i), row, column]
                lower_Q[m, k, l] = Q[m + (m >= j), row, column]
            if tabled:
                for m in range(size - 1):
                    for n in range(size - 1):
                        table[k, l, m, n] = costs.table[row, column, m + (m >= i), n + (n >= j)]
        for m in range(size - 1):
            for term in range(terms):
                a[term, k, m] = costs.a[term, row, m + (m >= i)]
                b[term, k, m] = costs.b[term, k + (k >= j), m + (m >= j)]
    return Costs(a, b, table, single, blocked), lower_P, lower_Q, costs.single[i, j]
