"""FAQ, the peer that most people know: as published, or from many starts and improved by 2-opt."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
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
#: Rounds of scaling rows and columns that make a matrix doubly stochastic.
_SCALINGS = 100
#: Frank-Wolfe ends with a step whose Frobenius norm is below this times the square root of N.
_TOLERANCE = 0.03


@solvers.register("faq")
@dataclasses.dataclass(frozen=True)
class FAQ(Solver):
    """Fast approximate QAP (Vogelstein et al., 2015): Frank-Wolfe on doubly stochastic matrices.

    The steps are those of SciPy's `quadratic_assignment`, which knows no linear terms, no sums of
    several terms and no forbidden pairs, and starts every run from the barycentre by default: one
    start with `barycentre` and without `refine` is that.

    Parameters
    ----------
    starts : int, optional
        Starts before it ends; None: only a time limit or Ctrl-C ends it.
    iterations : int
        Frank-Wolfe steps of one start at most.
    barycentre : bool
        Whether the first start is the matrix of equal entries. All others are random.
    refine : bool
        Whether 2-opt improves each result.
    """

    starts: int | None = 100
    iterations: int = 30
    barycentre: bool = False
    refine: bool = True

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
        import scipy.optimize  # noqa: F401  (for `frank_wolfe`: imports do not count as solving)

        from blindmatch.solvers._anytime import run_searches

        return run_searches(
            problem,
            functools.partial(_search, self, itertools.count()),
            self.starts,
            seed=seed,
            time_limit=time_limit,
            progress=progress,
        )


def _search(options: FAQ, turns: Iterator[int], incumbent: "Incumbent") -> None:
    costs = incumbent.costs
    if next(turns) == 0 and options.barycentre:
        start = _barycentre(_allowed(costs))
    else:
        start = np.mean([_matrix(incumbent.draw()) for _ in range(_DRAWS)], axis=0)
    found = frank_wolfe(costs, start, options.iterations, stop=incumbent.stopped)
    if options.refine:
        incumbent.descend(found)
    else:
        incumbent.offer(found)


def _barycentre(allowed: np.ndarray) -> np.ndarray:
    """The doubly stochastic matrix that is as even as the allowed pairs permit, up to rounding."""
    matrix = allowed.astype(np.float64)
    for _ in range(_SCALINGS):
        matrix /= matrix.sum(axis=1, keepdims=True)
        matrix /= matrix.sum(axis=0)
    return matrix


def _allowed(costs: "PairCosts") -> np.ndarray:
    """Pairs that are not forbidden, shape (N, N)."""
    if not costs.penalty:
        return np.ones(costs.single.shape, dtype=bool)
    return costs.single < costs.penalty / 2.0


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
    allowed = _allowed(costs)
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
