"""Branch and bound over dual ascents: fixes pairs one by one until no better matching is left."""

import itertools
import math
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from blindmatch.solvers._duals import BIDS, INFEASIBLE, Duals, typical_pair
from blindmatch.solvers._record import Record

#: Nodes that are worked on side by side. It does not depend on the number of threads, so neither
#: does the tree.
_BATCH = 8
#: A sweep is worth another if it closed this share of the gap.
_WORTHWHILE = 1 / 8
_MOST_SWEEPS = 30
#: The auction's first epsilon as a share of a typical pair cost, and its decay.
_EPSILON, _DECAY = 0.003, 0.8
#: How much rather lines are branched on whose children are nearly excluded.
_STEEPNESS = 3.0
#: Of two versions of the costs, that with the larger gap rests while it is so much larger.
_HOPELESS_VERSION = 2.0


class Node:
    """What is left when some pairs are fixed, with duals of one or two versions of its costs.

    Costs without a semidefinite form have the better bounds near the root, those of the problem far
    from it. Both versions block the same pairs.
    """

    def __init__(self, versions: Sequence[Duals]) -> None:
        self.versions = list(versions)
        for duals in self.versions[1:]:
            duals.costs = duals.costs._replace(blocked=self.versions[0].costs.blocked)

    @property
    def best(self) -> Duals:
        """The version of the best bound."""
        return max(self.versions, key=lambda duals: duals.bound)

    def child(self, i: int, j: int) -> "Node":
        """What is left when i is assigned to j as well."""
        return Node([duals.child(i, j) for duals in self.versions])


class Open(NamedTuple):
    """A child that waits: `parent` with i -> j, or `parent` itself where i is -1.

    `weight` is its share of the tree.
    """

    bound: int
    parent: Node
    i: int
    j: int
    weight: float


