import numpy as np
import pytest

from blindmatch.alignment.splits import random_rows, split_rows, take
from blindmatch.errors import BlindmatchError

CLASSES = 30
#: One to three images and two to five texts of each class, rows in no order of the classes.
IMAGE_LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(CLASSES), [1, 2, 3] * 10))
TEXT_LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(CLASSES), [5, 3, 2] * 10))


def split(**options):
    given = {"seed": 3, "draw": 0, "validation": 4, "test": 6, **options}
    return split_rows(IMAGE_LABELS, TEXT_LABELS, **given)


def taken(pairs, unpaired, **options):
    return take(split(**options), IMAGE_LABELS, TEXT_LABELS, pairs, unpaired)


@pytest.mark.parametrize("mode", ["hidden", "disjoint"])
def test_every_class_has_one_part_and_held_out_parts_have_all_its_rows(mode):
    found = split(mode=mode)
    test, validation, training = (
        set(IMAGE_LABELS[rows])
        for rows in (found.test_images, found.validation_images, found.pairs[:, 0])
    )
    assert (len(test), len(validation), len(training)) == (6, 4, 20)
    assert len(test | validation | training) == CLASSES
    for rows, labels, classes in (
        (found.test_images, IMAGE_LABELS, test),
        (found.test_texts, TEXT_LABELS, test),
        (found.validation_images, IMAGE_LABELS, validation),
        (found.validation_texts, TEXT_LABELS, validation),
    ):
        assert np.array_equal(rows, np.flatnonzero(np.isin(labels, list(classes))))
    unpaired = {*IMAGE_LABELS[found.unpaired_images], *TEXT_LABELS[found.unpaired_texts]}
    assert unpaired == training


def test_a_pair_is_an_image_and_a_text_of_its_class_one_for_each_class():
    pairs = split().pairs
    assert pairs.dtype == np.int64
    assert np.array_equal(IMAGE_LABELS[pairs[:, 0]], TEXT_LABELS[pairs[:, 1]])
    assert len(set(IMAGE_LABELS[pairs[:, 0]])) == len(pairs)


def test_any_image_and_any_text_of_a_class_can_be_its_pair():
    pairs = np.concatenate([split(draw=draw).pairs for draw in range(100)])
    assert set(pairs[:, 0]) == set(range(len(IMAGE_LABELS)))
    assert set(pairs[:, 1]) == set(range(len(TEXT_LABELS)))


def test_an_unpaired_class_gives_as_many_images_as_texts():
    found = split()
    images = np.bincount(IMAGE_LABELS[found.unpaired_images], minlength=CLASSES)
    texts = np.bincount(TEXT_LABELS[found.unpaired_texts], minlength=CLASSES)
    fewer = np.minimum(np.bincount(IMAGE_LABELS), np.bincount(TEXT_LABELS))
    assert np.array_equal(images, texts)
    assert all(images[label] == fewer[label] for label in IMAGE_LABELS[found.pairs[:, 0]])
    assert len(set(found.unpaired_images)) == len(found.unpaired_images)
    assert len(set(found.unpaired_texts)) == len(found.unpaired_texts)


@pytest.mark.parametrize("unpaired", [1, 5, 12])
def test_hidden_partners_of_unpaired_images_are_among_the_unpaired_texts(unpaired):
    rows = taken(8, unpaired)
    images, texts = IMAGE_LABELS[rows.unpaired_images], TEXT_LABELS[rows.unpaired_texts]
    assert len(images) == len(texts) == unpaired
    assert sorted(images) == sorted(texts)


def test_places_in_the_unpaired_rows_tell_nothing():
    labels = np.arange(500)
    found = split_rows(labels, labels, seed=0, draw=0, validation=0, test=0)
    rows = take(found, labels, labels, 100, 400)
    assert sorted(rows.unpaired_images) == sorted(rows.unpaired_texts)
    assert np.count_nonzero(rows.unpaired_images == rows.unpaired_texts) < 10
    assert abs(np.corrcoef(rows.unpaired_images, rows.unpaired_texts)[0, 1]) < 0.2


