import numpy as np
import pytest

from blindmatch import blind_subsets
from blindmatch.blind_subsets import consensus, evidence, match_noisily, select_blind
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import CentredKernelAlignment, GromovWasserstein, MutualNearestNeighbours

GW = GromovWasserstein()


def kernels(metric=GW, classes=16, spoiled=4, seed=0):
    """Two views of one cloud, of which the last `spoiled` classes have nothing in common."""
    rng = np.random.default_rng(seed)
    vision = rng.normal(size=(classes, 5))
    language = vision + 0.03 * rng.normal(size=vision.shape)
    language[classes - spoiled :] = rng.normal(size=(spoiled, 5))
    return tuple(KERNELS[metric.kernel](side) for side in (vision, language))


def test_classes_with_common_structure_are_chosen_with_their_counterparts():
    found = select_blind(*kernels(), 6, metric=GW, ranks=2, method="local-search")
    assert found.classes.shape == found.language_classes.shape == (2, 6)
    assert found.matchings == 20
    assert np.mean(found.classes[0] < 12) >= 5 / 6
    assert np.mean(found.classes[0] == found.language_classes[0]) >= 5 / 6


@pytest.mark.parametrize("metric", [CentredKernelAlignment(), MutualNearestNeighbours(k=5)])
def test_every_metric_can_select(metric):
    found = select_blind(*kernels(metric, spoiled=0), 6, metric=metric, method="local-search")
    assert np.mean(found.classes == found.language_classes) >= 5 / 6


def test_the_order_of_the_language_side_is_never_seen():
    vision, language = kernels()
    order = np.random.default_rng(5).permutation(len(language))
    options = {"metric": GW, "ranks": 3, "method": "local-search", "seed": 1}
    found = select_blind(vision, language, 7, **options)
    shuffled = select_blind(vision, language[np.ix_(order, order)], 7, **options)
    assert np.array_equal(found.classes, shuffled.classes)
    assert np.array_equal(found.language_classes, order[shuffled.language_classes])
    assert np.array_equal(found.objectives, shuffled.objectives)


def test_draws_take_turns():
    vision, language = kernels()
    draws = np.stack([vision, np.roll(vision, (3, 3), axis=(0, 1))])
    seen = match_noisily(draws, language, metric=GW, time_limit=60)
    truth = np.arange(len(vision))
    assert np.mean(seen[::2] == truth) > 0.4
    # Rolled by three, vision class i is what class i - 3 was.
    assert np.mean(seen[1::2] == np.roll(truth, 3)) > 0.4


def test_matchings_end_with_the_time_and_say_so():
    vision, language = kernels()
    lines = []
    seen = match_noisily(vision[None], language, metric=GW, time_limit=0.0, report=lines.append)
    assert seen.shape == (1, 16)
    assert lines == ["blind selection from 1 of 20 matchings: time limit"]


def test_the_same_seed_gives_the_same_subsets(monkeypatch):
    monkeypatch.setattr(blind_subsets, "_MATCHINGS", 4)
    vision, language = kernels()
    first, again = (
        select_blind(vision, language, 5, metric=GW, method="local-search", seed=3)
        for _ in range(2)
    )
    assert np.array_equal(first.classes, again.classes)
    assert np.array_equal(first.language_classes, again.language_classes)


def test_consensus_by_hand():
    pairing, agreement = consensus(np.array([[0, 1, 2], [0, 2, 1], [0, 1, 2], [1, 0, 2]]))
    assert pairing.tolist() == [0, 1, 2]
    np.testing.assert_allclose(agreement * 4, [[3, 2, 2], [2, 2, 2], [2, 2, 3]])


@pytest.mark.parametrize("metric", [GW, CentredKernelAlignment()])
def test_evidence_is_what_a_pair_is_below_arbitrary_ones(metric):
    vision, language = kernels(metric, classes=6)
    first, second = metric.finish(vision), metric.finish(language)
    beside = ~np.eye(6, dtype=bool)
    arbitrary = np.mean(metric.loss.direct(first[beside][:, None], second[beside][None, :]))
    found = evidence(vision, language, metric)
    np.testing.assert_allclose(found, arbitrary - metric.loss.direct(first, second), atol=1e-12)


def test_all_classes_are_one_subset_and_more_are_refused():
    vision, language = kernels()
    found = select_blind(vision, language, 16, metric=GW)
    assert found.classes.tolist() == found.language_classes.tolist() == [list(range(16))]
    assert found.method == "all classes"
    with pytest.raises(BlindmatchError, match="17 classes asked for, the dataset has 16"):
        select_blind(vision, language, 17, metric=GW)
    with pytest.raises(BlindmatchError, match=r"language: expected 16 classes.* found 15"):
        select_blind(vision, language[:15, :15], 4, metric=GW)
