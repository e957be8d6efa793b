"""The matching study: prototypes -> kernels -> problem -> matching -> rows of a table."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.metrics import Metric, metrics
from blindmatch.progress import Report
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, Unavailable, solve
from blindmatch.storage import check_embeddings
from blindmatch.trust import margins, null_costs, significance


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


def match_draws(
    vision: Mapping[str, np.ndarray],
    language: Mapping[str, np.ndarray],
    *,
    metrics: Mapping[str, Metric],
    solver: Solver,
    seeds: np.ndarray,
    subsets: tuple[np.ndarray, np.ndarray] | None = None,
    solver_metric: Metric | None = None,
    paired: bool = True,
    time_limit: float | None = None,
    nulls: int = 0,
    report: Report | None = None,
) -> Iterator[dict]:
    """One row for each metric, subset (rank) and draw.

    Parameters
    ----------
    vision : mapping
        Name of a kernel -> raw kernels of the draws, shape (draws, C, C).
    language : mapping
        Name of a kernel -> raw kernel, shape (C, C).
    metrics : mapping
        Slug -> instance.
    solver : Solver
    seeds : np.ndarray, shape (draws,)
        Seed of each draw; the solver's too.
    subsets : tuple of two np.ndarray, shape (ranks, N) each, optional
        Vision and language classes of each rank; None: all classes.
    solver_metric : Metric, optional
        The metric whose problem is solved; None: the one that evaluates.
    paired : bool
        Whether class i is the same on both sides, so that accuracy can be told.
    time_limit : float, optional
        Seconds per problem.
    nulls : int
        Problems without common structure that each matching is compared with; with any, margins
        are computed, too (`blindmatch.trust`).
    report : callable, optional

    Yields
    ------
    dict
        metric, rank, draw, seed, classes, language_classes; permutation, cost, bound, gap, optimal,
        status, seconds, building, iterations; reported_cost and reported_bound in the metric's
        unit; accuracy, true_cost and reported_true_cost, NaN where the pairing is unknown or leads
        out of the subset; margins, null_costs, z, p_value, empty or NaN without nulls. Where the
        solver cannot run, status says why and numbers are NaN.
    """
    everything = np.arange(len(next(iter(language.values()))))[None]
    vision_classes, language_classes = subsets or (everything, everything)
    for slug, metric in metrics.items():
        for rank, (rows, columns) in enumerate(zip(vision_classes, language_classes, strict=True)):
            for draw, seed in enumerate(map(int, seeds)):
                # The language side in random order: no solver can profit from that of the classes.
                order = np.random.default_rng([seed, rank]).permutation(len(columns))
                facing = _facing(rows, columns[order], everything.size)
                kernels = _compared(metric, vision, language, draw, rows, facing)
                problem = solved = QAP.from_metric(metric, *kernels)
                if solver_metric is not None:
                    others = _compared(solver_metric, vision, language, draw, rows, facing)
                    solved = QAP.from_metric(solver_metric, *others)
                found = solve_or_skip(solver, solved, seed, time_limit, report)
                if solver_metric is not None and len(found.permutation):
                    found = _evaluated(found, problem)
                row = {"metric": slug, "rank": rank, "draw": draw, "seed": seed}
                row |= _result(found, problem, metric, rows, columns, order, paired)
                yield row | _trust(
                    found,
                    problem,
                    vision[metric.kernel][draw][np.ix_(rows, rows)],
                    kernels[1],
                    metric=metric,
                    solver=solver if solver_metric is None else None,
                    nulls=nulls,
                    seed=seed,
                    time_limit=time_limit,
                )


def _compared(
    metric: Metric,
    vision: Mapping[str, np.ndarray],
    language: Mapping[str, np.ndarray],
    draw: int,
    rows: np.ndarray,
    facing: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The matrices that a metric compares, of the vision classes and those that face them."""
    faced = language[metric.kernel][np.ix_(facing, facing)]
    return metric.pair(vision[metric.kernel][draw], faced, rows)


