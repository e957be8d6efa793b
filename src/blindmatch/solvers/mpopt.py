"""MPOpt: fusion moves between randomised greedy matchings, guided by dual sweeps."""

import dataclasses
from typing import ClassVar

from pydantic import PositiveInt

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.registry import absent
from blindmatch.solvers import Solver, Unavailable, require_square, solvers


@solvers.register("mpopt")
@dataclasses.dataclass(frozen=True)
class MPOpt(Solver):
    """MPOpt (Hutschenreiter et al., 2021) as `pylibmgm` offers it, in a process of its own.

    A batch is some sweeps of dual block-coordinate ascent, then some randomised greedy matchings on
    the reduced costs, each improved by a local search and fused with the best one. A GRASP instead
    of the greedy matchings is part of MPOpt, not of what `pylibmgm` offers.

    Its lower bound is not reported: it holds up to rounding only, and lies far below zero on
    Gromov-Wasserstein problems, because MPOpt relaxes that every row is matched.

    Parameters
    ----------
    sweeps : int
        Dual sweeps per batch.
    generations : int
        Greedy matchings per batch.
    patience, threshold : int, float
        It ends when in this many batches and one more, in a row, the second half of all batches so
        far has lowered the cost by at most `threshold` times what the first half has.
    batches : int, optional
        Batches at most.
    """

    sweeps: PositiveInt = 1
    generations: PositiveInt = 10
    patience: PositiveInt = 20
    threshold: float = 0.6
    batches: PositiveInt | None = None

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._mpopt_child",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers._stoppable",
        "blindmatch.solvers.mpopt",
    )
    requires: ClassVar[dict[str, str]] = {"pylibmgm": "'blindmatch[mpopt]'"}

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`.

        Raises
        ------
        Unavailable
            If `pylibmgm` is not installed.
        """
        from blindmatch.solvers._mpopt_child import mpopt
        from blindmatch.solvers._stoppable import run_stoppable

        require_square(problem)
        if lacking := absent(type(self)):
            raise Unavailable(f"mpopt: {lacking}")
        return run_stoppable(
            mpopt,
            problem,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
            isolated=True,
            limit=time_limit,
            **dataclasses.asdict(self),
        )
