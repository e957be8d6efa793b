"""Dual ascent after Hahn and Grant on a factorised problem: good matchings and valid bounds."""

import dataclasses
from typing import ClassVar

from blindmatch.certificate import Certificate
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import solvers
from blindmatch.solvers._plan import MODULES, Plan, run


@solvers.register("hahn-grant")
@dataclasses.dataclass(frozen=True)
class HahnGrant:
    """Tabu searches for matchings, dual ascent for bounds; each sweep suggests new matchings.

    The bound is that of the level-1 reformulation-linearisation (Hahn and Grant, 1998), computed
    in integers from two N x N matrices and 2 N^3 duals instead of N^4 pair costs. The solver stops
    when the incumbent is proved optimal, at the time limit, after `max_sweeps`, or when it stalls.

    Parameters
    ----------
    max_sweeps : int, optional
        Sweeps over all N^2 submatrices; None: no limit.
    starts : int
        Searches for a first incumbent.
    patience : int
        Sweeps in a row that must close the share `stall` of the gap, or the ascent has stalled.
    stall : float
    threads : int
        More than one solves submatrices side by side: a somewhat different sweep, whose result
        does not depend on how many threads there are.
    device : str
        "cpu", or "cuda" for sweeps on a GPU: those of several threads, integer by integer.
    memory_limit : float
        Gigabytes; a problem whose duals need more is refused (N = 331: 0.4, N = 900: 7.3).
    certificate_limit : float
        Gigabytes of packed duals up to which the proof is kept; 0 keeps none.
    """

    max_sweeps: int | None = None
    starts: int = 15
    patience: int = 20
    stall: float = 1e-3
    threads: int = 1
    device: str = "cpu"
    memory_limit: float = 8.0
    certificate_limit: float = 0.25

    modules: ClassVar[tuple[str, ...]] = (*MODULES, "blindmatch.solvers.hahn_grant")

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
        plan = Plan(**dataclasses.asdict(self))
        return run("hahn-grant", plan, problem, seed, time_limit, progress, warm_start)
