"""The best that is there: exact where that is possible, with a proved gap where it is not."""

import dataclasses
from typing import ClassVar

from blindmatch.solvers import solvers
from blindmatch.solvers._plan import MODULES, Plan, Planned


@solvers.register("auto")
@dataclasses.dataclass(frozen=True)
class Auto(Planned):
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
        As for `blindmatch.solvers._plan.Planned`.
    """

    relax: bool = True
    relax_size: int = 45
    relax_gap: float = 0.01

    modules: ClassVar[tuple[str, ...]] = (*MODULES, "blindmatch.solvers.auto")

    @property
    def plan(self) -> Plan:
        """Ascent that soon gives way to branching."""
        return Plan(branch=True, patience=5, stall=0.1, **dataclasses.asdict(self))
