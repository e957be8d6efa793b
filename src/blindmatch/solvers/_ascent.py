"""One run of the dual ascent: searches, sweeps, proof."""

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers._dual_bound import (
    cost_interval,
    dual_bound,
    gilmore_lawler_bound,
    least_remainders,
)
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._pair_costs import PairCosts
from blindmatch.solvers._sweep import Duals, ascend, first_duals

if TYPE_CHECKING:
    from blindmatch.solvers.hahn_grant import HahnGrant

#: Seconds between two looks at the clock within a sweep.
_CHUNK_SECONDS = 0.02
#: Submatrices between two searches around the incumbent, so that long sweeps do not idle.
_SEARCH_EVERY = 500
#: Share of the time limit that the first random searches may take.
_FIRST_SEARCHES = 0.2
#: A plain sweep is slow when it closes less of the gap than this.
_SLOW = 0.01
#: Factor from sweep to sweep on the share of the gap that is returned, and when it is spent.
_DECAY, _SPENT = 0.97, 0.01
#: A gain in the bound, as a share of the gap, that is worth going on for.
_STALL = 1e-3


def run(
    problem: QAP,
    options: "HahnGrant",
    seed: int,
    time_limit: float | None,
    progress: Report | None,
) -> Matching:
    """Solve a problem; the clock runs from here."""
    return _Run(problem, options, seed, time_limit, progress).solve()


