"""Memetic tabu search: the best matchings that a time limit allows, and no bound."""

import dataclasses
from typing import ClassVar

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, solvers


@solvers.register("tabu")
@dataclasses.dataclass(frozen=True)
class Tabu(Solver):
    """Many short tabu searches from random permutations and from children of the best results.

    Parameters
    ----------
    searches : int, optional
        Searches before it ends; None: only a time limit or Ctrl-C ends it.
    """

    searches: int | None = 1000

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._anytime",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers.tabu",
    )

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`."""
        from blindmatch.solvers._anytime import run_searches
        from blindmatch.solvers._incumbent import Incumbent

        return run_searches(
            problem,
            Incumbent.perturb,
            self.searches,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
        )
