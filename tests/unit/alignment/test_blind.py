import numpy as np
import pytest

from blindmatch.alignment._rounds import Draw, assign
from blindmatch.alignment.blind import align_blindly
from blindmatch.alignment.methods import methods
from blindmatch.alignment.teachers import teachers
from blindmatch.clusterings import clusterings
from blindmatch.errors import BlindmatchError
from blindmatch.metrics import metrics
from blindmatch.settings import TrainingSettings
from blindmatch.solvers import Unavailable, solvers

pytest.importorskip("sklearn")

CLASSES, IMAGES, PROMPTS, DIMENSION = 6, 40, 4, 16
#: What labels may change.
JUDGED = {"accuracy", "aligned_accuracy", "voted_accuracy", "oracle_accuracy", "ceiling_accuracy"}
CONCEPTS = np.random.default_rng(0).normal(size=(CLASSES, DIMENSION))
LABELS = np.repeat(np.arange(CLASSES), IMAGES)


def planted(noise=0.3, seed=1):
    """Images around concepts, and prompts around the same concepts, rotated, in another space."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(DIMENSION + 3, DIMENSION)))
    images = 3 * CONCEPTS[LABELS] + noise * rng.normal(size=(len(LABELS), DIMENSION))
    prompt_labels = np.repeat(np.arange(CLASSES), PROMPTS)
    prompts = CONCEPTS[prompt_labels] @ rotation.T
    prompts = prompts + 0.02 * rng.normal(size=prompts.shape)
    return images.astype(np.float32), prompts.astype(np.float32), prompt_labels


def spoiled(share):
    """Clusters that hold a class each, except for a share of the images, which went astray."""
    rng = np.random.default_rng(2)
    clusters = (LABELS + 2) % CLASSES
    astray = rng.permutation(len(LABELS))[: round(share * len(LABELS))]
    clusters[astray] = rng.integers(CLASSES, size=len(astray))
    return clusters


def rows_of(clusters, *, data=None, labels=LABELS, **more):
    options = {
        "metric": metrics.build("gw", {}),
        "solver": solvers.build("brute-force", {}),
        "method": methods.build("sotalign", {"start_at_teacher": True}),
        "teacher": teachers.build("procrustes", {}),
        "clustering": clusterings.build("k-means", {"starts": 2}),
        "settings": TrainingSettings(dimension=DIMENSION, steps=20, device="cpu"),
        "seed": 5,
        "rounds": 2,
        "clusterings": 4,
        "part": 120,
        **more,
    }
    return list(align_blindly(*(data or planted()), clusters, labels, **options))


@pytest.mark.parametrize("pseudo_pairs", ["votes", "clusters"])
def test_bad_clusters_of_planted_classes_are_mended(pseudo_pairs):
    rows = rows_of(spoiled(0.3), pseudo_pairs=pseudo_pairs)
    plain, kept = rows[0], next(row for row in rows if row["kept"])
    assert plain["accuracy"] == plain["oracle_accuracy"] < 0.8
    assert kept["round"] > 0
    assert kept["accuracy"] == kept["aligned_accuracy"] > 0.95
    assert kept["ceiling_accuracy"] > 0.95
    assert kept["agreement"] > plain["agreement"]


def test_the_linear_teacher_alone_serves_as_a_method():
    rows = rows_of(spoiled(0.3), method=methods.build("linear", {}))
    assert max(row["accuracy"] for row in rows[1:]) > 0.95


def test_perfect_clusters_are_kept_as_they_are():
    rows = rows_of(spoiled(0))
    assert [row["kept"] for row in rows] == [True] + [False] * (len(rows) - 1)
    assert rows[0]["accuracy"] == rows[0]["agreement"] == 1
    # Round 1 changes no image's name, so no round 2 is made.
    assert len(rows) == 2
    assert rows[1]["changed"] == 0


def test_labels_decide_nothing_but_what_is_judged():
    clusters = spoiled(0.4)
    permuted = np.random.default_rng(3).permutation(LABELS)
    timed = {"seconds"}
    for one, other in zip(rows_of(clusters), rows_of(clusters, labels=permuted), strict=True):
        differing = {name for name in one if not _same(one[name], other[name])}
        assert differing - timed <= JUDGED
        assert one["accuracy"] != other["accuracy"]


def test_same_seed_same_rows_and_another_seed_other_ones():
    data, clusters = planted(noise=2.0), spoiled(0.5)
    first, again = (rows_of(clusters, data=data) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert all(_same(one[name], other[name]) for name in one if name != "seconds")
    other = rows_of(clusters, data=data, seed=6)
    assert [row["agreement"] for row in other] != [row["agreement"] for row in first]


def test_there_is_one_kept_row_and_round_0_is_the_plain_matching():
    rows = rows_of(spoiled(0.5), data=planted(noise=2.0))
    assert sum(row["kept"] for row in rows) == 1
    assert [row["round"] for row in rows] == list(range(len(rows)))
    assert np.isnan(rows[0]["aligned_accuracy"])
    assert rows[0]["changed"] == 0
    best = max(rows, key=lambda row: row["agreement"])
    assert best["kept"]
    for row in rows:
        assert row["chance"] == pytest.approx(1 / CLASSES)
        assert row["images"] == len(LABELS)
        assert sorted(row["names"]) == list(range(CLASSES))


def test_round_0_is_what_classification_without_alignment_finds():
    from blindmatch.classification import classify
    from blindmatch.kernels import euclidean
    from blindmatch.prototypes import class_means

    images, prompts, prompt_labels = data = planted(noise=2.0)
    clusters = spoiled(0.3)
    centroids = np.stack([images[clusters == each].mean(axis=0) for each in range(CLASSES)])
    expected = next(
        classify(
            clusters[None],
            centroids[None],
            LABELS[None],
            {"euclidean": euclidean(class_means(prompts, prompt_labels, CLASSES))},
            metrics={"gw": metrics.build("gw", {})},
            solver=solvers.build("brute-force", {}),
            seeds=np.array([5]),
        )
    )
    found = rows_of(clusters, data=data, rounds=0)
    assert len(found) == 1
    assert found[0]["names"] == expected["permutation"]
    assert found[0]["cost"] == pytest.approx(expected["reported_cost"])
    for name in ("accuracy", "oracle_accuracy"):
        assert found[0][name] == pytest.approx(expected[name])
    assert found[0]["ceiling_accuracy"] == found[0]["oracle_accuracy"]


def test_voters_and_witnesses_are_different_clusterings():
    draw = draw_of(planted(noise=2.0))
    clustering = clusterings.build("k-means", {"starts": 1})
    voters, again, witnesses = (
        draw.blind_names(clustering, 3, purpose) for purpose in ("voters", "voters", "witnesses")
    )
    assert voters.shape == (3, len(LABELS))
    assert np.array_equal(voters, again)
    assert not np.array_equal(voters, witnesses)


def test_a_voter_clusters_from_one_start():
    draw = draw_of(planted(noise=2.0))
    one, many = (
        draw.blind_names(clusterings.build("k-means", {"starts": starts}), 3, "voters")
        for starts in (1, 50)
    )
    assert np.array_equal(one, many)


def test_assigned_names_are_balanced():
    affinity = np.random.default_rng(0).normal([0.5, 0.0, 0.0], 0.1, size=(600, 3))
    assert np.bincount(affinity.argmax(axis=1), minlength=3).max() > 590
    assert np.bincount(assign(affinity), minlength=3) == pytest.approx([200, 200, 200], abs=30)


def test_rounds_end_where_a_name_has_no_image():
    draw = draw_of(planted())
    incomplete = np.zeros(len(LABELS), dtype=np.int64)
    assert draw.align(incomplete, 1) is None
    assert len(list(draw.rounds(spoiled(0.1), incomplete, 3))) == 1
    assert np.array_equal(draw.refined(incomplete, 2), incomplete)


@pytest.mark.parametrize("name", ["assignment", "labels"])
def test_clusters_and_labels_of_other_images_are_refused(name):
    given = {"clusters": spoiled(0), "labels": LABELS}
    given["clusters" if name == "assignment" else name] = LABELS[:-1]
    with pytest.raises(BlindmatchError, match=f"{name}: expected one for each of 240 images"):
        rows_of(**given)


def test_more_clusters_than_names_are_refused():
    with pytest.raises(BlindmatchError, match=r"expected every class 0 \.\.\. 5, found label 6"):
        rows_of(np.where(np.arange(len(LABELS)) < 9, CLASSES, LABELS), rounds=0)


def test_a_solver_that_cannot_run_says_why():
    class Absent(type(solvers.build("random", {}))):
        def solve(self, problem, **_):
            raise Unavailable("no licence")

    with pytest.raises(BlindmatchError, match=r"matching of clusters, found skipped: no licence"):
        rows_of(spoiled(0), solver=Absent(), pseudo_pairs="clusters")


def draw_of(data):
    return Draw(
        *data,
        metrics.build("gw", {}),
        solvers.build("brute-force", {}),
        methods.build("linear", {}),
        teachers.build("procrustes", {}),
        TrainingSettings(device="cpu"),
        part=100,
        seed=5,
        report=None,
    )


def _same(one, other):
    return one == other or (one != one and other != other)
