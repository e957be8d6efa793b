"""Ablation: steps of a solver side by side on problems without any structure to find.

Two independent sets of random unit vectors are matched by their distances alone (paper, appendix
D.3). No matching is the truth, and all costs are nearly the same: random permutations differ by
1e-5 of the cost. So a gap relative to the cost looks tiny for any solver; it is told in units of
that spread, too.
"""

from collections.abc import Iterator

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.matching import columns_of, solve_or_skip
from blindmatch.metrics import Metric
from blindmatch.progress import Report
from blindmatch.prototypes import draw_seeds, normalise
from blindmatch.qap import QAP
from blindmatch.solvers import Solver

#: Random permutations whose costs tell the spread.
_PERMUTATIONS = 1000


def ablation_problem(size: int, *, dimension: int, seed: int, metric: Metric) -> QAP:
    """A problem between the kernels of two independent sets of random unit vectors.

    The vectors are those of the reference code, drawn by torch in float32, but normalised and
    compared in float64. The paper's metric does not standardise its distances.

    Parameters
    ----------
    size : int
        Vectors N of each set.
    dimension : int
        Coordinates of a vector.
    seed : int
        Of torch's CPU generator.
    metric : Metric
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    sets = (
        normalise(torch.randn(size, dimension, generator=generator).double().numpy())
        for _ in range(2)
    )
    kernels = (KERNELS[metric.kernel](vectors) for vectors in sets)
    return QAP.from_metric(metric, *map(metric.finish, kernels))


def solve_ablation(
    size: int,
    *,
    dimension: int,
    draws: int,
    seed: int,
    metric: Metric,
    solver: Solver,
    time_limit: float | None = None,
    report: Report | None = None,
) -> Iterator[dict]:
    """One row for each problem of a size.

    Parameters
    ----------
    size, dimension : int
        As for `ablation_problem`.
    draws : int
        How many problems; their seeds are `draw_seeds(seed, draws)`.
    seed : int
    metric, solver
        Instances from the registries.
    time_limit : float, optional
        Seconds per problem.
    report : callable, optional

    Yields
    ------
    dict
        draw, seed; what `blindmatch.matching.columns_of` tells; random_cost, spread: mean and
        standard deviation of the costs of random permutations; gap_in_spreads: cost - bound in
        units of that. Where the solver cannot run, status says why and its numbers are NaN.
    """
    for draw, own_seed in enumerate(map(int, draw_seeds(seed, draws))):
        problem = ablation_problem(size, dimension=dimension, seed=own_seed, metric=metric)
        rng = np.random.default_rng(own_seed)
        costs = [problem.cost(rng.permutation(size)) for _ in range(_PERMUTATIONS)]
        found = solve_or_skip(solver, problem, own_seed, time_limit, report)
        spread = float(np.std(costs))
        yield {
            "draw": draw,
            "seed": own_seed,
            **columns_of(found, metric, size),
            "random_cost": float(np.mean(costs)),
            "spread": spread,
            "gap_in_spreads": (found.cost - found.bound) / spread if spread else float("nan"),
        }
