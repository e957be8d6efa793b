import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.prototypes import class_means, draw_halves, draw_seeds, normalise

REFERENCE = [734796314, 576165995, 2197670066, 839703249, 2584932063]


def test_seeds_are_the_reference_codes():
    assert draw_seeds(42, 5).tolist() == REFERENCE


def test_more_draws_leave_the_first_ones_as_they_were():
    assert draw_seeds(42, 20).tolist()[:5] == REFERENCE
    labels = np.arange(200) % 3
    few = draw_halves(labels, ["a", "b", "c"], draw_seeds(42, 2))
    many = draw_halves(labels, ["a", "b", "c"], draw_seeds(42, 6))
    np.testing.assert_array_equal(many[:2], few)


def test_halves_are_torchs_random_permutation_cut_in_the_middle():
    torch = pytest.importorskip("torch")
    labels = np.arange(101) % 2
    half = draw_halves(labels, ["a", "b"], np.array(REFERENCE[:1]))[0]
    order = torch.randperm(101, generator=torch.Generator().manual_seed(REFERENCE[0]))
    assert half.tolist() == order[:50].tolist()


def test_one_image_per_class_has_no_halves():
    assert draw_halves(np.arange(5), list("abcde"), draw_seeds(42, 2)) is None


def test_a_half_that_misses_a_class_is_refused_by_name():
    labels = np.array([0] * 30 + [1])
    with pytest.raises(BlindmatchError, match=r"none of class 'rare' \(1 image"):
        draw_halves(labels, ["common", "rare"], draw_seeds(42, 20))


def test_class_means_are_means_of_length_1():
    embeddings = np.array([[2, 0], [0, 4], [4, 0], [0, 2]], dtype=np.float32)
    means = class_means(embeddings, np.array([1, 0, 1, 1]), 2)
    assert means.dtype == np.float64
    np.testing.assert_allclose(means, [[0, 1], normalise(np.array([[2, 2 / 3]]))[0]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 2], "class 1 without a row"),
        ([0, 1, 3], "label 3"),
        ([0, 1], "one for each of 3 embeddings, found 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(BlindmatchError, match=message):
        class_means(np.ones((3, 2)), np.array(labels), 3)


def test_a_class_whose_mean_is_zero_is_refused():
    with pytest.raises(BlindmatchError, match="mean of class 1 is zero"):
        class_means(np.array([[1.0], [1.0], [-1.0]]), np.array([0, 1, 1]), 2)
