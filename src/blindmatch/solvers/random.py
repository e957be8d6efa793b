"""A control: a permutation drawn at random."""

import dataclasses
import time
from typing import ClassVar

import numpy as np

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, require_square, solvers


@solvers.register("random")
@dataclasses.dataclass(frozen=True)
class Random(Solver):
    """Every permutation is equally likely, unless some pairs are forbidden; proves nothing."""

    modules: ClassVar[tuple[str, ...]] = ("blindmatch.qap", "blindmatch.solvers.random")

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`."""
        require_square(problem)
        start = time.perf_counter()
        permutation = problem.draw(np.random.default_rng(seed))
        cost = problem.cost(permutation)
        seconds = time.perf_counter() - start
        return Matching(
            permutation,
            cost,
            bound=-np.inf,
            optimal=False,
            status="heuristic",
            seconds=seconds,
            iterations=1,
            history=((seconds, cost, -np.inf),),
        )