class Tree:
    """A depth-first branch and bound that can be stopped and continued.

    Parameters
    ----------
    root : Node
    idle : np.ndarray, shape (N,), bool
        Rows of the problem that cost nothing anywhere (`QAP.idle`): the tree decides about others.
    record : Record, optional
        Receives every dual that decides something.

    Attributes
    ----------
    open : list of Open
        What is left to do, the next at the end.
    nodes, sweeps : int
    finished : float
        Estimated share of the tree that is done: children of a node count alike.
    """

    def __init__(self, root: Node, idle: np.ndarray, record: Record | None = None) -> None:
        self.open: list[Open] = []
        self.record, self.idle = record, idle
        self.nodes = self.sweeps = 0
        self.finished = 0.0
        self._epsilon = {
            duals.lowered: _EPSILON * typical_pair(duals.costs) for duals in root.versions
        }
        self._root: Node | None = root

    @property
    def bound(self) -> int:
        """Least bound in units of what is left to do."""
        if self._root is not None:
            return self._root.best.bound
        return min((waiting.bound for waiting in self.open), default=INFEASIBLE)

    def advance(self, target: int, deadline: float, pool: Executor) -> list[np.ndarray]:
        """Work on a batch of nodes; permutations of the whole problem that may be good.

        Nothing is left to do when `open` is empty. Nodes that the deadline interrupts stay open.
        """
        batch, weights = self._next(target)
        work = [pool.submit(self._visit, node, target, deadline) for node in batch]
        suggestions = []
        for node, weight, done in zip(batch, weights, work, strict=True):
            children, found, sweeps = done.result()
            self.sweeps += sweeps
            suggestions += found
            self.nodes += 1
            if not children:
                self.finished += weight
            share = weight / max(1, len(children))
            self.open += [Open(bound, node, i, j, share) for bound, i, j in children]
        return suggestions

    def go_on(self, waiting: Iterable[Open]) -> None:
        """Put nodes of an earlier tree in the place of the root; their i is -1."""
        self._root = None
        self.open += waiting

    def leave_open(self) -> None:
        """Note in the record what bounds the nodes have that are left to do."""
        parents = {id(waiting.parent): waiting.parent for waiting in self.open}
        for node in parents.values() if self._root is None else [self._root]:
            self.record.stopped(node.best)

    def _next(self, target: int) -> tuple[list[Node], list[float]]:
        if self._root is not None:
            root, self._root = self._root, None
            return [root], [1.0]
        batch, weights = [], []
        while self.open and len(batch) < _BATCH:
            waiting = self.open.pop()
            if waiting.bound >= target:
                # The target has come down since the parent branched, whose duals now do more.
                if self.record is not None:
                    self.record.stopped(waiting.parent.best)
                self.finished += waiting.weight
                continue
            node = waiting.parent
            batch.append(node if waiting.i < 0 else node.child(waiting.i, waiting.j))
            weights.append(waiting.weight)
        return batch, weights

    def _visit(self, node: Node, target: int, deadline: float):
        """Children (bound, i, j) of a node, the most hopeful last; suggestions; sweeps."""
        sweeps = 0
        for duals in sorted(node.versions, key=lambda duals: -duals.bound):
            if self._done(duals, target):
                return [], [], sweeps
            if duals.size <= 2 or self.idle[duals.rows].all():
                return self._leaves(duals)
            forced = duals.forced()
            if forced is not None:
                return self._forced(node, *forced), [], sweeps
            if target - duals.bound > _HOPELESS_VERSION * (target - node.best.bound):
                if duals.lowered:
                    node.versions.remove(duals)
                continue
            done, count = self._improve(duals, target, deadline)
            sweeps += count
            if done:
                return [], [], sweeps
        return self._branch(node, target), [node.best.permutation()], sweeps

    def _improve(self, duals: Duals, target: int, deadline: float) -> tuple[bool, int]:
        """Sweep as long as it is worth it; whether nothing is left, and how many sweeps."""
        for sweeps in range(_MOST_SWEEPS):
            before = duals.bound
            epsilon = int(self._epsilon[duals.lowered] * _DECAY**sweeps)
            duals.sweep(epsilon, BIDS, deadline=deadline)
            if self._done(duals, target):
                return True, sweeps + 1
            slow = duals.bound - before < _WORTHWHILE * (target - duals.bound)
            if slow or duals.forced() is not None or time.perf_counter() > deadline:
                break
        return False, sweeps + 1

    def _done(self, duals: Duals, target: int) -> bool:
        """Exclude what costs too much; whether nothing is left."""
        duals.settle()
        while duals.bound < target:
            excluded = duals.hopeless(target)
            if not excluded.any():
                break
            if self.record is not None:
                self.record.excluded(duals, excluded, target)
            duals.block(excluded)
        if duals.bound >= target and self.record is not None:
            self.record.pruned(duals, target)
        return duals.bound >= target

    def _forced(self, node: Node, i: int, j: int) -> list[tuple[int, int, int]]:
        """The only child where a row or column has no other choice left."""
        duals = node.best
        if self.record is not None:
            alone = (duals.costs.blocked[i] == 0).sum() == 1
            self.record.branched(duals, i if alone else duals.size + j)
        return [(duals.bound + int(duals.reduced[i, j]), i, j)]

    def _leaves(self, duals: Duals):
        """All permutations of at most two items, or one of idle rows."""
        if self.idle[duals.rows].all():
            return [], [duals.permutation()], 0
        if self.record is not None:
            self.record.branched(duals, 0)
        found = [
            duals.permutation(np.array(order))
            for order in itertools.permutations(range(duals.size))
            if not duals.costs.blocked[np.arange(duals.size), list(order)].any()
        ]
        return [], found, 0

    def _branch(self, node: Node, target: int) -> list[tuple[int, int, int]]:
        """Children along the line (row or column) on which they are fewest and worst."""
        duals = node.best
        free = duals.costs.blocked == 0
        closed = np.minimum(1.0, duals.reduced / max(1, target - duals.bound))
        hope = np.where(free, np.exp(-_STEEPNESS * closed), 0.0)
        rows, columns = hope.sum(axis=1), hope.sum(axis=0)
        idle = self.idle[duals.rows]
        rows[idle] = np.inf
        if idle.any():
            # A column would have the same child for every idle row.
            columns[:] = np.inf
        if rows.min() <= columns.min():
            line = int(rows.argmin())
            pairs = [(line, int(j)) for j in np.flatnonzero(free[line])]
        else:
            column = int(columns.argmin())
            line = duals.size + column
            pairs = [(int(i), column) for i in np.flatnonzero(free[:, column])]
        if self.record is not None:
            self.record.branched(duals, line)
        children = [(duals.bound + int(duals.reduced[pair]), *pair) for pair in pairs]
        return sorted(children, reverse=True)


def seconds_left(seconds: float, finished: float) -> float:
    """How long a tree still takes if the rest is like what is done."""
    return seconds * (1 - finished) / finished if finished > 0 else math.inf