def test_disjoint_unpaired_rows_are_never_of_the_same_class():
    found = split(mode="disjoint")
    halves = set(IMAGE_LABELS[found.unpaired_images]), set(TEXT_LABELS[found.unpaired_texts])
    assert not halves[0] & halves[1]
    assert len(halves[0]) == len(halves[1]) == 10
    rows = taken(8, 6, mode="disjoint")
    assert len(rows.unpaired_images) == len(rows.unpaired_texts) == 6


@pytest.mark.parametrize("mode", ["hidden", "disjoint"])
def test_fewer_rows_are_a_part_of_more(mode):
    few, many = taken(3, 4, mode=mode), taken(9, 8, mode=mode)
    assert np.array_equal(few.pairs, many.pairs[:3])
    assert set(few.unpaired_images) < set(many.unpaired_images)
    assert set(few.unpaired_texts) < set(many.unpaired_texts)


def test_each_kind_of_row_stays_whatever_the_number_of_the_other():
    few, more_pairs, more_unpaired = taken(3, 8), taken(9, 8), taken(3, 12)
    assert np.array_equal(few.unpaired_images, more_pairs.unpaired_images)
    assert np.array_equal(few.unpaired_texts, more_pairs.unpaired_texts)
    assert np.array_equal(few.pairs, more_unpaired.pairs)
    assert np.array_equal(split().test_images, split(validation=9).test_images)


def test_the_same_seed_and_draw_give_the_same_split_and_others_another():
    same = split()
    for name, rows in vars(split()).items():
        assert np.array_equal(rows, getattr(same, name))
    for other in (split(draw=1), split(seed=4)):
        assert not np.array_equal(other.test_images, same.test_images)
        assert not np.array_equal(other.pairs, same.pairs)


def test_the_most_that_is_told_can_be_taken():
    with pytest.raises(BlindmatchError, match=r"unpaired_count: .* at most \d+ .* 8 pairs") as told:
        taken(8, 1000)
    most = int(str(told.value).split("at most ")[1].split()[0])
    rows = taken(8, most)
    paired = set(IMAGE_LABELS[rows.pairs[:, 0]])
    assert not paired & set(IMAGE_LABELS[rows.unpaired_images])
    assert not paired & set(TEXT_LABELS[rows.unpaired_texts])
    with pytest.raises(BlindmatchError, match=f"expected at most {most} .* found {most + 1}"):
        taken(8, most + 1)


def test_more_pairs_than_training_classes_are_refused():
    assert len(taken(20, 0).pairs) == 20
    with pytest.raises(BlindmatchError, match=r"pair_count: expected at most 20, .* found 21"):
        taken(21, 0)


def test_a_class_with_rows_on_one_side_only_is_refused():
    with pytest.raises(BlindmatchError, match="found images and no texts of class 7"):
        split_rows([0, 1, 7], [0, 1, 1], seed=0, draw=0, validation=0, test=0)
    with pytest.raises(BlindmatchError, match="found texts and no images of class 5"):
        split_rows([0, 1, 1], [0, 5, 1], seed=0, draw=0, validation=0, test=0)


@pytest.mark.parametrize(("validation", "test"), [(20, 9), (-1, 3)])
def test_too_many_held_out_classes_are_refused(validation, test):
    with pytest.raises(BlindmatchError, match="at most 28 of 30 classes to be held out"):
        split(validation=validation, test=test)


def test_an_unknown_mode_is_refused():
    with pytest.raises(BlindmatchError, match="mode: expected 'hidden' or 'disjoint', found 'all'"):
        split(mode="all")


def test_orders_of_both_sides_are_independent():
    images, texts = (random_rows(1000, seed=1, draw=2, side=side) for side in (0, 1))
    assert np.array_equal(np.sort(images), np.arange(1000))
    assert np.array_equal(images, random_rows(1000, seed=1, draw=2, side=0))
    assert abs(np.corrcoef(images, texts)[0, 1]) < 0.1
