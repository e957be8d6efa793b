"""The dual ascent of Hahn and Grant as published, and the steps from it to the paper's solver."""

import dataclasses
import functools
from typing import ClassVar, Literal

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, require_square, solvers


@solvers.register("hahn-grant-original")
@dataclasses.dataclass(frozen=True)
class HahnGrantOriginal(Solver):
    """Dual ascent after Hahn and Grant (1998); options lead step by step to the paper's solver.

    A sweep takes one assignment i -> j after the other, in ascending order of their reduced
    leaders. It takes all that remains of the pairs with i -> j, solves the linear assignment
    problem of that submatrix, adds the optimum to the leader of i -> j and keeps the reduced costs.
    The assignment of the leaders is a bound. The first one is that of Gilmore and Lawler.

    The steps are those of the paper's ablation (Tab. 4 and 5). All of them are compiled and compute
    in the same integers, so they differ by their algorithms, not by interpreters or rounding, and
    no bound exceeds the optimum. `costs` decides about time and memory alone: both forms give the
    same bounds.

    Parameters
    ----------
    costs : str
        "pairs": an array of all N^4 pair costs, which the ascent rewrites, as in 1998. "factors":
        two N x N matrices and 2 N^3 duals.
    assignment : str
        What solves submatrices. "hungarian": shortest augmenting paths from duals of zero, row by
        row. "auction": forward and reverse auction (Bertsekas and Castanon, 1992), whose epsilon
        shrinks from sweep to sweep. "jonker-volgenant": augmenting paths after reductions of rows
        and columns (`blindmatch.lap`).
    lap_solutions : bool
        Whether the assignment of every submatrix is tried as a matching; else only those of the
        leaders are, one for each sweep.
    starts : int
        Before the first sweep, so many times FAQ and 2-opt, each from a random start; they take a
        fifth of the time limit at most.
    epsilon : float
        The auction's first least raise of a price as a share of how much pair costs vary.
    decay : float
        What epsilon is multiplied with after each sweep.
    max_sweeps : int, optional
        Sweeps over all N^2 submatrices; None: no limit.
    patience : int
        Sweeps in a row that must close the share `stall` of the gap, or the ascent has stalled.
    stall : float
    memory_limit : float
        Gigabytes; a problem that needs more is refused (`costs` "pairs": N = 100 needs 0.4).
    """

    costs: Literal["pairs", "factors"] = "pairs"
    assignment: Literal["hungarian", "auction", "jonker-volgenant"] = "hungarian"
    lap_solutions: bool = False
    starts: int = 0
    epsilon: float = 0.1
    decay: float = 0.9
    max_sweeps: int | None = None
    patience: int = 20
    stall: float = 1e-3
    memory_limit: float = 8.0

    bounds: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.fixed_point",
        "blindmatch.lap._shortest_path",
        "blindmatch.qap",
        "blindmatch.solvers._duals",
        "blindmatch.solvers._first_duals",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._original",
        "blindmatch.solvers._original_assignment",
        "blindmatch.solvers._original_sweep",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers._run",
        "blindmatch.solvers._sweep",
        "blindmatch.solvers.faq",
        "blindmatch.solvers.hahn_grant_original",
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
            If the costs do not fit into `memory_limit`.
        """
        from blindmatch.solvers._original import Ascent

        require_square(problem)
        needed = (4 * problem.size**4 if self.costs == "pairs" else 0) + 8 * problem.size**3
        if needed > self.memory_limit * 1e9:
            raise BlindmatchError(
                f"problem: the {self.costs} of {problem.size} items need {needed / 1e9:.2f} GB, "
                f"memory_limit allows {self.memory_limit:g}"
            )
        _compile()
        return Ascent(problem, self, seed, time_limit, progress).solve()


@functools.cache
def _compile() -> None:
    """Compile (or load) the kernels, so that it does not count as solving."""
    from blindmatch.solvers._original import Ascent

    tiny = QAP(*np.random.default_rng(0).normal(size=(2, 5, 5)))
    for costs in ("pairs", "factors"):
        options = HahnGrantOriginal(costs, lap_solutions=True, starts=1, max_sweeps=1)
        Ascent(tiny, options, 0, None, None).solve()
