"""The shuffling study: how similarity falls when more and more pairs are wrong (paper, Fig. 2)."""

from collections.abc import Iterator, Mapping

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import Metric
from blindmatch.progress import Report
from blindmatch.provenance import text_digest
from blindmatch.qap import QAP

#: Share of entries other than 0 below which they are listed.
_SPARSE = 0.05


def shuffle(
    vision: np.ndarray,
    language: np.ndarray,
    *,
    metrics: Mapping[str, Metric],
    levels: int,
    draws: int,
    dataset: str,
    seed: int,
    report: Report | None = None,
) -> Iterator[dict]:
    """Similarity of two sets of prototypes with a growing share of their pairs shuffled.

    At level s of 0 ... 1, a random choice of ``floor(s N)`` items is permuted among itself, by a
    permutation that is as random: single items may stay where they are. Within a draw, the items
    of a level are among those of the next. Draws depend on seed, dataset and number alone, so that
    all models see the same ones.

    Parameters
    ----------
    vision, language : np.ndarray, shapes (N, D) and (N, E)
        Prototypes, row i of both belongs together.
    metrics : mapping
        Slug -> metric.
    levels : int
        Shares of shuffled items, evenly spaced from 0 to 1.
    draws : int
        Random choices of each level.
    dataset : str
    seed : int
    report : callable, optional

    Yields
    ------
    dict
        metric (slug), distance (whether it is one: see `Metric`), level, shuffled (number of
        items), draw, seed (of the draw), reported_cost (in the metric's unit: for gw, the distance
        / N^2), similarity (its negative: more is more alike).

    Raises
    ------
    BlindmatchError
        If the two sides differ in size, or a metric cannot be taken of them.
    """
    size = len(vision)
    if len(language) != size:
        raise BlindmatchError(
            f"language: expected as many prototypes as vision has, {size}, found {len(language)}"
        )
    seeds = [_seed_of(draw, seed=seed, dataset=dataset) for draw in range(draws)]
    orders = np.array([np.random.default_rng(each).permutation(size) for each in seeds])
    for slug, problem in _problems(vision, language, metrics, report):
        costs_of = _evaluator(problem)
        metric = metrics[slug]
        for step in range(levels):
            shuffled = step * size // (levels - 1)
            costs = costs_of(_permutations(orders, shuffled))
            for draw, cost in enumerate(costs):
                reported = metric.reported(float(cost), size)
                yield {
                    "metric": slug,
                    "distance": metric.distance,
                    "level": step / (levels - 1),
                    "shuffled": shuffled,
                    "draw": draw,
                    "seed": seeds[draw],
                    "reported_cost": reported,
                    "similarity": -reported,
                }


def _seed_of(draw: int, *, seed: int, dataset: str) -> int:
    """Seed of a draw, which models and metrics have in common."""
    entropy = [seed, int(text_digest(dataset)[:8], 16), draw]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _permutations(orders: np.ndarray, shuffled: int) -> np.ndarray:
    """The first items of each order take each other's places; shape (draws, N)."""
    moved = orders[:, :shuffled]
    permutations = np.tile(np.arange(orders.shape[1]), (len(orders), 1))
    np.put_along_axis(permutations, np.sort(moved, axis=1), moved, axis=1)
    return permutations


def _problems(
    vision: np.ndarray,
    language: np.ndarray,
    metrics: Mapping[str, Metric],
    report: Report | None,
) -> Iterator[tuple[str, QAP]]:
    """The problem of each metric; those with the same kernel follow each other and share it."""
    for name in dict.fromkeys(metric.kernel for metric in metrics.values()):
        if report is not None:
            report(f"kernel {name} of {len(vision):,} items")
        raw = [KERNELS[name](np.asarray(side, dtype=np.float64)) for side in (vision, language)]
        for slug, metric in metrics.items():
            if metric.kernel == name:
                yield slug, QAP.from_metric(metric, *map(metric.finish, raw))


def _evaluator(problem: QAP):
    """A function: costs, shape (draws,), of permutations, shape (draws, N)."""
    from blindmatch import _shuffles

    A, B = problem.A, problem.B
    if np.count_nonzero(A) < _SPARSE * A.size:
        entries = *np.nonzero(A), A[A != 0]
        return lambda permutations: (
            _shuffles.sparse_costs(*entries, B, permutations) + problem.constant
        )
    symmetric = problem.symmetric
    return lambda permutations: (
        _shuffles.dense_costs(A, B, permutations, symmetric) + problem.constant
    )
