from itertools import permutations

import numpy as np
import pytest

from blindmatch.classification import classify, cluster_draws, confusion, name_by_labels
from blindmatch.clusterings import clusterings
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean, inner_product
from blindmatch.metrics import metrics
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP
from blindmatch.solvers import Unavailable, solvers

CLASSES, IMAGES, DRAWS = 6, 20, 2
SEEDS = np.array([11, 12])
CONCEPTS = np.random.default_rng(0).normal(size=(CLASSES, 5))


@pytest.fixture(scope="module")
def data():
    """Embeddings of images, their labels, rows of the draws, and clusters found among them."""
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(CLASSES), IMAGES)
    embeddings = 3 * CONCEPTS[labels] + 0.05 * rng.normal(size=(len(labels), 5))
    halves = np.stack([rng.permutation(len(labels))[: len(labels) // 2] for _ in SEEDS])
    return embeddings.astype(np.float32), labels, halves


def clusters_of(data, threads=1, starts=5):
    embeddings, _, halves = data
    return list(
        cluster_draws(
            embeddings,
            halves,
            CLASSES,
            clustering=clusterings.build("k-means", {"starts": starts}),
            seeds=SEEDS,
            threads=threads,
        )
    )


def language_of(*names):
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))
    prototypes = normalise(CONCEPTS @ rotation)
    kernels = {"euclidean": euclidean(prototypes), "inner-product": inner_product(prototypes)}
    return {name: kernels[name] for name in names or ("euclidean",)}


def rows_of(data, solver=None, spoil=0, **more):
    """Classifications; `spoil` images are moved to the cluster of the image after them."""
    found = clusters_of(data)
    assignments = np.stack([each.assignment for each in found])
    assignments[:, :spoil] = np.roll(assignments, -1, axis=1)[:, :spoil]
    options = {
        "language": language_of(),
        "metrics": {"gw": metrics.build("gw", {})},
        "solver": solver or solvers.build("brute-force", {}),
        "seeds": SEEDS,
        **more,
    }
    _, labels, halves = data
    centroids = np.stack([each.centroids for each in found])
    return list(classify(assignments, centroids, labels[halves], **options)), assignments


def test_centroids_are_means_and_inertia_is_their_squared_distance(data):
    embeddings, _, halves = data
    for rows, found in zip(halves, clusters_of(data), strict=True):
        points = embeddings[rows].astype(np.float64)
        for cluster in range(CLASSES):
            members = points[found.assignment == cluster]
            assert found.centroids[cluster] == pytest.approx(members.mean(axis=0))
        spread = np.linalg.norm(points - found.centroids[found.assignment], axis=1)
        assert found.inertia == pytest.approx(np.sum(spread**2))


def test_each_draw_has_a_seed_of_its_own(data, monkeypatch):
    given = []
    member = clusterings["k-means"]
    original = member.assign

    def assign(self, embeddings, clusters, *, seed):
        given.append(seed)
        return original(self, embeddings, clusters, seed=seed)

    monkeypatch.setattr(member, "assign", assign)
    clusters_of(data)
    assert given == SEEDS.tolist()


def test_clusters_do_not_depend_on_the_number_of_threads(data):
    for one, two in zip(clusters_of(data), clusters_of(data, threads=2), strict=True):
        assert np.array_equal(one.assignment, two.assignment)
        assert np.array_equal(one.centroids, two.centroids)


def test_clear_clusters_get_the_names_of_their_classes(data):
    rows, _ = rows_of(data)
    assert [row["draw"] for row in rows] == [0, 1]
    for row in rows:
        assert row["accuracy"] == row["matching_accuracy"] == row["oracle_accuracy"] == 1
        assert row["permutation"] == row["oracle"]
        assert row["optimal"]
        assert row["chance"] == pytest.approx(1 / CLASSES)
        assert row["true_cost"] == pytest.approx(row["cost"])


def test_accuracy_counts_images_and_matching_accuracy_clusters(data):
    _, labels, halves = data
    rows, assignments = rows_of(data, solver=solvers.build("random", {}), spoil=15)
    for draw, row in enumerate(rows):
        truth = labels[halves[draw]]
        named = np.array(row["permutation"])[assignments[draw]]
        assert row["accuracy"] == pytest.approx(np.mean(named == truth))
        assert row["accuracy"] <= row["oracle_accuracy"] < 1
        same = np.equal(row["permutation"], row["oracle"])
        assert row["matching_accuracy"] == pytest.approx(np.mean(same))


def test_the_oracle_is_the_best_of_all_namings():
    table = np.random.default_rng(5).integers(0, 9, size=(5, 5))
    shares = [sum(table[range(5), list(names)]) for names in permutations(range(5))]
    assert table[range(5), name_by_labels(table)].sum() == max(shares)


def test_the_confusion_table_counts_every_image():
    table = confusion(np.array([0, 0, 2, 1]), np.array([1, 1, 2, 0]), 3)
    assert table.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 1]]


def test_labels_do_not_touch_the_matching(data):
    embeddings, labels, halves = data
    first, _ = rows_of(data)
    second, _ = rows_of((embeddings, np.random.default_rng(0).permutation(labels), halves))
    for one, other in zip(first, second, strict=True):
        assert one["permutation"] == other["permutation"]
        assert one["cost"] == other["cost"]
        assert one["accuracy"] > other["accuracy"]


def test_a_solver_of_another_metric_is_evaluated_in_the_metric_of_the_study(data):
    metric = metrics.build("gw", {})
    rows, _ = rows_of(
        data,
        language=language_of("euclidean", "inner-product"),
        solver_metric=metrics.build("cka", {}),
    )
    for row, clusters in zip(rows, clusters_of(data), strict=True):
        kernel = euclidean(normalise(clusters.centroids))
        pair = metric.pair(kernel, language_of()["euclidean"], np.arange(CLASSES))
        cost = QAP.from_metric(metric, *pair).cost(np.array(row["permutation"]))
        assert row["cost"] == pytest.approx(cost)
        assert row["bound"] == -np.inf
        assert not row["optimal"]


def test_a_solver_that_cannot_run_leaves_rows_that_say_so(data):
    class Absent(solvers["random"]):
        def solve(self, problem, **_):
            raise Unavailable("its licence is for smaller problems")

    rows, _ = rows_of(data, solver=Absent())
    assert [row["status"] for row in rows] == ["skipped: its licence is for smaller problems"] * 2
    assert np.isnan([row["accuracy"] for row in rows]).all()
    assert np.isnan([row["matching_accuracy"] for row in rows]).all()
    assert [row["oracle_accuracy"] for row in rows] == [1, 1]


def test_as_many_class_names_as_clusters_are_needed(data):
    smaller = {"euclidean": language_of()["euclidean"][:5, :5]}
    with pytest.raises(BlindmatchError, match="one for each of 5 class names, found 6"):
        rows_of(data, language=smaller)