class _Run:
    def __init__(self, problem, options, seed, time_limit, progress) -> None:
        self.start = time.perf_counter()
        self.limit = math.inf if time_limit is None else time_limit
        self.problem, self.options = problem, options
        self.costs = PairCosts.of(problem)
        self.incumbent = Incumbent(problem, self.costs, seed)
        self.ticker = Ticker(progress)
        self.sweeps = 0
        self.bound = -math.inf
        self.history: list[tuple[float, float, float]] = []
        self.per_submatrix = 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def tolerance(self) -> float:
        """The gap at which the incumbent counts as optimal: 1e-9 of its cost, or rounding."""
        problem, p = self.problem, self.incumbent.permutation
        size = np.sum(np.abs(problem.A * problem.B[np.ix_(p, p)])) + abs(problem.constant)
        return float(max(1e-9 * abs(self.incumbent.cost), 1e-12 * size))

    def solve(self) -> Matching:
        self.note()
        for _ in range(self.options.starts):
            if self.seconds > _FIRST_SEARCHES * self.limit:
                break
            self.incumbent.restart()
        self.bound = gilmore_lawler_bound(self.problem)
        self.note()
        duals = first_duals(self.problem, self.costs)
        reserve = self.seconds_to_prove(duals)
        if self.limit - self.seconds < 3 * reserve:
            # The duals could not be checked in time, and an unchecked bound is none.
            status, proved = self.search_only(), False
        else:
            status = self.ascend(duals, self.limit - reserve)
            proved = status == "optimal" or self.prove(duals)
        return self.matching("optimal" if proved else status, proved)

    def search_only(self) -> str:
        while self.seconds < self.limit:
            self.incumbent.perturb()
        return "time limit"

    def ascend(self, duals: Duals, deadline: float) -> str:
        """Sweep until something ends the run; says what.

        Plain sweeps come first, in which the bound only rises. Once they slow down, each sweep
        first returns a share of the gap, less every time. The bound drops at that, so the one
        reached before is proved and kept.
        """
        if self.promising(duals) and self.prove(duals):
            return "optimal"
        share, returned = 0.0, self.options.returned
        best, last_gain = duals.bound, 0
        while self.sweeps != self.options.max_sweeps:
            before, known = duals.bound, self.incumbent.cost
            if not self.sweep(duals, deadline, share * self.gap(before)):
                return "time limit"
            self.sweeps += 1
            self.incumbent.follow(duals.columns)
            self.incumbent.perturb()
            self.note(duals)
            if self.promising(duals) and self.prove(duals):
                return "optimal"
            share *= _DECAY
            if share == 0.0 < returned and duals.bound - before < _SLOW * self.gap(before):
                self.prove(duals)
                share = returned
            if self.incumbent.cost < known or duals.bound - best > _STALL * self.gap(best):
                best, last_gain = max(best, duals.bound), self.sweeps
            elif share < _SPENT and self.sweeps - last_gain >= self.options.patience:
                return "stalled"
        return "iteration limit"

    def gap(self, bound: float) -> float:
        """From a bound of the duals (without the constant) to the incumbent's cost."""
        return self.incumbent.cost - self.problem.constant - bound

    def sweep(self, duals: Duals, deadline: float, returned: float) -> bool:
        """One sweep in ascending order of the reduced leaders; False where time ran out.

        The leaders first give everything above the bound back to the pairs. Poor assignments then
        take what they can of it, the poorest first, as it is they that hold the bound down.
        """
        order = np.argsort(duals.reduced, axis=None, kind="stable")
        duals.spread(returned)
        done = 0
        while done < len(order) and self.seconds < deadline:
            began = time.perf_counter()
            count = int(_CHUNK_SECONDS / self.per_submatrix) if self.per_submatrix else 1
            pause = (done // _SEARCH_EVERY + 1) * _SEARCH_EVERY
            stop = min(len(order), pause, done + max(1, count))
            ascend(self.costs.A, self.costs.B, duals.P, duals.Q, order, done, stop)
            self.per_submatrix = max(1e-7, (time.perf_counter() - began) / (stop - done))
            done = stop
            if done == pause:
                self.incumbent.perturb()
            self.ticker(self.sentence)
        duals.settle(self.costs)
        return done == len(order)

    def seconds_to_prove(self, duals: Duals) -> float:
        """Time that the check of the duals will take, from a check of the first row."""
        began = time.perf_counter()
        least_remainders(self.problem.A, self.problem.B, duals.P, duals.Q, 0)
        return 1e-3 + self.problem.size * (time.perf_counter() - began)

    def promising(self, duals: Duals) -> bool:
        """Whether a proof would succeed if there were no rounding."""
        gap = self.gap(duals.bound)
        return gap <= self.tolerance or bool(self.others(duals.reduced).min() > gap)

    def others(self, reduced: np.ndarray) -> np.ndarray:
        """Reduced leaders of all assignments that the incumbent does not use."""
        reduced = reduced.copy()
        reduced[np.arange(len(reduced)), self.incumbent.permutation] = np.inf
        return reduced

    def prove(self, duals: Duals) -> bool:
        """Recompute the bound from the duals; whether the incumbent is optimal.

        Every other permutation uses an assignment that the incumbent does not. Where the bound plus
        the least of their reduced leaders is above the incumbent's cost, the incumbent is the only
        optimum, and its own cost, rounded down, is a bound.
        """
        proof = dual_bound(self.problem, duals)
        self.bound = max(self.bound, proof.value)
        low, high = cost_interval(self.problem, self.incumbent.permutation)
        if np.nextafter(proof.value + self.others(proof.reduced).min(), -np.inf) > high:
            self.bound = max(self.bound, low)
            return True
        return self.incumbent.cost - self.bound <= self.tolerance

    def note(self, duals: Duals | None = None) -> None:
        """Add to the history, and say so now and then."""
        bound = self.bound if duals is None else duals.bound + self.problem.constant
        earlier = self.history[-1][2] if self.history else -math.inf
        self.history.append((self.seconds, self.incumbent.cost, max(bound, self.bound, earlier)))
        self.ticker(self.sentence)

    def sentence(self) -> str:
        _, cost, bound = self.history[-1]
        gap = (cost - bound) / abs(cost) if cost else math.inf
        return (
            f"sweep {self.sweeps}: cost {cost:.6g}, bound {bound:.6g}, gap {gap:.2%}, "
            f"{self.seconds:.0f} s"
        )

    def matching(self, status: str, optimal: bool) -> Matching:
        cost = self.incumbent.cost
        bound = min(self.bound, cost)
        seconds = self.seconds
        # Bounds noted on the way are unchecked to the last places: none may exceed the proved one.
        history = [(at, found, min(low, bound)) for at, found, low in self.history]
        return Matching(
            self.incumbent.permutation,
            cost,
            bound=bound,
            optimal=optimal,
            status=status,
            seconds=seconds,
            iterations=self.sweeps,
            tolerance=self.tolerance,
            history=(*history, (seconds, cost, bound)),
        )
