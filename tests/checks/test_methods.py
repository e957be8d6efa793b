"""What every registered alignment method must do; a new one is tested by being registered."""

import dataclasses
import math

import numpy as np
import pytest

from blindmatch.alignment.methods import methods
from blindmatch.alignment.retrieval import recall
from blindmatch.alignment.teachers import teachers
from blindmatch.alignment.training import fit
from blindmatch.settings import TrainingSettings

pytest.importorskip("lion_pytorch")

#: Enough steps for a rotation in 8 dimensions.
TRAINING = TrainingSettings(dimension=8, steps=60, learning_rate=0.01, device="cpu")

pytestmark = pytest.mark.parametrize("slug", sorted(methods))


def planted(count, seed):
    """Images, and texts that are images turned, with a little noise."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(99).normal(size=(8, 8)))[0]
    images = rng.normal(size=(count, 8))
    texts = images @ turn + 0.05 * rng.normal(size=images.shape)
    return images.astype(np.float32), texts.astype(np.float32)


def aligned(slug, *, unpaired=40, training=TRAINING, seed=3, told=None, checkpoint=None):
    images, texts = planted(30, 0)
    unpaired_images, _ = planted(unpaired, 1)
    _, unpaired_texts = planted(unpaired, 2)
    return fit(
        methods.build(slug, {}),
        images,
        texts,
        unpaired_images,
        unpaired_texts,
        settings=training,
        teacher=teachers.build("procrustes", {}),
        seed=seed,
        checkpoint=checkpoint,
        report=None if told is None else told.append,
    )


def score(found):
    images, texts = planted(60, 4)
    labels = np.arange(len(images))
    return recall(found.images(images), found.texts(texts), labels, labels)["mean_r5"]


def maps_of(found):
    images, texts = planted(20, 5)
    return found.images(images), found.texts(texts)


def test_it_finds_a_planted_rotation(slug):
    found = aligned(slug)
    assert score(found) > 0.5
    for rows in maps_of(found):
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    if methods[slug].trains:
        untrained = aligned(slug, training=TRAINING.model_copy(update={"steps": 1}))
        assert score(untrained) < 0.25
        assert found.history[-1]["loss"] < found.history[0]["loss"]


def test_history_tells_finite_numbers_of_the_first_and_the_last_step(slug):
    found = aligned(slug)
    assert found.seconds > 0
    assert all(math.isfinite(value) for row in found.history for value in row.values())
    assert all(math.isfinite(value) for value in found.diagnostics.values())
    if methods[slug].trains:
        assert [found.history[0]["step"], found.history[-1]["step"]] == [0, 59]


@pytest.mark.parametrize("per_step", [1000, 16])
def test_the_same_seed_gives_the_same_maps_to_the_last_bit(slug, per_step):
    drawn = {"pairs_per_step": per_step, "unpaired_per_step": per_step, "steps": 6}
    training = TRAINING.model_copy(update=drawn)
    first, again = (maps_of(aligned(slug, training=training)) for _ in range(2))
    assert all(map(np.array_equal, first, again))
    if methods[slug].trains:
        other = maps_of(aligned(slug, training=training, seed=4))
        assert not np.array_equal(first[0], other[0])


def test_without_unpaired_rows_it_learns_from_pairs_and_says_so(slug):
    told = []
    found = aligned(slug, unpaired=0, told=told)
    assert score(found) > 0.5
    said = [line for line in told if "without unpaired images and texts" in line]
    assert bool(said) == bool(methods.build(slug, {}).uses_unpaired)


def test_unpaired_rows_of_one_side_are_enough_to_go_on(slug):
    images, texts = planted(30, 0)
    told = []
    found = fit(
        methods.build(slug, {}),
        images,
        texts,
        planted(40, 1)[0],
        None,
        settings=TRAINING.model_copy(update={"steps": 3}),
        teacher=teachers.build("procrustes", {}),
        report=told.append,
    )
    assert np.isfinite(found.images(images)).all()
    said = any("without unpaired texts" in line for line in told)
    assert said == bool(methods.build(slug, {}).uses_unpaired)


def test_options_are_plain_values(slug):
    for field in dataclasses.fields(methods[slug]):
        assert isinstance(field.default, bool | int | float | str)
