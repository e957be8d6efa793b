import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import (
    KERNELS,
    centre,
    centre_rows,
    euclidean,
    inner_product,
    neighbours,
    scaled_inner_product,
    standardise,
)

POINTS = np.random.default_rng(0).normal(size=(12, 5))


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_a_kernel_is_symmetric_and_follows_its_rows(name):
    order = np.random.default_rng(1).permutation(len(POINTS))
    kernel = KERNELS[name](POINTS)
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_allclose(KERNELS[name](POINTS[order]), kernel[np.ix_(order, order)])


def test_kernels_have_their_textbook_values():
    points = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert euclidean(points).tolist() == [[0, 5], [5, 0]]
    assert inner_product(points).tolist() == [[0, 0], [0, 25]]


def test_distances_of_many_items_are_the_same_but_for_rounding(monkeypatch):
    # Far from the origin, close to each other, and one point twice: where products cancel.
    points = np.vstack([1000 + POINTS, 1000 + POINTS[:1]])
    exact = euclidean(points)
    monkeypatch.setattr("blindmatch.kernels._MANY", 0)
    fast = euclidean(points)
    np.testing.assert_allclose(fast, exact, atol=1e-7 * exact.max())
    assert (fast != exact).any()
    np.testing.assert_array_equal(fast, fast.T)
    assert not np.diag(fast).any()


def test_scaled_rows_have_inner_product_n_minus_1_with_themselves_once_centred():
    points = POINTS - POINTS.mean(axis=1, keepdims=True)
    assert np.diag(scaled_inner_product(points)) == pytest.approx(4)
    with pytest.raises(BlindmatchError, match="found equal ones in row 1"):
        scaled_inner_product(np.array([[1.0, 2.0], [3.0, 3.0]]))


def test_standardised_entries_have_mean_0_and_sd_1_off_the_diagonal():
    kernel = standardise(euclidean(POINTS))
    values = kernel[~np.eye(len(kernel), dtype=bool)]
    assert abs(values.mean()) < 1e-14
    assert values.std(ddof=1) == pytest.approx(1)
    assert not np.diag(kernel).any()


def test_equal_distances_are_refused():
    with pytest.raises(BlindmatchError, match="all distances are equal"):
        standardise(1 - np.eye(4))
    for centring in (centre, centre_rows):
        with pytest.raises(BlindmatchError, match="all items coincide"):
            centring(np.ones((4, 4)))


def test_centring_removes_row_and_column_means():
    kernel = centre(inner_product(POINTS + 7))
    np.testing.assert_allclose(kernel.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(kernel.mean(axis=1), 0, atol=1e-14)
    assert np.linalg.norm(kernel) == pytest.approx(1)


def test_an_item_is_never_its_own_neighbour_even_when_all_similarities_are_negative():
    kernel = -1 - euclidean(POINTS)
    np.fill_diagonal(kernel, 5.0)
    graph = neighbours(kernel, 3)
    assert not np.diag(graph).any()
    assert (np.count_nonzero(graph, axis=1) == 3).all()
    assert np.sum(graph * graph) == pytest.approx(1)


def test_more_neighbours_than_items_are_refused():
    with pytest.raises(BlindmatchError, match=r"k: expected 1 \.\.\. 11 neighbours among 12"):
        neighbours(inner_product(POINTS), 12)
