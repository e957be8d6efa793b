"""Dual ascent after Hahn and Grant on a factorised problem: good matchings and valid bounds."""

import dataclasses
from typing import ClassVar

from blindmatch.solvers import solvers
from blindmatch.solvers._plan import MODULES, Plan, Planned


@solvers.register("hahn-grant")
@dataclasses.dataclass(frozen=True)
class HahnGrant(Planned):
    """Tabu searches for matchings, dual ascent for bounds; each sweep suggests new matchings.

    The bound is that of the level-1 reformulation-linearisation (Hahn and Grant, 1998), computed
    in integers from two N x N matrices and 2 N^3 duals instead of N^4 pair costs. The solver stops
    when the incumbent is proved optimal, at the time limit, after `max_sweeps`, or when it stalls.

    Parameters
    ----------
    max_sweeps : int, optional
        Sweeps over all N^2 submatrices; None: no limit.
    patience : int
        Sweeps in a row that must close the share `stall` of the gap, or the ascent has stalled.
    stall : float
    starts, threads, device, memory_limit, certificate_limit
        As for `blindmatch.solvers._plan.Planned`.
    """

    max_sweeps: int | None = None
    patience: int = 20
    stall: float = 1e-3

    modules: ClassVar[tuple[str, ...]] = (*MODULES, "blindmatch.solvers.hahn_grant")

    @property
    def plan(self) -> Plan:
        """Ascent alone."""
        return Plan(**dataclasses.asdict(self))
