"""Subsets of classes that are promising for blind matching, selected without any pairing.

Small sets of classes can be matched well by chance: there are far more of them than pairs of
classes to tell them apart. So nothing small is searched for. All classes are matched, again and
again, with noise added to the vision kernel; pairs that survive the noise are believed more than
others (stability selection, Meinshausen and Buehlmann, 2010). The chosen classes are those whose
pairs survive together and fit together.
"""

import dataclasses
import time

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.metrics import Metric
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP
from blindmatch.solvers.tabu import Tabu
from blindmatch.subsets import Subsets, select_subsets

#: Standard deviation of the noise, as a share of that of the kernel's off-diagonal entries.
NOISE = 0.5
#: Matchings of all classes, and tabu searches for each.
_MATCHINGS, _SEARCHES = 20, 30


def select_blind(
    vision: np.ndarray,
    language: np.ndarray,
    size: int,
    *,
    metric: Metric,
    ranks: int = 1,
    method: str = "auto",
    time_limit: float = 3600.0,
    threads: int = 1,
    seed: int = 0,
    report: Report | None = None,
) -> Subsets:
    """The `ranks` subsets of `size` vision and language classes that blind evidence is best for.

    Parameters
    ----------
    vision : np.ndarray, shape (C, C) or (draws, C, C)
        Raw kernels; matchings take turns with the draws.
    language : np.ndarray, shape (C, C)
        Raw kernel, whose order does not matter.
    size : int
        Number of classes N to choose on each side.
    metric : Metric
    ranks, method, threads, seed, report
        As for `select_subsets`.
    time_limit : float
        Seconds; half of them are the matchings', the rest the selection's.

    Returns
    -------
    Subsets
        Each vision class faces the language class that it was paired with, which need not be its
        counterpart. Objectives are minus the evidence summed over ordered pairs of classes.

    Raises
    ------
    BlindmatchError
        If there are fewer classes than `size`, or both sides differ in number.
    """
    start = time.monotonic()
    draws = vision.reshape(-1, *vision.shape[-2:])
    if len(language) != draws.shape[1]:
        raise BlindmatchError(
            f"language: expected {draws.shape[1]} classes as on the vision side, found "
            f"{len(language)}"
        )
    options = {"method": method, "threads": threads, "seed": seed, "report": report}
    if size >= len(language):
        return select_subsets(np.zeros_like(language), size, ranks=ranks, **options)
    # An order that only the kernel decides: where a class stands in the file tells nothing.
    order = np.argsort(np.sort(language, axis=1).sum(axis=1), kind="stable")
    sorted_language = language[np.ix_(order, order)]
    permutations = match_noisily(
        draws, sorted_language, metric=metric, time_limit=time_limit / 2, seed=seed, report=report
    )
    pairing, agreement = consensus(permutations)
    paired = sorted_language[np.ix_(pairing, pairing)]
    worth = agreement * evidence(draws.mean(axis=0), paired, metric)
    np.fill_diagonal(worth, 0.0)
    left = max(time_limit - (time.monotonic() - start), 1.0)
    found = select_subsets(-worth, size, ranks=ranks, time_limit=left, **options)
    return dataclasses.replace(
        found,
        language_classes=order[pairing][found.classes],
        seconds=round(time.monotonic() - start, 3),
        matchings=len(permutations),
    )


def match_noisily(
    draws: np.ndarray,
    language: np.ndarray,
    *,
    metric: Metric,
    time_limit: float,
    seed: int = 0,
    report: Report | None = None,
) -> np.ndarray:
    """Matchings of all classes, each with fresh noise on the vision kernel.

    Parameters
    ----------
    draws : np.ndarray, shape (draws, C, C)
        Raw kernels that take turns.
    language : np.ndarray, shape (C, C)
        Raw kernel.
    metric : Metric
    time_limit : float
        Seconds; the first matching is made in any case.
    seed : int
    report : callable, optional

    Returns
    -------
    np.ndarray, shape (matchings, C)
        ``[r, i] = j``: matching r gives vision class i the language class j.
    """
    start, ticker = time.monotonic(), Ticker(report)
    compared, solver = metric.finish(language), Tabu(searches=_SEARCHES)
    matchings = []
    for number in range(_MATCHINGS):
        rng = np.random.default_rng([seed, number])
        noisy = _with_noise(draws[number % len(draws)], rng)
        problem = QAP.from_metric(metric, metric.finish(noisy), compared)
        left = max(time_limit - (time.monotonic() - start), 0.0)
        if matchings and not left:
            break
        matchings.append(solver.solve(problem, seed=number, time_limit=left).permutation)
        ticker(lambda: f"matched all classes {len(matchings)} / {_MATCHINGS} times")
    if len(matchings) < _MATCHINGS and report is not None:
        report(f"blind selection from {len(matchings)} of {_MATCHINGS} matchings: time limit")
    return np.array(matchings)


def _with_noise(kernel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A symmetric kernel with Gaussian noise beside its diagonal."""
    noise = np.triu(rng.normal(size=kernel.shape), 1)
    deviation = kernel[~np.eye(len(kernel), dtype=bool)].std()
    return kernel + NOISE * deviation * (noise + noise.T)


def consensus(permutations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairing that matchings agree on most, and how often pairs of it occur together.

    Parameters
    ----------
    permutations : np.ndarray, shape (matchings, C)

    Returns
    -------
    pairing : np.ndarray, shape (C,), int64
        The permutation that the matchings share most pairs with.
    agreement : np.ndarray, shape (C, C)
        Share of the matchings that pair class i and class k both as `pairing` does.
    """
    from scipy.optimize import linear_sum_assignment

    count, classes = permutations.shape
    votes = np.zeros((classes, classes))
    np.add.at(votes, (np.arange(classes), permutations), 1.0)
    pairing = linear_sum_assignment(votes, maximize=True)[1]
    kept = (permutations == pairing).astype(float)
    return pairing, kept.T @ kept / count


def evidence(vision: np.ndarray, language: np.ndarray, metric: Metric) -> np.ndarray:
    """By how much the loss of corresponding entries is below that of arbitrary ones, shape (C, C).

    Parameters
    ----------
    vision, language : np.ndarray, shape (C, C)
        Raw kernels; class i of one side is paired with class i of the other.
    metric : Metric
    """
    first, second = metric.finish(vision), metric.finish(language)
    beside = ~np.eye(len(first), dtype=bool)
    loss, a, b = metric.loss, first[beside], second[beside]
    arbitrary = loss.f1(a).mean() + loss.f2(b).mean() - loss.h1(a).mean() * loss.h2(b).mean()
    return arbitrary - loss.direct(first, second)
