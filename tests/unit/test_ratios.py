import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.ratios import measure_ratios

IMAGES = np.random.default_rng(0).normal(size=(30, 12)).astype(np.float32)


def measured(model, reference=IMAGES, *, bins=50):
    rows = list(measure_ratios(model, reference, bins=bins))
    return [[row for row in rows if row["embeddings"] == name] for name in ("normalised", "raw")]


def test_every_pair_is_counted_once():
    network = np.tanh(IMAGES @ np.random.default_rng(1).normal(size=(12, 5)))
    for rows in measured(network, bins=10):
        assert len(rows) == 10
        assert (rows[0]["low"], rows[-1]["high"]) == (0.0, 2.0)
        assert rows[0]["pairs"] == 30 * 29 // 2
        assert sum(row["count"] for row in rows) + rows[0]["above"] == rows[0]["pairs"]


def test_a_rotation_that_triples_lengths_is_seen_in_raw_embeddings_alone():
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))[0]
    normalised, raw = measured(3 * IMAGES.astype(np.float64) @ rotation)
    assert normalised[0]["mean"] == pytest.approx(1)
    assert normalised[0]["unit"] == 1
    assert raw[0]["unit"] == pytest.approx(3)
    assert raw[0]["largest"] == pytest.approx(1)
    assert raw[0]["sd"] == pytest.approx(0, abs=1e-6)


def test_the_largest_ratio_is_that_of_the_worst_pair():
    model = IMAGES[:, :3]
    distances = [
        np.linalg.norm(side[:, None] - side[None, :], axis=2).astype(float)
        for side in (model, IMAGES)
    ]
    upper = np.triu_indices(30, k=1)
    ratios = distances[0][upper] / distances[1][upper]
    _, raw = measured(model)
    assert raw[0]["largest"] * raw[0]["unit"] == pytest.approx(ratios.max(), rel=1e-5)
    assert raw[0]["unit"] == pytest.approx(ratios.mean(), rel=1e-5)
    assert raw[0]["above"] == np.count_nonzero(ratios >= 2 * ratios.mean())


def test_pairs_of_equal_images_have_no_ratio():
    images = np.vstack([IMAGES, IMAGES[:2]])
    model = np.random.default_rng(3).normal(size=(32, 4))
    for rows in measured(model, images):
        assert rows[0]["equal"] == 2
        assert rows[0]["pairs"] == 32 * 31 // 2 - 2
        assert np.isfinite(rows[0]["largest"])


def test_a_ratio_of_2_lies_beyond_the_histogram():
    reference = np.array([[1.0, 0.0], [np.cos(1.0), np.sin(1.0)]])
    half = 2 * np.arcsin(2 * np.sin(0.5))  # the chord of this angle is twice that of angle 1
    model = np.array([[1.0, 0.0], [np.cos(half), np.sin(half)]])
    normalised, _ = measured(model, reference)
    assert normalised[0]["mean"] == pytest.approx(2)
    assert sum(row["count"] for row in normalised) + normalised[0]["above"] == 1


def test_bad_input_is_refused():
    with pytest.raises(BlindmatchError, match="two at least, found 30 and 29"):
        measured(IMAGES[:29])
    with pytest.raises(BlindmatchError, match="expected different images, found 5 equal ones"):
        measured(IMAGES[:5], np.ones((5, 3)))
