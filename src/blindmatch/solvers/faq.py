"""FAQ from random starts, each result improved by 2-opt: the peer that most people know."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, solvers

if TYPE_CHECKING:
    from blindmatch.solvers._incumbent import Incumbent
    from blindmatch.solvers._pair_costs import PairCosts

#: A start is the mean of so many random permutations.
_DRAWS = 10
#: Frank-Wolfe ends with a step whose Frobenius norm is below this times the square root of N.
_TOLERANCE = 0.03


@solvers.register("faq")
@dataclasses.dataclass(frozen=True)
class FAQ(Solver):
    """Fast approximate QAP (Vogelstein et al., 2015): Frank-Wolfe on doubly stochastic matrices.

    The steps are those of SciPy's `quadratic_assignment`, which knows no linear terms, no sums of
    several terms and no forbidden pairs, and starts every run from the same matrix by default.

    Parameters
    ----------
    starts : int, optional
        Starts before it ends; None: only a time limit or Ctrl-C ends it.
    iterations : int
        Frank-Wolfe steps of one start at most.
    """

    starts: int | None = 100
    iterations: int = 30

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.qap",
        "blindmatch.solvers._anytime",
        "blindmatch.solvers._incumbent",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers.faq",
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
            problem,
            functools.partial(_search, self.iterations),
            self.starts,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
        )


def _search(iterations: int, incumbent: "Incumbent") -> None:
    start = np.mean([_matrix(incumbent.draw()) for _ in range(_DRAWS)], axis=0)
    incumbent.descend(frank_wolfe(incumbent.costs, start, iterations, stop=incumbent.stopped))


def _matrix(permutation: np.ndarray) -> np.ndarray:
    return np.eye(len(permutation))[permutation]


def frank_wolfe(
    costs: "PairCosts", start: np.ndarray, iterations: int, *, stop: Callable[[], bool]
) -> np.ndarray:
    """Descend from a doubly stochastic matrix; the nearest permutation to where it ends.

    With G the gradient, each step goes towards the permutation matrix of least <G, X>, as far as
    the cost, a parabola along that line, falls (Vogelstein et al., 2015, algorithm 1).

    Parameters
    ----------
    costs : PairCosts
    start : np.ndarray, shape (N, N)
        Without mass on forbidden pairs.
    iterations : int
    stop : callable
        Asked before every step; true ends the descent.

    Returns
    -------
    np.ndarray, shape (N,), int64
    """
    from scipy.optimize import linear_sum_assignment

    X, A, B = start, costs.A, costs.B
    allowed = costs.single < costs.penalty / 2.0 if costs.penalty else np.True_
    single = np.where(allowed, costs.single, 0.0)
    pairs = np.sum(A @ X @ np.swapaxes(B, 1, 2), axis=0)
    for _ in range(iterations):
        if stop():
            break
        gradient = single + pairs
        columns = linear_sum_assignment(np.where(allowed, gradient, np.inf))[1]
        step = _matrix(columns) - X
        # What i -> j pays for its pairs with a permutation needs one product of matrices, not two.
        pairs_step = np.sum(A @ np.swapaxes(B[:, :, columns], 1, 2), axis=0) - pairs
        slope, curvature = np.sum(gradient * step), np.sum(step * pairs_step) / 2.0
        length = min(1.0, -slope / (2.0 * curvature)) if curvature > 0.0 else 1.0
        X = X + length * step
        pairs = pairs + length * pairs_step
        if length * np.linalg.norm(step) < _TOLERANCE * np.sqrt(len(X)):
            break
    return linear_sum_assignment(np.where(allowed, -X, np.inf))[1]
