"""Phase diagrams: planted problems, whose truth is known, from easy to hopeless.

A cloud of Gaussian points and its noisy copy, each seen through its kernel only, are matched. Size
and noise decide whether the optimum can be proved, and whether it is the truth at all.
"""

from collections.abc import Iterator

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.matching import columns_of
from blindmatch.metrics import Metric
from blindmatch.progress import Report
from blindmatch.qap import QAP
from blindmatch.solvers import Solver

#: Share of the truth's cost by which a matching must be cheaper to count as better than the truth.
_CHEAPER = 1e-9


def planted(
    size: int, noise: float, *, metric: Metric, dimension: int, rng: np.random.Generator
) -> tuple[QAP, np.ndarray]:
    """A problem between the kernels of a cloud and its noisy copy in random order.

    Points are standard normal; the copy adds independent normal noise to every coordinate.

    Parameters
    ----------
    size : int
        Number of points N.
    noise : float
        Standard deviation of the noise; that of the points is 1.
    metric : Metric
    dimension : int
        Coordinates of a point.
    rng : np.random.Generator

    Returns
    -------
    problem : QAP
    truth : np.ndarray, shape (N,)
        The permutation that pairs each point with its copy.
    """
    points = rng.normal(size=(size, dimension))
    copies = points + noise * rng.normal(size=points.shape)
    truth = rng.permutation(size)
    shuffled = np.empty_like(copies)
    shuffled[truth] = copies
    first, second = (metric.finish(KERNELS[metric.kernel](side)) for side in (points, shuffled))
    return QAP.from_metric(metric, first, second), truth


def solve_planted(
    size: int,
    noise: int,
    *,
    draws: int,
    dimension: int,
    seed: int,
    metric: Metric,
    solver: Solver,
    time_limit: float | None = None,
    report: Report | None = None,
) -> Iterator[dict]:
    """One row for each planted problem of a size and noise level.

    Parameters
    ----------
    size : int
        Number of points N.
    noise : int
        Per cent of the points' standard deviation.
    draws : int
        How many problems; each derives its generator from (seed, size, noise, draw).
    dimension : int
        Coordinates of a point.
    seed : int
    metric, solver
        Instances from the registries.
    time_limit : float, optional
        Seconds per problem.
    report : callable, optional

    Yields
    ------
    dict
        draw; what `blindmatch.matching.columns_of` tells; accuracy; true_cost, and as
        reported_true_cost in the metric's unit; truth_found: the matching is the truth;
        truth_beaten: it is cheaper than the truth, which is not optimal.
    """
    for draw in range(draws):
        problem, truth = planted(
            size,
            noise / 100,
            metric=metric,
            dimension=dimension,
            rng=np.random.default_rng([seed, size, noise, draw]),
        )
        found = solver.solve(problem, seed=seed, time_limit=time_limit, progress=report)
        true_cost = problem.cost(truth)
        margin = max(found.tolerance, _CHEAPER * abs(true_cost))
        yield {
            "draw": draw,
            **columns_of(found, metric, size),
            "accuracy": float(np.mean(found.permutation == truth)),
            "true_cost": true_cost,
            "reported_true_cost": metric.reported(true_cost, size),
            "truth_found": bool((found.permutation == truth).all()),
            "truth_beaten": bool(found.cost < true_cost - margin),
        }
