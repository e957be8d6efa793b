"""Classification without labels: images are clustered, and clusters are matched to class names."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from blindmatch.clusterings import Clustering, find_clusters, require_installed
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.matching import match_draws
from blindmatch.metrics import Metric
from blindmatch.progress import Report
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP
from blindmatch.solvers import Solver


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The clusters of one draw.

    Attributes
    ----------
    assignment : np.ndarray, shape (rows,), int32
        Cluster of each row.
    centroids : np.ndarray, shape (clusters, D), float64
        Mean of each cluster's rows, not normalised.
    inertia : float
        Sum of squared distances of the rows to their centroids, in the space of the embeddings, so
        that it compares any two clusterings of the same rows.
    """

    assignment: np.ndarray
    centroids: np.ndarray
    inertia: float


def cluster_draws(
    embeddings: np.ndarray,
    halves: np.ndarray,
    clusters: int,
    *,
    clustering: Clustering,
    seeds: np.ndarray,
    threads: int = 1,
) -> Iterator[Clusters]:
    """The clusters of each draw, one after the other.

    Parameters
    ----------
    embeddings : np.ndarray, shape (rows, D)
        Of all images, as the model gives them (not normalised, as in the paper).
    halves : np.ndarray, shape (draws, rows // 2)
        Rows of each draw.
    clusters : int
        How many to find: the number of classes.
    clustering : Clustering
    seeds : np.ndarray, shape (draws,)
        Seed of each draw; the clustering's too, so that draws are independent (the reference code
        gives k-means the same seed in every draw).
    threads : int
        Draws that are clustered at the same time; the result does not depend on it.

    Raises
    ------
    BlindmatchError
        As `blindmatch.clusterings.find_clusters`.
    """
    require_installed(clustering)
    from joblib import Parallel, delayed, parallel_config

    jobs = (
        delayed(_cluster)(embeddings, rows, clusters, clustering, int(seed))
        for rows, seed in zip(halves, seeds, strict=True)
    )
    with parallel_config("loky", inner_max_num_threads=1, idle_worker_timeout=10):
        yield from Parallel(n_jobs=threads, return_as="generator")(jobs)


def _cluster(
    embeddings: np.ndarray, rows: np.ndarray, clusters: int, clustering: Clustering, seed: int
) -> Clusters:
    points = embeddings[rows]
    assignment = find_clusters(clustering, points, clusters, seed=seed)
    points = points.astype(np.float64)
    members = np.equal.outer(np.arange(clusters), assignment).astype(np.float64)
    centroids = members @ points / members.sum(axis=1, keepdims=True)
    inertia = float(np.sum((points - centroids[assignment]) ** 2))
    return Clusters(assignment, centroids, inertia)


def classify(
    assignments: np.ndarray,
    centroids: np.ndarray,
    labels: np.ndarray,
    language: Mapping[str, np.ndarray],
    *,
    metrics: Mapping[str, Metric],
    solver: Solver,
    seeds: np.ndarray,
    solver_metric: Metric | None = None,
    time_limit: float | None = None,
    nulls: int = 0,
    report: Report | None = None,
) -> Iterator[dict]:
    """Name the clusters of each draw, blindly, and count the images that are named rightly.

    Centroids are normalised and matched to the class names by `blindmatch.matching.match_draws`
    (paper, Tab. 2). Labels only judge the result.

    Parameters
    ----------
    assignments : np.ndarray, shape (draws, rows)
        Cluster of each image.
    centroids : np.ndarray, shape (draws, C, D)
        Means of the clusters.
    labels : np.ndarray, shape (draws, rows)
        True class of each image.
    language : mapping
        Name of a kernel -> raw kernel of the class names, shape (C, C).
    metrics, solver, seeds, solver_metric, time_limit, nulls, report
        As for `blindmatch.matching.match_draws`.

    Yields
    ------
    dict
        What `match_draws` yields; `classes` are clusters. `accuracy`: share of images whose
        cluster's name is their class. The oracle names clusters so that this share is largest (the
        Hungarian method on the confusion table): `oracle`, its names; `oracle_accuracy`, its share;
        `matching_accuracy`, the share of clusters that are named as by the oracle; `true_cost` and
        `reported_true_cost`, what its matching costs. `chance`: mean accuracy of random names.

    Raises
    ------
    BlindmatchError
        If there are not as many class names as clusters.
    """
    classes = len(next(iter(language.values())))
    if classes != centroids.shape[1]:
        raise BlindmatchError(
            f"centroids: expected one for each of {classes} class names, found {centroids.shape[1]}"
        )
    normalised = [normalise(each) for each in centroids]
    vision = {name: np.stack([KERNELS[name](each) for each in normalised]) for name in language}
    pairs = zip(assignments, labels, strict=True)
    tables = [confusion(assignment, truth, classes) for assignment, truth in pairs]
    for row in match_draws(
        vision,
        language,
        metrics=metrics,
        solver=solver,
        seeds=seeds,
        solver_metric=solver_metric,
        # Which class a cluster stands for, the matching does not know.
        paired=False,
        time_limit=time_limit,
        nulls=nulls,
        report=report,
    ):
        metric, draw = metrics[row["metric"]], row["draw"]
        kernels = vision[metric.kernel][draw], language[metric.kernel]
        problem = QAP.from_metric(metric, *metric.pair(*kernels, np.arange(classes)))
        yield row | _judged(
            np.array(row["permutation"], dtype=np.int64), tables[draw], problem, metric
        )


def confusion(assignment: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Numbers of images of each cluster (row) and class (column), shape (classes, classes)."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (assignment, labels), 1)
    return table


def name_by_labels(table: np.ndarray) -> np.ndarray:
    """The oracle: names of the clusters for which most images are named rightly, shape (C,), int64.

    The Hungarian method on the confusion table: the "GT" of the paper, Tab. 6.
    """
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(table, maximize=True)[1]


def _judged(names: np.ndarray, table: np.ndarray, problem: QAP, metric: Metric) -> dict:
    """How right the names of the clusters are; NaN where the solver could not run."""
    oracle = name_by_labels(table)
    true_cost = problem.cost(oracle)
    return {
        "accuracy": _share(table, names) if len(names) else float("nan"),
        "matching_accuracy": float(np.mean(names == oracle)) if len(names) else float("nan"),
        "oracle_accuracy": _share(table, oracle),
        "oracle": oracle.tolist(),
        "chance": 1 / len(table),
        "true_cost": true_cost,
        "reported_true_cost": metric.reported(true_cost, len(table)),
    }


def _share(table: np.ndarray, names: np.ndarray) -> float:
    """Share of the images whose cluster bears the name of their class."""
    return float(table[np.arange(len(table)), names].sum() / table.sum())
