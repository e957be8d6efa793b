"""Gurobi: branch and cut by a commercial mixed-integer solver."""

import dataclasses
from typing import ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.registry import absent
from blindmatch.solvers import Solver, Unavailable, require_square, solvers


@solvers.register("gurobi")
@dataclasses.dataclass(frozen=True)
class Gurobi(Solver):
    """Gurobi on a binary program, started from a matching of our tabu search.

    Gurobi computes in floating point and holds what it proves up to its tolerances only, so its
    bound is lowered by a margin of 1e-6 times the largest absolute cost that the problem allows
    (`QAP.magnitude` without the constant). "optimal" means that Gurobi says so and that the
    remaining gap is at most twice this margin, the result's `tolerance`; it is no proof that
    `blindmatch.verify` could check.

    Parameters
    ----------
    formulation : {"linear", "quadratic"}
        "linear" is the mixed-integer linear program of Xia and Yuan (2006): 2 N^2 variables and
        bounds of at least Gilmore's and Lawler's. "quadratic" minimises x'Qx over N^2 binary
        variables as the paper does, which proves far less in the same time.
    searches : int
        Tabu searches for the start, in a fifth of the time limit at most; 0 leaves Gurobi to find
        a matching.
    threads : int
        Threads of Gurobi.
    """

    formulation: Literal["linear", "quadratic"] = "linear"
    searches: NonNegativeInt = 100
    threads: PositiveInt = 1

    bounds: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._anytime",
        "blindmatch.solvers._gurobi_model",
        "blindmatch.solvers._gurobi_run",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers.gurobi",
        "blindmatch.solvers.tabu",
    )
    requires: ClassVar[dict[str, str]] = {"gurobipy": "'blindmatch[gurobi]'"}

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
            If `gurobipy` is not installed, or the licence serves no problem of this size.
        """
        require_square(problem)
        if lacking := absent(type(self)):
            raise Unavailable(f"gurobi: {lacking}")
        from blindmatch.solvers._gurobi_run import run

        return run(
            problem,
            self.formulation,
            searches=self.searches,
            threads=self.threads,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
        )
