"""Dual ascent after Hahn and Grant on a factorised problem: good matchings and valid bounds."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import solvers


@solvers.register("hahn-grant")
@dataclasses.dataclass(frozen=True)
class HahnGrant:
    """Tabu searches for matchings, dual ascent for bounds; each sweep suggests new matchings.

    The bound is that of the level-1 reformulation-linearisation (Hahn and Grant, 1998), computed
    from two N x N matrices and 2 N^3 duals instead of N^4 pair costs. It is recomputed from the
    duals before it is reported and holds in real numbers (`_dual_bound`). The solver stops when the
    incumbent is proved optimal, at the time limit, after `max_sweeps`, or when it stalls.

    Parameters
    ----------
    max_sweeps : int, optional
        Sweeps over all N^2 submatrices; None: no limit.
    starts : int
        Tabu searches from random permutations before the first sweep.
    patience : int
        Stalled: so many sweeps in a row brought less than a thousandth of the gap and no matching.
    returned : float
        Share of the gap that sweeps give back to the pairs once plain ones slow down; it decays
        from sweep to sweep. 0: only plain sweeps, in which the bound never drops.
    memory_limit : float
        Gigabytes; a problem whose duals need more is refused (N = 331: 0.6, N = 800: 8.2).
    """

    max_sweeps: int | None = None
    starts: int = 50
    patience: int = 20
    returned: float = 0.3
    memory_limit: float = 8.0

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.lap._shortest_path",
        "blindmatch.qap",
        "blindmatch.solvers._ascent",
        "blindmatch.solvers._dual_bound",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers._sweep",
        "blindmatch.solvers.hahn_grant",
    )

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
        BlindmatchError
            If the duals do not fit into `memory_limit`.
        """
        from blindmatch.solvers._ascent import run

        needed = 16e-9 * problem.size**3
        if needed > self.memory_limit:
            raise BlindmatchError(
                f"hahn-grant: the duals of {problem.size} items need {needed:.1f} GB, "
                f"memory_limit allows {self.memory_limit:g}"
            )
        _compile()
        return run(problem, self, seed, time_limit, progress)


@functools.cache
def _compile() -> None:
    """Compile (or load) the kernels, so that it does not count as solving."""
    from blindmatch.solvers._ascent import run

    tiny = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]])
    run(QAP(tiny, tiny), HahnGrant(max_sweeps=1), 0, None, None)
