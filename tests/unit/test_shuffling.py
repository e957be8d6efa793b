import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import metrics
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP
from blindmatch.shuffling import _permutations, shuffle

RANDOM = np.random.default_rng(0)
SHARED = RANDOM.normal(size=(40, 6))
VISION = normalise(np.hstack([SHARED, RANDOM.normal(size=(40, 2))]))
LANGUAGE = normalise(np.hstack([SHARED, RANDOM.normal(size=(40, 3))]))
METRICS = {
    "gw-raw": metrics.build("gw", {"standardised": False}),
    "mutual-knn-1": metrics.build("mutual-knn", {"k": 1}),
    "mutual-knn-10": metrics.build("mutual-knn", {"k": 10}),
    "cka": metrics.build("cka", {}),
    "cka-reference-raw": metrics.build("cka-reference", {"standardised": False}),
}


def shuffled(vision=VISION, *, chosen=tuple(METRICS), dataset="toys", **options):
    options = {"levels": 5, "draws": 20, "seed": 7} | options
    given = {slug: METRICS[slug] for slug in chosen}
    return list(shuffle(vision, LANGUAGE, metrics=given, dataset=dataset, **options))


def mean_at(rows, metric, level):
    chosen = [row for row in rows if row["metric"] == metric and row["level"] == level]
    return np.mean([row["similarity"] for row in chosen])


@pytest.mark.parametrize("slug", METRICS)
def test_level_0_is_the_loss_of_the_true_pairing_in_the_metrics_unit(slug):
    metric = METRICS[slug]
    kernels = [metric.finish(KERNELS[metric.kernel](side)) for side in (VISION, LANGUAGE)]
    expected = metric.reported(metric.loss.direct(*kernels).sum(), 40)
    found = {row["reported_cost"] for row in shuffled(chosen=[slug]) if row["level"] == 0}
    assert len(found) == 1
    assert found.pop() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("slug", METRICS)
def test_every_level_is_the_cost_of_a_permutation_of_so_many_items(slug, monkeypatch):
    seen = []

    def spy(*arguments):
        seen.append(_permutations(*arguments))
        return seen[-1]

    monkeypatch.setattr("blindmatch.shuffling._permutations", spy)
    rows = shuffled(chosen=[slug], draws=3)
    metric = METRICS[slug]
    kernels = [metric.finish(KERNELS[metric.kernel](side)) for side in (VISION, LANGUAGE)]
    problem = QAP.from_metric(metric, *kernels)
    permutations = np.concatenate(seen)
    assert len(permutations) == len(rows)
    for row, permutation in zip(rows, permutations, strict=True):
        expected = metric.reported(problem.cost(permutation), 40)
        assert row["reported_cost"] == pytest.approx(expected, rel=1e-9)
        assert row["shuffled"] == int(row["level"] * 40)
        assert np.count_nonzero(permutation != np.arange(40)) <= row["shuffled"]


@pytest.mark.parametrize("slug", METRICS)
def test_similarity_falls_to_what_chance_gives(slug):
    rows = shuffled(chosen=[slug])
    curve = [mean_at(rows, slug, level) for level in (0, 0.5, 1)]
    assert curve[0] > curve[1] > curve[2]
    if slug == "mutual-knn-10":  # a random neighbour is common with a chance of k / (N - 1)
        assert curve[2] == pytest.approx(10 / 39, abs=0.03)


def test_similarities_are_1_and_distances_0_for_identical_inputs_that_are_not_shuffled():
    rows = shuffled(LANGUAGE)
    for slug in ("cka", "mutual-knn-1", "mutual-knn-10"):
        assert mean_at(rows, slug, 0) == pytest.approx(1)
    assert mean_at(rows, "gw-raw", 0) == pytest.approx(0, abs=1e-12)
    assert {row["metric"] for row in rows if row["distance"]} == {"gw-raw"}


def test_draws_are_those_of_seed_and_dataset_whatever_the_models_and_metrics():
    def seeds(**options):
        rows = shuffled(**options)
        return {(row["draw"], row["seed"]) for row in rows}

    usual = seeds()
    assert len(usual) == 20
    assert seeds(vision=LANGUAGE, chosen=["cka"]) == usual
    assert seeds(seed=8).isdisjoint(usual)
    assert seeds(dataset="others").isdisjoint(usual)


def test_fewer_draws_and_metrics_are_a_part_of_more():
    everything = shuffled()
    part = shuffled(chosen=["cka"], draws=2)
    expected = [row for row in everything if row["metric"] == "cka" and row["draw"] < 2]
    assert part == expected


def test_rows_are_written_once_for_each_metric_level_and_draw():
    rows = shuffled(levels=21, draws=2)
    keys = {(row["metric"], row["level"], row["draw"]) for row in rows}
    assert len(rows) == len(keys) == len(METRICS) * 21 * 2
    assert {row["level"] for row in rows} == {step / 20 for step in range(21)}


def test_sides_of_different_size_are_refused():
    with pytest.raises(BlindmatchError, match="language: expected as many prototypes as vision"):
        shuffled(VISION[:39])