def _facing(rows: np.ndarray, columns: np.ndarray, size: int) -> np.ndarray:
    """An order of all language classes in which number rows[i] is columns[i], shape (C,)."""
    facing = np.empty(size, dtype=np.int64)
    facing[rows] = columns
    everything = np.arange(size)
    facing[np.setdiff1d(everything, rows)] = np.setdiff1d(everything, columns)
    return facing


def columns_of(found: Matching, metric: Metric, size: int) -> dict:
    """What is known about a matching of `size` items without its truth, for a row of a table.

    Returns
    -------
    dict
        permutation, cost, bound, gap, optimal, status, seconds, building, iterations; reported_cost
        and reported_bound in the metric's unit.
    """
    return {
        "permutation": found.permutation.tolist(),
        "cost": found.cost,
        "bound": found.bound,
        "gap": found.gap,
        "optimal": found.optimal,
        "status": found.status,
        "seconds": found.seconds,
        "building": found.building,
        "iterations": found.iterations,
        "reported_cost": metric.reported(found.cost, size),
        "reported_bound": metric.reported(found.bound, size),
    }


def solve_or_skip(
    solver: Solver, problem: QAP, seed: int, time_limit: float | None, report: Report | None
) -> Matching:
    """The solver's matching; without one where it cannot run, and the status says why.

    Then the permutation is empty, and all numbers are NaN.
    """
    try:
        return solver.solve(problem, seed=seed, time_limit=time_limit, progress=report)
    except Unavailable as error:
        reason = f"skipped: {error}"
    if report is not None:
        report(reason)
    nothing, nan = np.zeros(0, dtype=np.int64), float("nan")
    return Matching(nothing, nan, nan, optimal=False, status=reason, seconds=nan, iterations=0)


def _evaluated(found: Matching, problem: QAP) -> Matching:
    """A matching for another problem than that it was found for, which says nothing on bounds."""
    cost = problem.cost(found.permutation)
    return dataclasses.replace(found, cost=cost, bound=-np.inf, optimal=False, status="heuristic")


def _result(
    found: Matching,
    problem: QAP,
    metric: Metric,
    rows: np.ndarray,
    columns: np.ndarray,
    order: np.ndarray,
    paired: bool,
) -> dict:
    """What a matching is, what it costs, and how much of it is right.

    Column j of the problem is number order[j] of the language classes, `columns`.
    """
    accuracy = true_cost = float("nan")
    permutation = order[found.permutation]
    if paired and len(permutation):
        accuracy = float(np.mean(rows == columns[permutation]))
    if paired and np.array_equal(np.sort(rows), np.sort(columns)):
        where = np.argsort(columns[order])
        true_cost = problem.cost(where[np.searchsorted(columns[order], rows, sorter=where)])
    return {
        "classes": rows.tolist(),
        "language_classes": columns.tolist(),
        **columns_of(found, metric, len(rows)),
        "permutation": permutation.tolist(),
        "accuracy": accuracy,
        "true_cost": true_cost,
        "reported_true_cost": metric.reported(true_cost, len(rows)),
    }


def _trust(
    found: Matching,
    problem: QAP,
    vision: np.ndarray,
    language: np.ndarray,
    *,
    metric: Metric,
    solver: Solver | None,
    nulls: int,
    seed: int,
    time_limit: float | None,
) -> dict:
    """What tells without labels whether a matching deserves belief; nothing without nulls.

    Without a solver, which is one that solved another metric's problem, there are no nulls.
    """
    if not nulls or not len(found.permutation):
        return {"margins": [], "null_costs": [], "z": float("nan"), "p_value": float("nan")}
    same = {"metric": metric, "seed": seed, "time_limit": time_limit}
    forbids = solver is not None and "forbidden" not in solver.refuses
    moved = margins(problem, found.permutation, solver=solver if forbids else None, **same)
    costs = np.zeros(0)
    if solver is not None:
        costs = null_costs(vision, language, solver=solver, count=nulls, **same)
    z, p_value = significance(metric.reported(found.cost, problem.size), costs)
    return {
        "margins": moved.tolist(),
        "null_costs": costs.tolist(),
        "z": z,
        "p_value": p_value,
    }
