"""Whether a matching deserves belief, told without any label.

Three questions. Would kernels without common structure match as well (`null_costs`,
`significance`)? What would it cost to match an item otherwise (`margins`)? Do other draws agree
(`stability`)?
"""

import dataclasses
import math

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import Metric
from blindmatch.progress import Progress, Report
from blindmatch.qap import QAP
from blindmatch.solvers import Solver, require_kind, require_square
from blindmatch.solvers._pair_costs import PairCosts

#: Negative eigenvalues below this share of the largest one are rounding.
_ROUNDING = 1e-6


def null_kernel(kernel: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A raw kernel of the same spectrum whose items have nothing to do with those of the original.

    The Gram matrix is rotated by a random orthogonal matrix that keeps the vector of ones: the
    cloud of prototypes keeps its mean and its principal variances, but not who lies where. For
    distances that is the Gram matrix of the centred cloud, so that the mean squared distance stays
    as well.

    Parameters
    ----------
    kernel : np.ndarray, shape (N, N)
        Raw, before the metric's `finish`.
    kind : str
        A key of `kernels.KERNELS`: "euclidean", or one that holds inner products.
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape (N, N)
        Symmetric; distances have a diagonal of exact zeros.

    Raises
    ------
    BlindmatchError
        If the kind is unknown, or no points have such distances.
    """
    if kind not in KERNELS:
        raise BlindmatchError(f"kind: expected one of {', '.join(KERNELS)}, found {kind!r}")
    rotation = _rotation(len(kernel), rng)
    if kind != "euclidean":
        return _rotated(kernel, rotation)
    squares = kernel**2
    rows = squares.mean(axis=1)
    gram = (rows[:, None] + rows[None, :] - rows.mean() - squares) / 2
    spectrum = np.linalg.eigvalsh(gram)
    if spectrum[0] < -_ROUNDING * spectrum[-1]:
        raise BlindmatchError(
            f"kernel: expected Euclidean distances, found distances of no points (eigenvalues from "
            f"{spectrum[0]:.3g} to {spectrum[-1]:.3g})"
        )
    gram = _rotated(gram, rotation)
    norms = np.diag(gram)
    distances = np.sqrt(np.maximum(norms[:, None] + norms[None, :] - 2 * gram, 0.0))
    np.fill_diagonal(distances, 0.0)
    return distances


def _rotation(size: int, rng: np.random.Generator) -> np.ndarray:
    """A uniformly random orthogonal matrix that maps the vector of ones to itself."""
    # The Q of a Gaussian matrix is uniform once the signs are settled (Mezzadri, 2007); with ones
    # in front its other columns span what is orthogonal to them.
    free, upper = np.linalg.qr(rng.normal(size=(size - 1, size - 1)))
    free *= np.sign(np.diag(upper))
    basis = np.linalg.qr(np.column_stack([np.ones(size), np.eye(size)[:, 1:]]))[0][:, 1:]
    return 1 / size + basis @ free @ basis.T


def _rotated(gram: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    result = rotation @ gram @ rotation.T
    return (result + result.T) / 2


def null_costs(
    vision: np.ndarray,
    language: np.ndarray,
    *,
    metric: Metric,
    solver: Solver,
    count: int,
    seed: int = 0,
    time_limit: float | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """Costs of the best matchings found where there is no common structure.

    The vision kernel is replaced (`null_kernel`), the language kernel stays: the question is how
    well *these* items would be matched by a cloud of the same shape that knows nothing of them.
    With both replaced, the clusters of the language side, which make any match cheaper or dearer,
    would be lost as well.

    Parameters
    ----------
    vision : np.ndarray, shape (N, N)
        Raw kernel of the matched classes, before the metric's `finish`.
    language : np.ndarray, shape (N, N)
        As the metric compares it, in any order.
    metric, solver
        Those of the matching that is judged, and so is its time limit: a search that stops early
        stops early on both sides.
    count : int
        Null problems; each derives its generator from (seed, number).
    seed : int
        The solver's, too.
    time_limit : float, optional
        Seconds per problem.
    report : callable, optional

    Returns
    -------
    np.ndarray, shape (count,)
        In the metric's reported unit.
    """
    progress = Progress("matched", "null problems", count, report=report)
    costs = np.empty(count)
    for number in range(count):
        random = null_kernel(vision, metric.kernel, np.random.default_rng([seed, number]))
        problem = QAP.from_metric(metric, metric.finish(random), language)
        costs[number] = solver.solve(problem, seed=seed, time_limit=time_limit).cost
        progress.advance()
    return np.array([metric.reported(cost, len(vision)) for cost in costs])


def significance(cost: float, nulls: np.ndarray) -> tuple[float, float]:
    """How far a cost lies below those of null problems.

    Parameters
    ----------
    cost : float
        Of the matching, in the unit of `nulls`.
    nulls : np.ndarray, shape (count,)

    Returns
    -------
    z : float
        (mean - cost) / standard deviation (n - 1) of the nulls; positive: better than they are.
        NaN with fewer than two of them or where they are all equal.
    p_value : float
        (1 + number of nulls that cost as little) / (1 + count), one-sided; NaN without nulls.
        Its least value is 1 / (1 + count).
    """
    nulls = np.asarray(nulls, dtype=float)
    if not len(nulls):
        return math.nan, math.nan
    p_value = (1 + int(np.sum(nulls <= cost))) / (1 + len(nulls))
    deviation = nulls.std(ddof=1) if len(nulls) > 1 else 0.0
    if not deviation > 1e-12 * np.abs(nulls).max():
        return math.nan, p_value
    return float((nulls.mean() - cost) / deviation), p_value


def margins(
    problem: QAP,
    permutation: np.ndarray,
    *,
    metric: Metric,
    solver: Solver | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """How much more a matching costs, at least, in which an item is matched otherwise.

    For each item its pair is forbidden and the problem solved again. With an exact solver and an
    optimal permutation the margin is exact. It is an upper estimate with any other solver, and
    without one, where only exchanges of two columns are tried (O(N^3) for all items together); so
    it is never above the best exchange. A negative margin says that the permutation is not optimal.

    Parameters
    ----------
    problem : QAP
        Square, of N items.
    permutation : np.ndarray, shape (N,)
    metric : Metric
        For the unit.
    solver : Solver, optional
        It must take forbidden pairs; None: exchanges alone.
    seed : int
    time_limit : float, optional
        Seconds per item.
    report : callable, optional

    Returns
    -------
    np.ndarray, shape (N,)
        In the metric's reported unit; inf where the other pairs of an item are all forbidden.

    Raises
    ------
    BlindmatchError
        If the problem is not square, or the solver cannot take forbidden pairs.
    """
    require_square(problem)
    permutation = np.asarray(permutation)
    least = _best_exchanges(problem, permutation)
    if solver is not None:
        cost = problem.cost(permutation)
        progress = Progress("rematched", "items", problem.size, report=report)
        for row, column in enumerate(permutation):
            other = _without(problem, row, column)
            if other is not None:
                require_kind(solver, other)
                found = solver.solve(other, seed=seed, time_limit=time_limit)
                least[row] = min(least[row], found.cost - cost)
            progress.advance()
    return np.array([metric.reported(margin, problem.size) for margin in least])


def _without(problem: QAP, row: int, column: int) -> QAP | None:
    """The same problem with one pair more forbidden; None if nothing is allowed any more."""
    forbidden = problem.forbidden_pairs
    forbidden[row, column] = True
    try:
        return dataclasses.replace(problem, forbidden=forbidden)
    except BlindmatchError:
        return None


def _best_exchanges(problem: QAP, permutation: np.ndarray) -> np.ndarray:
    """The least change of cost by an exchange of columns that moves a row; shape (N,)."""
    costs = PairCosts.of(dataclasses.replace(problem, forbidden=None))
    ordered = costs.B[:, permutation[:, None], permutation]
    # table[i, k]: what row i pays in the place of row k, all else as it is.
    table = costs.single[:, permutation] + np.einsum("til,tkl->ik", costs.A, ordered, optimize=True)
    here = np.diag(table)
    change = table + table.T - here[:, None] - here[None, :]
    # The table takes the pair of both rows for given up; symmetric terms do not feel the exchange.
    symmetric = slice(costs.symmetric_terms)
    change += 2 * np.sum(costs.A[symmetric] * ordered[symmetric], axis=0)
    refused = problem.forbidden_pairs[:, permutation]
    change[refused | refused.T] = np.inf
    np.fill_diagonal(change, np.inf)
    return change.min(axis=1)


def stability(permutations: np.ndarray) -> np.ndarray:
    """How many of the other matchings agree on an item.

    Parameters
    ----------
    permutations : array_like, shape (R, N)
        Matchings of the same items, such as those of R draws.

    Returns
    -------
    np.ndarray, shape (R, N)
        Share, in 0 ... 1, of the other R - 1 matchings that give an item the column that this one
        gives it; NaN where there is no other. The mean over R is the mean pairwise agreement.
    """
    permutations = np.asarray(permutations)
    others = len(permutations) - 1
    agreeing = (permutations[:, None, :] == permutations[None, :, :]).sum(axis=1) - 1
    return agreeing / others if others else np.full(permutations.shape, np.nan)
