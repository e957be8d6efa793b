import math

import numpy as np
import pytest

from blindmatch.alignment import retrieval
from blindmatch.alignment.retrieval import recall, zero_shot
from blindmatch.errors import BlindmatchError


def gallery(images=20, captions=3, noise=2.0, seed=0):
    """Images, captions around them, and the labels of both; captions in no order."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(images, 16))
    labels = rng.permutation(np.repeat(np.arange(images), captions))
    texts = rows[labels] + noise * rng.normal(size=(len(labels), 16))
    return rows.astype(np.float32), texts.astype(np.float32), np.arange(images), labels


def ranks_by_sorting(queries, labels, others, other_labels):
    """Place of the first partner when the other side is sorted by cosine."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, others)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    return 1 + (other_labels[order] == labels[:, None]).argmax(axis=1)


def test_recall_is_what_sorting_tells():
    images, texts, labels, text_labels = gallery()
    found = recall(images, texts, labels, text_labels)
    i2t = ranks_by_sorting(images, labels, texts, text_labels)
    t2i = ranks_by_sorting(texts, text_labels, images, labels)
    assert 0 < np.mean(t2i == 1) < np.mean(t2i <= 5) < 1
    for first in (1, 5):
        assert found[f"i2t_r{first}"] == np.mean(i2t <= first)
        assert found[f"t2i_r{first}"] == np.mean(t2i <= first)
        assert found[f"mean_r{first}"] == (np.mean(i2t <= first) + np.mean(t2i <= first)) / 2
    assert found["median_rank"] == (np.median(i2t) + np.median(t2i)) / 2
    assert (found["images"], found["texts"]) == (20, 60)


def test_any_caption_of_an_image_counts():
    images = np.eye(3)
    texts = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = recall(images, texts, np.arange(3), np.array([0, 0, 1, 2]))
    assert found["i2t_r1"] == 1
    assert found["t2i_r1"] == 0.75


def test_a_constant_embedding_finds_nothing():
    labels = np.arange(50)
    found = recall(np.full((50, 7), 0.3), np.full((50, 7), 0.3), labels, labels)
    assert found["mean_r1"] == found["mean_r5"] == 0
    assert found["median_rank"] == 50


def test_lengths_of_rows_do_not_matter():
    images, texts, labels, text_labels = gallery()
    lengths = np.random.default_rng(1).uniform(0.01, 100, size=(len(texts), 1))
    assert recall(images, texts, labels, text_labels) == recall(
        5 * images, lengths * texts, labels, text_labels
    )


def test_pieces_give_what_the_whole_gives(monkeypatch):
    whole = recall(*gallery())
    monkeypatch.setattr(retrieval, "_ENTRIES", 130)
    assert recall(*gallery()) == whole


def test_chance_is_what_random_rows_reach():
    _, _, labels, text_labels = gallery()
    rng = np.random.default_rng(0)
    drawn = [
        recall(rng.normal(size=(20, 8)), rng.normal(size=(60, 8)), labels, text_labels)
        for _ in range(300)
    ]
    for first in (1, 5):
        shares = [each[f"mean_r{first}"] for each in drawn]
        error = np.std(shares) / math.sqrt(len(shares))
        assert abs(np.mean(shares) - drawn[0][f"chance_r{first}"]) < 4 * error
    image_to_text = 1 - math.comb(57, 5) / math.comb(60, 5)
    assert drawn[0]["chance_r5"] == pytest.approx((image_to_text + 5 / 20) / 2)
    assert drawn[0]["chance_r1"] == pytest.approx(1 / 20)


def test_five_of_three_are_all():
    found = recall(np.eye(3), -np.eye(3), np.arange(3), np.arange(3))
    assert found["mean_r5"] == found["chance_r5"] == 1
    assert found["mean_r1"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.ones((20, 9))}, "expected as many dimensions, found 9 and 16"),
        ({"image_labels": np.arange(19)}, r"images: .*found shapes \(20, 16\) and \(19,\)"),
        ({"images": np.ones((0, 16)), "image_labels": []}, "images: expected rows"),
        ({"text_labels": np.arange(60) % 19}, r"images: .*found none of class 19 \(image 19\)"),
        ({"text_labels": np.arange(60)}, r"texts: .*found none of class 20 \(text 20\)"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    names = ("images", "texts", "image_labels", "text_labels")
    with pytest.raises(BlindmatchError, match=message):
        recall(**dict(zip(names, gallery(), strict=True)) | change)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(value):
    images, texts, labels, text_labels = gallery()
    texts[7, 3] = value
    with pytest.raises(BlindmatchError, match=r"texts: expected finite numbers, .* in row 7"):
        recall(images, texts, labels, text_labels)


def test_zero_shot_takes_the_class_with_the_nearest_mean_prompt():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([3, 5, 8, 9, 11, 20, 40]), 4)
    prompts = rng.normal(size=(28, 12)) * rng.uniform(0.1, 9, size=(28, 1))
    images = rng.normal(size=(400, 12))
    image_labels = rng.choice(labels, size=400)
    unit = prompts / np.linalg.norm(prompts, axis=1, keepdims=True)
    classes = np.unique(labels)
    means = np.stack([unit[labels == label].mean(axis=0) for label in classes])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    order = classes[np.argsort(-(images @ means.T), axis=1)]
    found = zero_shot(images, image_labels, prompts, labels)
    assert found["top1"] == np.mean(order[:, 0] == image_labels)
    assert found["top5"] == np.mean((order[:, :5] == image_labels[:, None]).any(axis=1))
    assert 0 < found["top1"] < found["top5"] < 1
    assert found["chance"] == 1 / 7
    assert (found["images"], found["classes"]) == (400, 7)


def test_zero_shot_needs_a_prompt_of_every_image():
    with pytest.raises(BlindmatchError, match=r"images: expected a prompt .* class 2 \(image 1\)"):
        zero_shot(np.eye(2), np.array([0, 2]), np.eye(2), np.array([0, 1]))
