"""What a search leaves behind as a proof: the duals of every node, rounded and packed."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from blindmatch.proof import REPEAT, STOP, Nodes, Step
from blindmatch.solvers._duals import INFEASIBLE, Duals


class Record(Mapping[frozenset, Sequence[Step]]):
    """Steps of each node by its fixed pairs, as `blindmatch.proof` reads them.

    Low bits of duals are dropped as long as the rest proves the same, so that most of them fit into
    16 bits.

    Parameters
    ----------
    limit : float
        Gigabytes; a record that needs more is given up.
    """

    def __init__(self, limit: float) -> None:
        self._steps: dict[frozenset, list[tuple]] = {}
        self._lock = threading.Lock()
        self._left = int(limit * 1e9)

    @property
    def complete(self) -> bool:
        """Whether everything is in it."""
        return self._left >= 0

    def pruned(self, duals: Duals, target: int) -> None:
        """The node's bound has reached the target."""
        if duals.bound < INFEASIBLE:
            self._keep(duals, lambda short: short.bound >= target, duals.bound - target, STOP)

    def excluded(self, duals: Duals, pairs: np.ndarray, target: int) -> None:
        """Pairs (a mask) of the node cost at least the target and are blocked from now on."""

        def enough(short: Duals) -> bool:
            return bool((short.bound + short.reduced[pairs] >= target).all())

        slack = int((duals.bound + duals.reduced[pairs]).min()) - target
        self._keep(duals, enough, slack, REPEAT, unblocked=pairs)

    def branched(self, duals: Duals, line: int) -> None:
        """The node goes on in children: one for each open pair of a line."""
        with self._lock:
            if not self.complete:
                return
            self._steps.setdefault(frozenset(duals.fixed), []).append((0, line))

    def stopped(self, duals: Duals) -> None:
        """The node, or some of its children, are left with the bounds that they have.

        Its duals must not change any more.
        """
        if not self.complete:
            return
        duals = duals.to_cpu()
        with self._lock:
            steps = self._steps.setdefault(frozenset(duals.fixed), [])
            line = STOP
            if steps and steps[-1][1] != REPEAT:
                line = steps.pop()[1]
            steps.append((duals.size, line, duals.P, duals.Q, duals.beta, 0, duals.lowered))

    def take_over(self, nodes: Nodes) -> None:
        """Begin with the steps of a certificate; nodes that have stopped go on."""
        for fixed in nodes:
            self._steps[fixed] = [
                (len(s.P), REPEAT if s.line == STOP else s.line, s.P, s.Q, s.beta, 0, s.lowered)
                for s in nodes[fixed]
            ]

    def forget_branches(self) -> None:
        """Keep what the ascent has excluded at the root, and nothing of a tree or a relaxation."""
        root = [step for step in self._steps.get(frozenset(), ()) if _of_ascent(step)]
        self._steps = {frozenset(): root}

    def _keep(
        self,
        duals: Duals,
        enough: Callable[[Duals], bool],
        slack: int,
        line: int,
        unblocked: np.ndarray | None = None,
    ) -> None:
        if not self.complete:
            return
        duals = duals.to_cpu()
        # Every leader loses at most 2 (n - 1) times what each of its duals may lose.
        bits = max(0, (slack // max(1, duals.size * (duals.size - 1))).bit_length() - 1)
        short = duals.copy()
        if unblocked is not None:
            short.costs.blocked[unblocked] = 0
        while True:
            np.left_shift(np.right_shift(duals.P, bits), bits, out=short.P)
            np.left_shift(np.right_shift(duals.Q, bits), bits, out=short.Q)
            short.settle()
            if bits == 0 or enough(short):
                break
            bits = max(0, bits - 2)
        packed = [_packed(dual, bits) for dual in (short.P, short.Q)]
        with self._lock:
            step = (duals.size, line, *packed, short.beta, bits, duals.lowered)
            self._steps.setdefault(frozenset(duals.fixed), []).append(step)
            self._left -= sum(dual.nbytes for dual in packed)
            if not self.complete:
                self._steps.clear()

    def __getitem__(self, fixed: frozenset) -> list[Step]:
        return [_unpacked(*step) for step in self._steps[fixed]]

    def __iter__(self) -> Iterator[frozenset]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def _of_ascent(step: tuple) -> bool:
    return step[1] == REPEAT and not step[-1]


def _packed(dual: np.ndarray, bits: int) -> np.ndarray:
    short = dual >> bits
    fits = short.max() < 1 << 15 and short.min() >= -1 << 15
    return short.astype(np.int16) if fits else short


def _unpacked(size, line, *duals) -> Step:
    if not duals:
        return Step.without_duals(line)
    P, Q, beta, bits, lowered = duals
    return Step(P.astype(np.int32) << bits, Q.astype(np.int32) << bits, beta, line, lowered)
