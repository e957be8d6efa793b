"""The matching study: prototypes -> kernels -> problem -> matching -> rows of a table."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.metrics import Metric, metrics
from blindmatch.progress import Report
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, solve
from blindmatch.storage import check_embeddings, read_table


def match(
    vision: np.ndarray,
    language: np.ndarray,
    metric: str | Metric = "gw",
    *,
    solver: str = "auto",
    anchors: Iterable[tuple[int, int]] | None = None,
    unmatched: float | np.ndarray | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Report | None = None,
    **options,
) -> Matching:
    """Match two unpaired sets of embeddings, one row per concept.

    Parameters
    ----------
    vision, language : np.ndarray, shapes (N, D) and (M, E), M >= N
        Where M > N, language rows stay free, and only pairs of matched rows are compared.
    metric : str or Metric
        Registered name, or an instance where options are wanted.
    solver : str
        Registered name.
    anchors : iterable of (row, column), optional
        Pairs that are known and kept.
    unmatched : float or array_like, shape (N,), optional
        Vision rows may stay unmatched at this price, in units of cost. As a guide: a matching of
        one row less costs about 2 cost / N less.
    seed, time_limit, progress, **options
        As for `solve`.

    Returns
    -------
    Matching
        ``permutation[i] = j``: vision row i is language row j; -1: it stays unmatched.

    Raises
    ------
    BlindmatchError
        If there are fewer language than vision rows, an embedding has no direction, or as `solve`.
    """
    chosen = metrics.build(metric, {}) if isinstance(metric, str) else metric
    kernels = compared_kernels(vision, language, chosen)
    problem = QAP.from_metric(chosen, *kernels, partial=unmatched is not None)
    return solve(
        problem,
        solver,
        anchors=anchors,
        unmatched=unmatched,
        seed=seed,
        time_limit=time_limit,
        progress=progress,
        **options,
    )


def compared_kernels(
    vision: np.ndarray, language: np.ndarray, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """The matrices that a metric compares, shapes (N, N) and (M, M), from embeddings.

    Raises
    ------
    BlindmatchError
        If an embedding has no direction, or all items of a side coincide.
    """
    kernels = []
    for name, embeddings in (("vision", vision), ("language", language)):
        embeddings = np.asarray(embeddings)
        check_embeddings(embeddings, name)
        raw = KERNELS[metric.kernel](normalise(embeddings.astype(np.float64)))
        kernels.append(metric.finish(raw))
    return kernels[0], kernels[1]


def match_subsets(
    vision: np.ndarray,
    language: np.ndarray,
    subsets: np.ndarray,
    *,
    metric: Metric,
    solver: Solver,
    seeds: np.ndarray,
    paired: bool = True,
    time_limit: float | None = None,
    report: Report | None = None,
) -> Iterator[dict]:
    """One row for each subset (rank) and draw.

    Parameters
    ----------
    vision : np.ndarray, shape (draws, C, C)
        Raw kernels of the draws.
    language : np.ndarray, shape (C, C)
    subsets : np.ndarray, shape (ranks, N)
        Classes of each rank.
    metric, solver
        Instances from the registries.
    seeds : np.ndarray, shape (draws,)
        Seed of each draw; the solver's too.
    paired : bool
        Whether class i is the same on both sides, so that accuracy can be told.
    time_limit : float, optional
        Seconds per problem.
    report : callable, optional

    Yields
    ------
    dict
        rank, draw, seed, classes, permutation, cost, bound, gap, optimal, status, seconds,
        iterations, reported_cost (in the metric's unit); accuracy, true_cost and
        reported_true_cost, NaN where the pairing is unknown.
    """
    for rank, classes in enumerate(subsets):
        for draw, seed in enumerate(seeds):
            problem = QAP.from_metric(metric, *metric.pair(vision[draw], language, classes))
            # A shuffled language side: no solver can profit from the true order of the classes.
            order = np.random.default_rng([int(seed), rank]).permutation(len(classes))
            shuffled = QAP(problem.A, problem.B[np.ix_(order, order)], constant=problem.constant)
            found = solver.solve(shuffled, seed=int(seed), time_limit=time_limit, progress=report)
            permutation = order[found.permutation]
            truth = np.arange(len(classes))
            true_cost = problem.cost(truth) if paired else float("nan")
            yield {
                "rank": rank,
                "draw": draw,
                "seed": int(seed),
                "classes": classes.tolist(),
                "permutation": permutation.tolist(),
                "accuracy": float(np.mean(permutation == truth)) if paired else float("nan"),
                "cost": found.cost,
                "bound": found.bound,
                "gap": found.gap,
                "optimal": found.optimal,
                "status": found.status,
                "seconds": found.seconds,
                "iterations": found.iterations,
                "true_cost": true_cost,
                "reported_cost": metric.reported(found.cost, len(classes)),
                "reported_true_cost": metric.reported(true_cost, len(classes)),
            }


def gather(paths: Iterable[str], *, ranks: int, draws: int) -> list[dict]:
    """Rows of many matching files in one list, each with the names from its path.

    Parameters
    ----------
    paths : iterable of str
        ``.../{metric}/{solver}/{vision}/{language}/n{size}.parquet``
    ranks, draws : int
        Rows of higher ranks or draws, made for another experiment, are left out.

    Raises
    ------
    BlindmatchError
        If a file is missing or damaged.
    """
    gathered = []
    for path in paths:
        rows, metadata = read_table(path)
        dataset, metric, solver, vision, language, size = Path(path).with_suffix("").parts[-6:]
        names = {
            "dataset": dataset,
            "metric": metric,
            "solver": solver,
            "vision": vision,
            "language": language,
            "size": int(size.removeprefix("n")),
            "selection": metadata["selection"],
        }
        gathered += [names | row for row in rows if row["rank"] < ranks and row["draw"] < draws]
    return gathered
