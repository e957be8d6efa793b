"""The best matching so far, and the ways to look for a better one."""

import math
from collections.abc import Callable

import numpy as np

from blindmatch.qap import QAP
from blindmatch.solvers._local_search import tabu_search
from blindmatch.solvers._pair_costs import PairCosts

#: Tabu searches give up after so many moves per item without success: short from random starts, as
#: many starts find more than long runs do, longer from the leaders, which are few and good.
_SHORT, _LONG = 3, 20
#: Permutations in the pool, and searches in a row without a new one after which it is given up.
_POOL, _STALE = 15, 40


class Incumbent:
    """Best permutation of a run; searches draw from one generator, so the seed decides.

    Good permutations agree where they are right. So the best results of different cost are kept in
    a pool, and new searches start from children of two of them: a memetic algorithm (Merz and
    Freisleben, 2000). A pool that brings nothing new any more makes way for a fresh one.

    Parameters
    ----------
    problem : QAP
    costs : PairCosts
        Of the problem.
    seed : int
    stop : callable, optional
        True ends a search, and all later ones at once: a time limit or Ctrl-C.

    Attributes
    ----------
    costs : PairCosts
    stopped : callable
        What was given as `stop`.
    permutation : np.ndarray, shape (N,), int64
    cost : float
    """

    def __init__(
        self,
        problem: QAP,
        costs: PairCosts,
        seed: int,
        *,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._problem, self.costs, self.stopped = problem, costs, stop
        self._rng = np.random.default_rng(seed)
        self._pool: list[tuple[float, np.ndarray]] = []
        self._failures = 0
        self.permutation = self.draw()
        self.cost = problem.cost(self.permutation)

    def draw(self) -> np.ndarray:
        """A random permutation without forbidden pairs."""
        return self._problem.draw(self._rng)

    def offer(self, permutation: np.ndarray) -> float:
        """Take a permutation over if it costs less; its cost. A stop does not keep from that."""
        cost = self._problem.cost(permutation)
        if cost < self.cost:
            self.permutation, self.cost = permutation, cost
        return cost

    def restart(self) -> None:
        """Search from a random permutation."""
        self._search(self.draw(), _SHORT * self._problem.size)

    def descend(self, permutation: np.ndarray) -> None:
        """Improve a permutation by 2-opt: steepest descent over swaps."""
        self._search(permutation, 1)

    def follow(self, permutation: np.ndarray) -> None:
        """Search from a permutation that the duals suggest."""
        self._search(permutation, _LONG * self._problem.size)

    def perturb(self) -> None:
        """Search from a child of two permutations of the pool; while it fills, restart."""
        if self._failures >= _STALE:
            self._pool.clear()
            self._failures = 0
        if len(self._pool) < _POOL:
            self.restart()
            return
        first, second = self._rng.choice(_POOL, size=2, replace=False)
        child = self._child(self._pool[first][1], self._pool[second][1])
        self._search(child, _SHORT * self._problem.size)

    def _child(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What both parents agree on, and of the rest about half from each, as far as it fits."""
        size, rng = len(first), self._rng
        order = rng.permutation(size)
        wanted = np.where(rng.random(size) < 0.5, first, second)[order]
        _, served = np.unique(wanted, return_index=True)
        child = np.full(size, -1)
        child[order[served]] = wanted[served]
        open_rows = np.flatnonzero(child < 0)
        child[open_rows] = rng.permutation(np.setdiff1d(first, child))
        return child

    def _search(self, start: np.ndarray, patience: int) -> None:
        if self.stopped():
            return
        found, _ = tabu_search(self.costs, start, patience, self._rng, stop=self.stopped)
        # A child may start, and so end, with a forbidden pair.
        if not self._problem.feasible(found):
            self._failures += 1
            return
        cost = self.offer(found)
        self._failures = 0 if self._enter(cost, found) else self._failures + 1

    def _enter(self, cost: float, permutation: np.ndarray) -> bool:
        """Take a permutation into the pool, in place of the worst; whether it deserves that."""
        if any(math.isclose(cost, other, rel_tol=1e-12) for other, _ in self._pool):
            return False
        if len(self._pool) < _POOL:
            self._pool.append((cost, permutation))
            return True
        worst = max(range(_POOL), key=lambda place: self._pool[place][0])
        if cost >= self._pool[worst][0]:
            return False
        self._pool[worst] = (cost, permutation)
        return True
