"""Local search over pair exchanges from random starts."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, solvers

if TYPE_CHECKING:
    from blindmatch.solvers._incumbent import Incumbent


@solvers.register("two-opt")
@dataclasses.dataclass(frozen=True)
class TwoOpt(Solver):
    """2-opt: of all exchanges of two rows' columns the best is made, until none helps any more.

    The change of cost by each exchange is kept up to date, in O(N^2) for all of them after a move.

    Parameters
    ----------
    starts : int, optional
        Random permutations to start from; None: only a time limit or Ctrl-C ends it.
    """

    starts: int | None = 100

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._anytime",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers.two_opt",
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

        return run_searches(
            problem, _search, self.starts, seed=seed, time_limit=time_limit, progress=progress
        )


def _search(incumbent: "Incumbent") -> None:
    incumbent.descend(incumbent.draw())
