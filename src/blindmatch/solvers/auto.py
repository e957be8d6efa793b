"""The best that is there: exact where that is possible, with a proved gap where it is not."""

import dataclasses
from typing import ClassVar

from blindmatch.certificate import Certificate
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import solvers
from blindmatch.solvers._plan import MODULES, Plan, run


@solvers.register("auto")
@dataclasses.dataclass(frozen=True)
class Auto:
    """Searches, dual ascent, then branch and bound until the matching is proved or time is up.

    A tree that promises to take long is given up for the doubly nonnegative relaxation, whose bound
    is stronger and slower; a new tree starts from what it leaves. Where a tree would not fit into
    `memory_limit` (from about 150 items on), searches use what is left of a time limit.

    Parameters
    ----------
    relax : bool
        Whether the relaxation may be used.
    relax_size : int
        Items up to which it is: an iteration takes O(N^6).
    relax_gap : float
        Share of the cost at which it has done enough.
    starts, threads, device, memory_limit, certificate_limit
        As for `hahn-grant`; threads also work on branches side by side, and the relaxation runs on
        the device, too.
    """

    relax: bool = True
    relax_size: int = 45
    relax_gap: float = 0.01
    starts: int = 15
    threads: int = 1
    device: str = "cpu"
    memory_limit: float = 8.0
    certificate_limit: float = 0.25

    modules: ClassVar[tuple[str, ...]] = (*MODULES, "blindmatch.solvers.auto")

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
        warm_start: Certificate | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`.

        Parameters
        ----------
        problem, seed, time_limit, progress
        warm_start : Certificate, optional
            Of an earlier run on the same problem, which goes on from there.

        Raises
        ------
        BlindmatchError
            If the duals do not fit into `memory_limit`, or the certificate belongs elsewhere.
        """
        plan = Plan(branch=True, patience=5, stall=0.1, **dataclasses.asdict(self))
        return run("auto", plan, problem, seed, time_limit, progress, warm_start)
