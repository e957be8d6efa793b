"""The best matching so far, and the ways to look for a better one."""

import numpy as np

from blindmatch.qap import QAP
from blindmatch.solvers._local_search import tabu_search
from blindmatch.solvers._pair_costs import PairCosts

#: Tabu searches give up after so many moves per item without success: short from random starts, as
#: many starts find more than long runs do, longer from the leaders, which are few and good.
_SHORT, _LONG = 3, 20


class Incumbent:
    """Best permutation of a run; searches draw from one generator, so the seed decides.

    Parameters
    ----------
    problem : QAP
    costs : PairCosts
        Of the problem.
    seed : int
    """

    def __init__(self, problem: QAP, costs: PairCosts, seed: int) -> None:
        self._problem, self._costs = problem, costs
        self._rng = np.random.default_rng(seed)
        self.permutation = self._rng.permutation(problem.size)
        self.cost = problem.cost(self.permutation)

    def _search(self, start: np.ndarray, patience: int) -> None:
        costs = self._costs
        found, _ = tabu_search(
            costs.A, costs.B, costs.single, start, patience * self._problem.size, self._rng
        )
        cost = self._problem.cost(found)
        if cost < self.cost:
            self.permutation, self.cost = found, cost

    def restart(self) -> None:
        """Search from a random permutation."""
        self._search(self._rng.permutation(self._problem.size), _SHORT)

    def follow(self, permutation: np.ndarray) -> None:
        """Search from a permutation that the duals suggest."""
        self._search(permutation, _LONG)

    def perturb(self) -> None:
        """Search from the incumbent with a random third of its items exchanged among themselves."""
        size = self._problem.size
        chosen = self._rng.permutation(size)[: max(2, size // 3)]
        start = self.permutation.copy()
        start[chosen] = start[self._rng.permutation(chosen)]
        self._search(start, _SHORT)
