"""One run of the exact solvers: searches, dual ascent, relaxation, branch and bound, proof."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.certificate import Certificate
from blindmatch.fixed_point import FixedPoint, exact_cost, float_below
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers._duals import BIDS, INFEASIBLE, Duals, integer_costs, typical_pair
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._interrupt import interruptible
from blindmatch.solvers._pair_costs import PairCosts
from blindmatch.solvers._record import Record
from blindmatch.solvers._relaxed import relax
from blindmatch.solvers._resume import resume
from blindmatch.solvers._tree import Node, Tree, seconds_left

if TYPE_CHECKING:
    from blindmatch.solvers._plan import Plan

#: Share of the time limit that the first searches may take.
_FIRST_SEARCHES = 0.2
#: The auction's first epsilon as a share of a typical pair cost (beyond so many items, less), and
#: its decay from sweep to sweep.
_EPSILON, _EPSILON_SIZE, _DECAY = 0.06, 40, 0.95
#: Share of the first epsilon below which sweeps without any gain are a stall.
_SMALL_EPSILON = 0.05
#: Items up to which copies of the duals, for momentum, are small beside the process itself.
_MOMENTUM_SIZE = 130
#: Bytes, over N^4, that a tree takes: a batch of nodes and their ancestors down to the root.
_TREE_BYTES = 16
#: Seconds that the relaxation of 30 items takes; of N items, the sixth power of N / 30 times that.
_RELAXATION = 10.0
#: A tree is given up for it after this share of its time, and for more of it after this share of
#: the time that it has taken so far, unless most of the tree is done.
_TRIAL, _SHARE = 0.1, 0.5


class Run:
    """State of a run; the clock runs from its making."""

    def __init__(
        self,
        problem: QAP,
        plan: "Plan",
        seed: int,
        time_limit: float | None,
        progress: Report | None,
        warm_start: Certificate | None = None,
    ) -> None:
        self.start = time.perf_counter()
        self.deadline = self.start + (math.inf if time_limit is None else time_limit)
        self.problem, self.plan = problem, plan
        self.ticker = Ticker(progress)
        self.record = self._new_record()
        self.fixed_point = FixedPoint.of(problem)
        self.factor, self.factor_shift = None, 0
        self.bound = -math.inf
        self.certified = INFEASIBLE
        self.history: list[tuple[float, float, float]] = []
        self.iterations = 0
        self.phase = ""
        self._seed, self._warm_start = seed, warm_start

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def tolerance(self) -> float:
        """The gap at which the incumbent counts as optimal: 1e-9 of its cost, or rounding."""
        return max(1e-9 * abs(self.incumbent.cost), 1e-15 * self.problem.magnitude)

    @property
    def target(self) -> int:
        """Units at which nothing better than the incumbent is left."""
        return self.fixed_point.enough(self.incumbent.cost - self.tolerance)

    def solve(self) -> Matching:
        """Solve the problem; Ctrl-C ends it as the time limit does."""
        with interruptible() as interrupted:
            self.stopped = lambda: interrupted() or time.perf_counter() >= self.deadline
            self.incumbent = Incumbent(
                self.problem, PairCosts.of(self.problem), self._seed, stop=self.stopped
            )
            began = time.perf_counter()
            exact_cost(self.problem, self.incumbent.permutation)
            # So long will it take to sum up the result, within the time limit, too.
            self.deadline -= time.perf_counter() - began
            status = self._search()
            if interrupted() and status != "optimal":
                status = "interrupted"
        return self._matching(status)

    def _search(self) -> str:
        self.note("start")
        share = _FIRST_SEARCHES * (self.deadline - self.start)
        for _ in range(self.plan.starts):
            if self.stopped() or self.seconds > share:
                break
            self.incumbent.perturb()
        if self._warm_start is not None:
            left = resume(self, self._warm_start)
            self.note("resumed")
            if left is None:
                return "optimal"
            if isinstance(left, Tree):
                with ThreadPoolExecutor(self.plan.threads) as pool:
                    return "optimal" if self._branch(left, pool) else "time limit"
            return self._from_root(left)
        costs = integer_costs(self.fixed_point)
        items = np.arange(self.problem.size)
        P, Q = first_duals(self.fixed_point, costs)
        duals = Duals(costs, P, Q, rows=items, columns=items)
        duals.close_dead_ends()
        duals.settle()
        return self._from_root(duals)

    def _from_root(self, duals: Duals) -> str:
        """Ascend, then branch; says how it ended."""
        if self.plan.device == "cuda":
            from blindmatch.solvers._sweep_gpu import DeviceDuals

            duals = DeviceDuals(duals, device="cuda")
        self.raise_bound(duals.bound)
        self.note(f"first bound, on {self.plan.device}")
        status = self._ascend(duals)
        duals = duals.to_cpu()
        branches = self.plan.branch or status == "forced"
        if status != "optimal" and (self.stopped() or not branches):
            self.certified = duals.bound
            if self.record is not None:
                self.record.stopped(duals)
            return status
        if status == "optimal":
            return status
        if _TREE_BYTES * duals.size**4 > self.plan.memory_limit * 1e9:
            return self._search_on(duals, status)
        with ThreadPoolExecutor(self.plan.threads) as pool:
            return "optimal" if self._exhaust(duals, pool) else "time limit"

    def _search_on(self, duals: Duals, status: str) -> str:
        """For what is left of a time limit only search: a tree would not fit into memory."""
        self.certified = duals.bound
        if self.record is not None:
            self.record.stopped(duals)
        if math.isinf(self.deadline):
            return status
        while not self.stopped():
            self.incumbent.perturb()
            self.note("too many items to branch, searching")
        return "time limit"

    def _exhaust(self, duals: Duals, pool: ThreadPoolExecutor) -> bool:
        """Branch until nothing is left, from better roots where trees promise to take long."""
        if not self.plan.relax or self.problem.size > self.plan.relax_size:
            return self._branch(Tree(Node([duals]), self.problem.idle, self.record), pool)
        budget = max(1.0, _TRIAL * _RELAXATION * (self.problem.size / 30) ** 6)
        if self._grow([duals], pool, budget):
            return True
        versions = [duals]
        began, spent = time.perf_counter(), 0.0
        for lowered in relax(self, duals.costs.blocked):
            versions = [lowered, duals]
            budget = max(budget, _SHARE * (time.perf_counter() - began - spent))
            started = time.perf_counter()
            if self._grow(versions, pool, budget):
                return True
            spent += time.perf_counter() - started
        return not self.stopped() and self._grow(versions, pool, math.inf)

    def _grow(self, versions: list[Duals], pool: ThreadPoolExecutor, budget: float) -> bool:
        """A new tree from copies of duals at the root; whether it is done."""
        if self.record is not None:
            self.record.forget_branches()
        root = Node([duals.copy() for duals in versions])
        return self._branch(Tree(root, self.problem.idle, self.record), pool, budget=budget)

    def _ascend(self, duals: Duals) -> str:
        """Sweep until something ends it; says what. The duals end feasible, at their best.

        "forced": so much is ruled out that an item has only one choice left; what remains is
        smaller, and a tree's business.
        """
        moving = duals.size <= _MOMENTUM_SIZE
        best = [duals.bound, duals.state() if moving else None]
        status = self._sweep(duals, best if moving else None)
        if moving and status != "optimal" and duals.bound < best[0]:
            duals.restore(best[1])
        return status

    def _sweep(self, duals: Duals, best: list | None) -> str:
        """The loop of `_ascend`; with `best`, which it keeps up to date, it moves with momentum."""
        typical = typical_pair(duals.costs)
        # Large problems have time for few sweeps, which a large epsilon would spend going down.
        scale = min(1.0, _EPSILON_SIZE / duals.size)
        bounds, before = [], None
        while self.iterations != self.plan.max_sweeps:
            if self._proved(duals):
                return "optimal"
            if duals.forced() is not None:
                return "forced"
            if self._stalled(bounds, duals):
                return "stalled"
            now = duals.state() if best else None
            if before:
                duals.push(before)
            epsilon = int(_EPSILON * scale * _DECAY**self.iterations * typical)
            if not duals.sweep(
                epsilon, BIDS, threads=self.plan.threads, deadline=self.deadline, stop=self.stopped
            ):
                if now:
                    duals.restore(now)
                return "time limit"
            if duals.exhausted:
                if now:
                    duals.restore(now)
                return "stalled"
            before = now
            self.iterations += 1
            bounds.append(duals.bound)
            self.raise_bound(duals.bound)
            if best and duals.bound > best[0]:
                best[:] = duals.bound, duals.state()
            self.incumbent.follow(duals.permutation())
            self.incumbent.perturb()
            self.note(f"sweep {self.iterations}")
            if self.stopped():
                return "optimal" if self._proved(duals) else "time limit"
        return "optimal" if self._proved(duals) else "iteration limit"

    def _proved(self, duals: Duals) -> bool:
        """Block what cannot be part of anything better; whether nothing is left."""
        target = self.target
        if duals.bound < target:
            excluded = duals.hopeless(target)
            free = duals.costs.blocked == 0
            # Each exclusion is a step of the proof, so few at a time are not worth one.
            if 8 * excluded.sum() < free.sum():
                return False
            if self.record is not None:
                self.record.excluded(duals, excluded, target)
            duals.block(excluded)
        if duals.bound < target:
            return False
        if self.record is not None:
            self.record.pruned(duals, target)
        self.raise_bound(target)
        return True

    def _stalled(self, bounds: list[int], duals: Duals) -> bool:
        """Whether the last sweeps closed too little of the gap to go on."""
        count = self.plan.patience
        if len(bounds) <= 2 * count:
            return False
        gain = max(bounds[-count:]) - max(bounds[:-count])
        if gain <= 0 and _DECAY**self.iterations > _SMALL_EPSILON:
            return False  # the auction is still so coarse that nothing else is to be expected
        return gain < self.plan.stall * (self.target - duals.bound)

    def _branch(self, tree: Tree, pool: ThreadPoolExecutor, *, budget: float = math.inf) -> bool:
        """Work on a tree until it is done or time is up; whether it is done.

        After `budget` seconds it is also given up unless most of it is done.
        """
        began = time.perf_counter()
        while True:
            for permutation in tree.advance(self.target, self.deadline, pool):
                self._consider(permutation)
            spent = time.perf_counter() - began
            self.iterations += 1
            left = seconds_left(spent, tree.finished)
            self.raise_bound(min(tree.bound, self.target))
            self.note(f"{tree.nodes} nodes, {len(tree.open)} open, {_spoken(left)} left")
            if not tree.open:
                self.certified = INFEASIBLE
                return True
            if self.stopped() or (spent > budget and left > spent):
                self.certified = tree.bound
                if self.record is not None:
                    tree.leave_open()
                return False

    def _consider(self, permutation: np.ndarray) -> None:
        if not self.problem.feasible(permutation):
            return
        if self.problem.cost(permutation) < self.incumbent.cost + abs(self.incumbent.cost) * 0.02:
            self.incumbent.descend(permutation)

    def raise_bound(self, units: int) -> None:
        """Take over a bound in units where it is better than the last."""
        if -INFEASIBLE < units < INFEASIBLE:
            self.bound = max(self.bound, self.fixed_point.below(units))

    def note(self, phase: str) -> None:
        """Add to the history, and say so now and then."""
        self.phase = phase
        self.history.append((self.seconds, self.incumbent.cost, self.bound))
        self.ticker(self.sentence)

    def sentence(self) -> str:
        """Where the run stands."""
        cost = self.incumbent.cost
        gap = (cost - self.bound) / abs(cost) if cost else math.inf
        return (
            f"{self.phase}: cost {cost:.6g}, bound {self.bound:.6g}, gap {gap:.2%}, "
            f"{self.seconds:.0f} s"
        )

    def _new_record(self) -> Record | None:
        return Record(self.plan.certificate_limit) if self.plan.certificate_limit else None

    def _certificate(self, bound: float) -> Certificate | None:
        if self.record is None or bound == -math.inf:
            return None
        if not self.record.complete:
            self.ticker(lambda: "the proof has outgrown certificate_limit and is not kept")
            return None
        return Certificate(
            self.problem.digest,
            self.incumbent.permutation,
            min(bound, self.fixed_point.below(self.certified)),
            self.target,
            self.record,
            self.factor,
            self.factor_shift,
        )

    def _matching(self, status: str) -> Matching:
        permutation = self.incumbent.permutation
        cost = self.incumbent.cost
        # The cost is rounded, and no bound may exceed what it is without rounding.
        exact = float_below(exact_cost(self.problem, permutation))
        bound = min(self.bound, cost, exact, self.fixed_point.below(self.target))
        seconds = self.seconds
        history = [(at, found, min(low, bound)) for at, found, low in self.history]
        return Matching(
            permutation,
            cost,
            bound=bound,
            optimal=status == "optimal",
            status=status,
            seconds=seconds,
            iterations=self.iterations,
            tolerance=self.tolerance,
            certificate=self._certificate(bound),
            history=(*history, (seconds, cost, bound)),
            device=self.plan.device,
        )


def _spoken(seconds: float) -> str:
    return "unknown time" if math.isinf(seconds) else f"about {seconds:.0f} s"
