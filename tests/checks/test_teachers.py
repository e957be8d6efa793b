"""What every registered teacher must do; a new one is tested by being registered."""

import dataclasses
import pickle

import numpy as np
import pytest

from blindmatch.alignment.retrieval import recall
from blindmatch.alignment.teachers import fit_teacher, teachers
from blindmatch.errors import BlindmatchError

pytestmark = pytest.mark.parametrize("slug", sorted(teachers))

VISION, LANGUAGE = 24, 16


def two_views(rows):
    """One set of points seen by two linear encoders, each far from its origin."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(rows, 8))
    images = points @ rng.normal(size=(8, VISION)) + 2
    texts = points @ rng.normal(size=(8, LANGUAGE)) - 1
    return images.astype(np.float32), texts.astype(np.float32)


def test_unseen_partners_are_found(slug):
    images, texts = two_views(220)
    fitted = fit_teacher(teachers.build(slug, {}), images[:120], texts[:120])
    unseen = fitted.images(images[120:]), fitted.texts(texts[120:])
    found = recall(*unseen, np.arange(100), np.arange(100))
    assert found["mean_r5"] > 0.8


@pytest.mark.parametrize("pairs", [2, 10, 60])
def test_any_number_of_pairs_from_two_gives_finite_unit_rows(slug, pairs):
    images, texts = two_views(60)
    fitted = fit_teacher(teachers.build(slug, {}), images[:pairs], texts[:pairs])
    projected = fitted.images(images), fitted.texts(texts)
    assert projected[0].shape == (60, fitted.vision_map.shape[1])
    assert projected[1].shape == projected[0].shape
    for rows in projected:
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_same_seed_gives_the_same_maps_and_leaves_the_pairs_alone(slug):
    images, texts = two_views(40)
    before = images.copy(), texts.copy()
    first, second = (
        fit_teacher(teachers.build(slug, {}), images, texts, seed=5, device="cpu") for _ in range(2)
    )
    assert np.array_equal(first.vision_map, second.vision_map)
    assert np.array_equal(first.language_map, second.language_map)
    assert np.array_equal(images, before[0])
    assert np.array_equal(texts, before[1])


def test_lengths_of_rows_do_not_matter(slug):
    images, texts = two_views(40)
    lengths = np.linspace(0.1, 10, 40, dtype=np.float32)[:, None]
    plain = fit_teacher(teachers.build(slug, {}), images, texts)
    scaled = fit_teacher(teachers.build(slug, {}), images * lengths, texts / lengths)
    assert np.allclose(plain.vision_mean, scaled.vision_mean, atol=1e-6)
    assert np.allclose(plain.images(images), plain.images(images * lengths), atol=1e-5)


def test_zero_rows_stay_finite(slug):
    images, texts = two_views(40)
    images[3] = 0
    fitted = fit_teacher(teachers.build(slug, {}), images, texts)
    assert np.isfinite(fitted.images(images)).all()
    assert np.isfinite(fitted.texts(np.zeros((1, LANGUAGE)))).all()


def test_what_is_stored_is_enough_to_apply_it(slug):
    images, texts = two_views(40)
    fitted = fit_teacher(teachers.build(slug, {}), images, texts)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    assert np.array_equal(again.texts(texts), fitted.texts(texts))
    for name in ("vision_mean", "language_mean", "vision_map", "language_map"):
        value = getattr(fitted, name)
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.float64


def test_what_are_no_pairs_is_refused(slug):
    images, texts = two_views(10)
    teacher = teachers.build(slug, {})
    for pairs in ((images, texts[:9]), (images[:1], texts[:1]), (images[0], texts[0])):
        with pytest.raises(BlindmatchError, match="pairs: expected at least 2, with as many"):
            fit_teacher(teacher, *pairs)
    spoiled = texts.copy()
    spoiled[4, 1] = np.nan
    with pytest.raises(BlindmatchError, match=r"texts: expected finite numbers, .* in row 4"):
        fit_teacher(teacher, images, spoiled)
    fitted = fit_teacher(teacher, images, texts)
    with pytest.raises(BlindmatchError, match=f"images: expected rows of dimension {VISION}"):
        fitted.images(texts)


def test_options_are_plain_values(slug):
    for field in dataclasses.fields(teachers[slug]):
        assert field.default is None or isinstance(field.default, bool | int | float | str)
