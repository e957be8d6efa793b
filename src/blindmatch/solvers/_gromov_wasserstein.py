"""Gromov-Wasserstein solvers of POT (Python Optimal Transport), their plans rounded to matchings.

A plan T spreads the weight 1/N of each row over the columns. For the square loss, the
Gromov-Wasserstein cost of the matrices C1 and C2 is ``const - 2 sum_ikjl C1_ik C2_jl T_ij T_kl``
(Peyre et al. 2016, prop. 1), so with C1 = -A and C2 = B it is a quadratic assignment relaxed to
plans. A linear term makes it the fused problem (Vayer et al. 2019). POT, which has no sums of
several terms, could forbid pairs only by prices that drown everything else.

POT looks neither at the clock nor at Ctrl-C: see `blindmatch.solvers._stoppable`.
"""

import dataclasses
import itertools
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.registry import absent
from blindmatch.solvers import Solver, Unavailable, require_kind, require_square

if TYPE_CHECKING:
    from blindmatch.solvers._stoppable import Run

#: A random start is the mean of the uniform plan and of so many random permutations.
_DRAWS = 10
#: A plan has a mass of 1; where it differs by more, POT has failed (it may be NaN, too).
_MASS = 1e-3
#: Plans whose largest entry exceeds that of the uniform plan by less than this share say nothing.
_FLAT = 1e-3
#: Differences below this share of the largest entry may be rounding.
_ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class Structures:
    """A problem as POT reads it, in units that do not depend on the scale of its matrices.

    The objective ``share * GW(C1, C2) + (1 - share) * <M, T>`` has the order of the costs. Both
    matrices have off-diagonal entries of standard deviation 1, as the standardised kernels of the
    paper, and so has M; an `epsilon` means the same for every problem.

    Attributes
    ----------
    C1, C2 : np.ndarray, shape (N, N)
    M : np.ndarray, shape (N, N)
        Linear costs.
    share : float
        Of the structure; 1 where there are no linear costs.
    symmetric : bool
    """

    C1: np.ndarray
    C2: np.ndarray
    M: np.ndarray
    share: float
    symmetric: bool

    @classmethod
    def of(cls, problem: QAP) -> "Structures":
        """Centre and scale a square problem of one term.

        What is subtracted from all entries adds a constant to the cost of all plans.
        """
        A, B, linear = problem.A_terms[0], problem.B_terms[0], problem.linear_costs
        outside = ~np.eye(len(A), dtype=bool)
        (C1, a), (C2, b) = _standardised(-A, outside), _standardised(B, outside)
        M, single = _standardised(linear, np.ones_like(outside))
        # N^2 times the objective of the plan P / N of a permutation P is its cost, up to constants,
        # if GW counts a b N / 2 times as much as <linear, T>.
        structure = a * b * len(A) / 2.0
        share = structure / (structure + single) if linear.any() else 1.0
        return cls(C1, C2, M, share, problem.symmetric)


def _standardised(matrix: np.ndarray, entries: np.ndarray) -> tuple[np.ndarray, float]:
    """A matrix moved and scaled so that some of its entries have mean 0 and deviation 1; the scale.

    Where these entries are all equal the largest of the matrix takes the place of the deviation.
    """
    largest = float(np.abs(matrix).max()) or 1.0
    scaled = matrix / largest
    mean = scaled.mean(where=entries) if entries.any() else 0.0
    deviation = scaled.std(where=entries) if entries.any() else 0.0
    if deviation <= _ROUNDING:
        deviation = 1.0
    return (scaled - mean) / deviation, largest * float(deviation)


@dataclasses.dataclass(frozen=True)
class GromovWasserstein(Solver):
    """What POT's solvers share: starts, rounding, and how they are stopped.

    Parameters
    ----------
    starts : int, optional
        The first start is the uniform plan, all others are random; None: only a time limit or
        Ctrl-C ends it.
    iterations : int
    tolerance : float
    """

    starts: PositiveInt | None = 1
    iterations: PositiveInt = 1000
    tolerance: PositiveFloat = 1e-9

    requires: ClassVar[Mapping[str, str]] = {"ot": "'blindmatch[pot]'"}
    refuses: ClassVar[tuple[str, ...]] = ("forbidden", "terms")
    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._gromov_wasserstein",
        "blindmatch.solvers._stoppable",
        "blindmatch.solvers.gromov_wasserstein",
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
        from blindmatch.solvers._stoppable import run_stoppable

        require_square(problem)
        require_kind(self, problem)
        if lacking := absent(type(self)):
            raise Unavailable(f"{type(self).__name__}: {lacking}")
        return run_stoppable(
            gromov_wasserstein,
            problem,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
            solver=self,
        )

    def plan(self, structures: Structures, start: np.ndarray) -> np.ndarray:
        """The plan, shape (N, N), that POT finds from a start of the same shape."""
        raise NotImplementedError


def gromov_wasserstein(problem: QAP, run: "Run", *, seed: int, solver: GromovWasserstein) -> None:
    """For `run_stoppable`: one plan after another is computed, rounded and offered."""
    if run.isolated:  # elsewhere that is for the user to say: it spares seconds
        os.environ["POT_BACKEND_DISABLE_PYTORCH"] = "1"
    import ot.gromov  # noqa: F401  (takes seconds, which are not to count)
    from scipy.optimize import linear_sum_assignment

    run.building()
    structures = Structures.of(problem)
    run.solving()
    rng = np.random.default_rng(seed)
    size = problem.size
    uniform = np.full((size, size), size**-2.0)
    turns = itertools.count(1) if solver.starts is None else range(1, solver.starts + 1)
    for turn in turns:
        start = uniform
        if turn > 1:
            draws = [np.eye(size)[rng.permutation(size)] / size for _ in range(_DRAWS)]
            start = (uniform + np.mean(draws, axis=0)) / 2.0
        plan = solver.plan(structures, start)
        run.iterations = turn
        if not abs(plan.sum() - 1.0) < _MASS:
            run.say(f"start {turn} failed numerically (too small an epsilon?)")
            continue
        if size > 1 and plan.max() * size**2 < 1.0 + _FLAT:
            run.say(
                f"start {turn} gave the uniform plan (too large an epsilon?), which says nothing"
            )
        run.offer(linear_sum_assignment(-plan)[1])


def couple(name: str, structures: Structures, start: np.ndarray, **options) -> np.ndarray:
    """Call ``ot.gromov.<name>gromov_wasserstein``, or its fused form for linear costs."""
    import ot.gromov

    given = (structures.C1, structures.C2)
    if structures.share < 1.0:
        name, given = f"{name}fused_", (structures.M, *given)
        options["alpha"] = structures.share
    function = getattr(ot.gromov, f"{name}gromov_wasserstein")
    # Where it fails, the plan shows that.
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        return function(*given, G0=start, symmetric=structures.symmetric, **options)
