"""One run of the original dual ascent: first searches, then sweeps, which suggest matchings."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.progress import Report
from blindmatch.qap import QAP
from blindmatch.solvers._duals import integer_costs, typical_pair
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._original_assignment import METHODS, submatrix
from blindmatch.solvers._original_sweep import (
    Primal,
    ascend_factors,
    ascend_pairs,
    share_pairs,
    spread_pairs,
)
from blindmatch.solvers._plan import Plan
from blindmatch.solvers._run import Run
from blindmatch.solvers._sweep import (
    Costs,
    assign_leaders,
    gather_leaders,
    spread_leaders,
    workspace,
)
from blindmatch.solvers.faq import frank_wolfe

if TYPE_CHECKING:
    from blindmatch.solvers.hahn_grant_original import HahnGrantOriginal

#: Share of the time limit that the first searches may take.
_FIRST_SEARCHES = 0.2
#: Frank-Wolfe steps of a first search, and permutations whose mean it starts from.
_STEPS, _DRAWS = 30, 10
#: Seconds between two looks at the clock within a sweep.
_CHUNK_SECONDS = 0.002


class Ascent(Run):
    """A run of one of the steps; it differs from other runs in how it searches.

    Parameters
    ----------
    problem : QAP
    options : HahnGrantOriginal
    seed, time_limit, progress
        As for `blindmatch.solvers.Solver`.
    """

    def __init__(
        self,
        problem: QAP,
        options: "HahnGrantOriginal",
        seed: int,
        time_limit: float | None,
        progress: Report | None,
    ) -> None:
        plan = Plan(
            max_sweeps=options.max_sweeps,
            patience=options.patience,
            stall=options.stall,
            certificate_limit=0.0,
        )
        super().__init__(problem, plan, seed, time_limit, progress)
        self._options = options

    def _search(self) -> str:
        """Search, then sweep until something ends it; says what."""
        self.note("start")
        share = _FIRST_SEARCHES * (self.deadline - self.start)
        for start in range(self._options.starts):
            if self.stopped() or self.seconds > share:
                break
            _search_twice(self.incumbent)
            self.note(f"start {start + 1} of {self._options.starts}")
        costs = integer_costs(self.fixed_point)
        primal = _primal(self.incumbent, self._options.lap_solutions)
        form = {"pairs": Pairs, "factors": Factors}[self._options.costs]
        duals = first_duals(self.fixed_point, costs)
        method = METHODS[self._options.assignment]
        submatrices = form(costs, *duals, method, primal, stop=self._pause)
        return "optimal" if self._take(submatrices) else self._ascend_from(submatrices)

    def _ascend_from(self, submatrices: "Factors") -> str:
        options, typical = self._options, typical_pair(submatrices.costs)
        # Each of a matching's pairs is rounded to units: a smaller gap may be nothing else.
        rounding = self.problem.size * (self.problem.size - 1) // 2
        bounds: list[int] = []
        while self.iterations != options.max_sweeps:
            if self.stopped():
                return "time limit"
            close = bounds and self.target - submatrices.bound <= rounding
            if close or self._stalled(bounds, submatrices):
                return "stalled"
            epsilon = max(1, int(options.epsilon * options.decay**self.iterations * typical))
            self.iterations += submatrices.sweep(epsilon)
            if submatrices.primal.cost[0] < math.inf:
                self.incumbent.offer(submatrices.primal.best.copy())
            if self._take(submatrices):
                return "optimal"
            bounds.append(submatrices.bound)
        return "iteration limit"

    def _take(self, submatrices: "Factors") -> bool:
        """Take over the bound and the matching of the leaders; whether nothing better is left."""
        if self.problem.feasible(submatrices.suggestion):
            self.incumbent.offer(submatrices.suggestion.copy())
        self.raise_bound(submatrices.bound)
        self.note(f"sweep {self.iterations}")
        return submatrices.bound >= self.target

    def _pause(self) -> bool:
        """A look at the clock within a sweep: says how it goes, and whether to end."""
        self.ticker(self.sentence)
        return self.stopped()


class Factors:
    """All submatrices as two N x N matrices and duals, which are feasible at any moment.

    Parameters
    ----------
    costs : Costs
    P, Q : np.ndarray, shape (N, N, N), int32
        Feasible duals; see `blindmatch.solvers._sweep`.
    method : int
        One of `_original_assignment.METHODS`.
    primal : Primal
    stop : callable
        Asked every few milliseconds whether to end early; once true, always true.

    Attributes
    ----------
    bound : int
        No permutation costs fewer units.
    suggestion : np.ndarray, shape (N,), int64
        The assignment of the leaders.
    """

    def __init__(
        self,
        costs: Costs,
        P: np.ndarray,
        Q: np.ndarray,
        method: int,
        primal: Primal,
        *,
        stop: Callable[[], bool],
    ) -> None:
        size = len(P)
        self.costs, self.primal, self._stop = costs, primal, stop
        self._P, self._Q, self._method = P, Q, method
        self._leader, self._reduced = np.empty((2, size, size), dtype=np.int64)
        self.suggestion, self._beta = np.empty((2, size), dtype=np.int64)
        self._work, self._submatrix = workspace(size), submatrix(size)
        gather_leaders(P, Q, costs.single, self._leader)
        self._settle()

    def sweep(self, epsilon: int) -> bool:
        """Solve every submatrix in ascending order of the reduced leaders.

        Parameters
        ----------
        epsilon : int
            Least raise of a price in an auction, in units.

        Returns
        -------
        bool
            False where it ended early.
        """
        if len(self.suggestion) < 2:
            return True
        order = np.argsort(self._reduced, axis=None, kind="stable")
        self._spread()
        done, count = 0, 1
        while done < len(order) and not self._stop():
            began, chunk = time.perf_counter(), order[done : done + count]
            self._ascend(chunk, float(epsilon))
            done += len(chunk)
            each = (time.perf_counter() - began) / len(chunk)
            count = max(1, int(_CHUNK_SECONDS / max(each, 1e-7)))
        self._settle()
        return done >= len(order)

    def _settle(self) -> None:
        """Bound, reduced leaders and suggestion from the leaders."""
        self.bound = assign_leaders(
            self.costs.blocked,
            self._leader,
            self._reduced,
            self.suggestion,
            self._beta,
            self._work,
        )

    def _spread(self) -> None:
        spread_leaders(self._P, self.costs.blocked, self._reduced)
        gather_leaders(self._P, self._Q, self.costs.single, self._leader)

    def _ascend(self, chunk: np.ndarray, epsilon: float) -> None:
        ascend_factors(
            self.costs,
            self._P,
            self._Q,
            self._leader,
            chunk,
            self._method,
            epsilon,
            self._submatrix,
            self.primal,
            self._work,
        )


class Pairs(Factors):
    """All submatrices as an array of N^4 pair costs, which sweeps rewrite."""

    def __init__(self, costs: Costs, P: np.ndarray, Q: np.ndarray, *given, **named) -> None:
        super().__init__(costs, P, Q, *given, **named)
        self._pairs = np.empty((len(P),) * 4, dtype=np.int32)
        for i in range(len(P)):
            # The first bound is there already; without time for the pairs there is none to sweep.
            if self._stop():
                break
            share_pairs(costs, P, Q, self._pairs, i, self._work)

    def _spread(self) -> None:
        spread_pairs(self._pairs, self.costs.blocked, self._leader, self._reduced)

    def _ascend(self, chunk: np.ndarray, epsilon: float) -> None:
        ascend_pairs(
            self._pairs,
            self.costs.blocked,
            self._leader,
            chunk,
            self._method,
            epsilon,
            self._submatrix,
            self.primal,
        )


def _search_twice(incumbent: Incumbent) -> None:
    """FAQ from a random start, improved by 2-opt; and 2-opt from another one."""
    size = len(incumbent.permutation)
    start = np.mean([np.eye(size)[incumbent.draw()] for _ in range(_DRAWS)], axis=0)
    incumbent.descend(frank_wolfe(incumbent.costs, start, _STEPS, stop=incumbent.stopped))
    incumbent.descend(incumbent.draw())


def _primal(incumbent: Incumbent, try_all: bool) -> Primal:
    costs = incumbent.costs
    best = np.empty_like(incumbent.permutation)
    matrices = (np.ascontiguousarray(each) for each in (costs.A, costs.B, costs.single))
    return Primal(*matrices, np.empty_like(best), best, np.array([math.inf]), try_all)
