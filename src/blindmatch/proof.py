"""Checking a tree of duals in exact integers, without any of the solvers' code.

A node stands for all permutations that contain some fixed pairs and no blocked ones, and holds
duals U, V of the items that are left (`P[i,k,l] = U_kl[i]`, `Q[j,k,l] = V_kl[j]`). With pair costs
C, single costs c and the duals' remainders

    R_ijkl = C_ijkl - U_ij[k] - V_ij[l] - U_kl[i] - V_kl[j],   m_ik = min over allowed j != l of R,
    L_ij = c_ij + sum_k U_ij[k] + sum_l V_ij[l],

every permutation of the node costs at least `constant + sum_i alpha_i + sum_j beta_j +
sum_{i<k} m_ik` units for any alpha, beta with alpha_i + beta_j <= L_ij, and one that uses i -> j
costs at least ``L_ij - alpha_i - beta_j`` more. That holds for any numbers P, Q, beta whatsoever,
so nothing that a tree says is believed. A node is done when its bound reaches the target; else it
branches into one child for every pair that is left on one of its lines (a row or a column).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import FixedPoint, exact_cost, float_below
from blindmatch.progress import Ticker
from blindmatch.qap import QAP

#: What a node does after its duals have been applied; lines 0 ... n-1 are rows, n ... 2n-1 columns.
STOP, REPEAT = -1, -2
_INFINITE = 1 << 62
#: Duals of leaders are smaller: N of them do not overflow.
_LARGEST = 1 << 48
#: Entries of remainders in memory at a time.
_BLOCK = 4_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """What is done to a node: its duals are applied, then it branches.

    Attributes
    ----------
    P, Q : np.ndarray, shape (n, n, n), int32
        Of shape (0, 0, 0) where a node branches without a bound of its own.
    beta : np.ndarray, shape (n,), int64
        Duals of the leaders' columns.
    line : int
        Row, n + column, `REPEAT` (the next step belongs to the same node) or `STOP`.
    lowered : bool
        Whether the duals are about the costs that `lowered` gives, not about those of the problem.
    """

    P: np.ndarray
    Q: np.ndarray
    beta: np.ndarray
    line: int
    lowered: bool = False

    @classmethod
    def without_duals(cls, line: int) -> "Step":
        """A step that only branches or stops."""
        cube = np.empty((0, 0, 0), dtype=np.int32)
        return cls(cube, cube, np.empty(0, dtype=np.int64), line)


#: Steps of each node, by its fixed pairs (row, column).
Nodes = Mapping[frozenset, Sequence[Step]]


def lowered(
    fixed_point: FixedPoint, factor: np.ndarray, shift: int
) -> tuple[int, np.ndarray, np.ndarray]:
    """Constant, single costs and pair costs without a positive semidefinite form.

    For S = F F^T / 2^shift and a permutation's vector x = (1, X), x^T S x >= 0, so what is left
    when S is taken away, rounded downwards, costs no more than the problem.

    Parameters
    ----------
    fixed_point : FixedPoint
    factor : np.ndarray, shape (N^2 + 1, r), int64
        F; row 0 belongs to the constant.
    shift : int

    Returns
    -------
    constant : int
    single : np.ndarray, shape (N, N), int64
    pairs : np.ndarray, shape (N, N, N, N), int64
    """
    size = fixed_point.size
    rows, most = size**2 + 1, 1 << 20
    fits = factor.dtype == np.int64 and factor.ndim == 2 and factor.shape[0] == rows
    fits = fits and factor.shape[1] <= rows and bool(((factor < most) & (factor > -most)).all())
    if not (fits and 0 <= shift <= 60):
        raise BlindmatchError(
            f"certificate: expected a factor of {rows} rows of integers below 2^20, "
            f"found {factor.dtype} of shape {factor.shape}, shift {shift}"
        )
    # Sums of at most 2^12 products below 2^40 are exact in float64, and its product is fast.
    form = np.zeros((size**2 + 1, size**2 + 1), dtype=np.int64)
    for start in range(0, factor.shape[1], 1 << 12):
        part = factor[:, start : start + (1 << 12)].astype(np.float64)
        form += (part @ part.T).astype(np.int64)
    taken_alone = np.diag(form)[1:] + 2 * form[0, 1:]
    pairs = (-2 * form[1:, 1:]) >> shift
    pairs = pairs.reshape(size, size, size, size)
    for i in range(size):
        for k in range(size):
            if i != k:
                pairs[i, :, k, :] += fixed_point.pairs(i, k)
    single = fixed_point.single + ((-taken_alone) >> shift).reshape(size, size)
    return int(-form[0, 0] >> shift), single, pairs


class Check:
    """One walk over the tree; every number that decides anything is computed here."""

    def __init__(
        self,
        problem: QAP,
        target: int,
        nodes: Nodes,
        *,
        factor: np.ndarray | None = None,
        factor_shift: int = 0,
        ticker: Ticker | None = None,
    ) -> None:
        self.problem, self.target, self.nodes = problem, target, nodes
        self.ticker = ticker or Ticker(None)
        self.fixed_point = FixedPoint.of(problem)
        self.costs = [(0, self.fixed_point.single, None)]
        if factor is not None:
            self.costs.append(lowered(self.fixed_point, factor, factor_shift))
        self.done = 0
        self.least_units = target
        self.open: list[OpenNode] = []
        self.least_cost = self.best_leaf = None

    def run(self) -> float:
        """The bound that all nodes together prove."""
        items = np.arange(self.problem.size)
        forbidden = self.fixed_point.forbidden
        constants, singles, _ = zip(*self.costs, strict=True)
        stack = [_Node(items, items, (), constants, singles, forbidden, -_INFINITE)]
        while stack:
            stack.extend(self.visit(stack.pop()))
        proved = self.fixed_point.below(self.least_units)
        if self.least_cost is not None:
            proved = min(proved, float_below(self.least_cost))
        return proved

    def visit(self, node: "_Node") -> list["_Node"]:
        """Apply the steps of a node; its children, the first to be visited last."""
        blocked, bound, number = node.blocked, node.bound, 0
        size = len(node.rows)
        reduced = np.zeros((size, size), dtype=np.int64)
        while True:
            blocked = without_dead_ends(blocked)
            if blocked is None:
                return []
            if self.problem.idle[node.rows].all() or (~blocked).sum() == size:
                # The only permutation that is left, or all of them cost the same.
                self.leaf(node, _partners(~blocked))
                return []
            step = self.step(node, number)
            number += 1
            if len(step.P):
                least, extra = self.bound(step, node, blocked)
                if least >= self.target:
                    return []
                blocked = blocked | (extra >= self.target - least)
                if least > bound:
                    bound, reduced = least, extra
            if step.line == STOP:
                self.least_units = min(self.least_units, bound)
                self.open.append(OpenNode(node.fixed, blocked, bound))
                return []
            if step.line != REPEAT:
                break
        if step.line < size:
            choices = [(step.line, int(j)) for j in np.flatnonzero(~blocked[step.line])]
        else:
            column = step.line - size
            choices = [(int(i), column) for i in np.flatnonzero(~blocked[:, column])]
        return [
            self.child(node, blocked, i, j, bound + int(reduced[i, j]))
            for i, j in reversed(choices)
        ]

    def step(self, node: "_Node", number: int) -> Step:
        steps, size = self.nodes.get(frozenset(node.fixed), ()), len(node.rows)
        if number >= len(steps):
            return Step.without_duals(STOP)
        step = steps[number]
        fits = (
            step.P.shape == step.Q.shape
            and step.P.shape in ((0, 0, 0), (size, size, size))
            and step.P.dtype == step.Q.dtype == np.int32
            and step.beta.dtype == np.int64
            and len(step.beta) == len(step.P)
            and bool(((step.beta < _LARGEST) & (step.beta > -_LARGEST)).all())
            and REPEAT <= step.line < 2 * size
            and (len(self.costs) == 2 or not step.lowered)
        )
        if not fits:
            raise BlindmatchError("certificate: its steps do not fit its tree")
        self.done += 1
        self.ticker(lambda: f"checked {self.done} steps")
        return step

    def leaf(self, node: "_Node", assignment: np.ndarray) -> None:
        whole = np.empty(self.problem.size, dtype=np.int64)
        whole[node.rows] = node.columns[assignment]
        for row, column in node.fixed:
            whole[row] = column
        cost = exact_cost(self.problem, whole)
        if self.least_cost is None or cost < self.least_cost:
            self.least_cost, self.best_leaf = cost, whole

    def pairs_of(self, version: int, node: "_Node", i: int, others: np.ndarray) -> np.ndarray:
        """Pair costs of row i and `others`, shape (others, n, n): columns of i, of the other."""
        chosen, i = np.ix_(node.columns, node.columns), node.rows[i]
        pairs = self.costs[version][2]
        if pairs is None:
            return np.stack([self.fixed_point.pairs(i, k)[chosen] for k in node.rows[others]])
        return np.stack([pairs[i, :, k][chosen] for k in node.rows[others]])

    def child(self, node: "_Node", blocked, i: int, j: int, bound: int) -> "_Node":
        rows, columns = (np.delete(np.arange(len(node.rows)), x) for x in (i, j))
        chosen = np.ix_(rows, columns)
        singles = [single[chosen] for single in node.singles]
        if len(rows):
            for version, single in enumerate(singles):
                single += self.pairs_of(version, node, i, rows)[:, j][:, columns]
        return _Node(
            node.rows[rows],
            node.columns[columns],
            (*node.fixed, (int(node.rows[i]), int(node.columns[j]))),
            tuple(
                constant + int(single[i, j])
                for constant, single in zip(node.constants, node.singles, strict=True)
            ),
            singles,
            blocked[chosen],
            bound,
        )

    def bound(self, step: Step, node: "_Node", blocked) -> tuple[int, np.ndarray]:
        """Bound of a step, and reduced leaders; see the module."""
        size = len(node.rows)
        P, Q = step.P.astype(np.int64), step.Q.astype(np.int64)
        items = np.arange(size)
        P[items, items] = 0
        Q[items, :, items] = 0
        version = int(step.lowered)
        leader = node.singles[version] + P.sum(axis=0) + Q.sum(axis=0)
        total = node.constants[version] + int(step.beta.sum())
        count = max(1, _BLOCK // size**2)
        for i in range(size - 1):
            for start in range(i + 1, size, count):
                k = np.arange(start, min(size, start + count))
                rest = self.pairs_of(version, node, i, k)
                rest = rest - P[k, i][:, :, None] - Q[:, i].T[None] - P[i, k][:, None, :]
                rest -= Q[:, k].transpose(1, 0, 2)
                rest[:, blocked[i]] = _INFINITE
                rest[:, items, items] = _INFINITE
                rest = np.where(blocked[k][:, None, :], _INFINITE, rest)
                least = rest.min(axis=(1, 2))
                if (least == _INFINITE).any():
                    return _INFINITE, np.zeros((size, size), dtype=np.int64)
                total += int(least.sum())
        slack = np.where(blocked, _INFINITE, leader - step.beta)
        alpha = slack.min(axis=1)
        return total + int(alpha.sum()), np.where(blocked, 0, slack - alpha[:, None])


@dataclasses.dataclass(frozen=True, eq=False)
class OpenNode:
    """A node of a tree at which a solver has stopped.

    Attributes
    ----------
    fixed : tuple of (row, column)
    blocked : np.ndarray, shape (n, n), bool
        Of the rows and columns that are left, in ascending order.
    bound : int
        Units that its permutations cost at least.
    """

    fixed: tuple[tuple[int, int], ...]
    blocked: np.ndarray
    bound: int


@dataclasses.dataclass(frozen=True, eq=False)
class _Node:
    rows: np.ndarray
    columns: np.ndarray
    fixed: tuple[tuple[int, int], ...]
    constants: Sequence[int]
    singles: Sequence[np.ndarray]
    blocked: np.ndarray
    bound: int


def without_dead_ends(blocked: np.ndarray) -> np.ndarray | None:
    """Blocked pairs and those that no permutation of the others uses; None if there is none at all.

    With one permutation at hand, i -> j is part of another one exactly if alternating paths lead
    from the row that has j to row i and back: if both are in one strongly connected component.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    free = ~blocked
    partner = _partners(free)
    if (partner < 0).any():
        return None if _violates_hall(free, partner) else blocked
    _, component = connected_components(csr_array(free[:, partner]), connection="strong")
    owner = np.argsort(partner)
    return blocked | (component[:, None] != component[owner])


def _partners(free: np.ndarray) -> np.ndarray:
    """A column for as many rows as possible, -1 for the others."""
    # Here, because SciPy takes a while to import and `import blindmatch.solvers` is to be quick.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    return maximum_bipartite_matching(csr_array(free), perm_type="column")


def _violates_hall(free: np.ndarray, partner: np.ndarray) -> bool:
    """Whether rows that alternating paths reach from an unmatched one have too few columns.

    This proves that no permutation is left (Hall, 1935), wherever `partner` comes from.
    """
    rows = partner < 0
    while True:
        columns = free[rows].any(axis=0)
        reached = rows | ((partner >= 0) & columns[partner])
        if np.array_equal(reached, rows):
            return bool(columns.sum() < rows.sum())
        rows = reached
