"""Linear assignment, judged by two independent implementations."""

import lap
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from blindmatch.errors import BlindmatchError
from blindmatch.lap import linear_assignment

MATRICES = {
    "uniform": lambda rng, n: rng.random((n, n)),
    "negative": lambda rng, n: -1e3 * rng.random((n, n)),
    "ties": lambda rng, n: rng.integers(0, 4, (n, n)).astype(float),
    "rank one": lambda rng, n: np.outer(rng.normal(size=n), rng.normal(size=n)),
    "constant": lambda rng, n: np.full((n, n), 7.0),
    "wide": lambda rng, n: np.exp(20 * rng.normal(size=(n, n))),
}


def check(costs):
    """Optimal by SciPy, and the duals prove it."""
    size = len(costs)
    found = linear_assignment(costs)
    total = costs[np.arange(size), found.columns].sum()
    room = 1e-12 * max(1.0, np.abs(costs).max()) * size
    assert sorted(found.columns) == list(range(size))
    assert abs(total - costs[linear_sum_assignment(costs)].sum()) <= room
    assert abs(found.u.sum() + found.v.sum() - total) <= room
    assert (costs - found.u[:, None] - found.v).min() >= -room
    return total


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("size", [1, 2, 3, 10, 40, 90])
def test_the_assignment_is_optimal_and_its_duals_prove_it(kind, size):
    for seed in range(3):
        check(MATRICES[kind](np.random.default_rng(seed), size))


@pytest.mark.parametrize("kind", ["uniform", "ties", "rank one"])
def test_a_second_judge_agrees(kind):
    costs = MATRICES[kind](np.random.default_rng(5), 30)
    assert check(costs) == pytest.approx(lap.lapjv(costs)[0])


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 7).flatmap(
        lambda n: arrays(np.float64, (n, n), elements=st.floats(-1e6, 1e6, width=32))
    )
)
def test_any_finite_matrix_is_solved(costs):
    check(costs)


def test_the_empty_matrix_has_an_empty_assignment():
    assert linear_assignment(np.empty((0, 0))).columns.shape == (0,)


def test_the_input_is_not_modified():
    costs = np.random.default_rng(0).random((8, 8))
    before = costs.copy()
    linear_assignment(costs)
    assert np.array_equal(costs, before)


@pytest.mark.parametrize(
    ("costs", "found"),
    [
        (np.zeros((2, 3)), r"\(2, 3\)"),
        (np.array([[np.nan]]), "finite"),
        (np.array([[1e308]]), "1e\\+300"),
    ],
)
def test_bad_matrices_are_refused_by_what_was_found(costs, found):
    with pytest.raises(BlindmatchError, match=found):
        linear_assignment(costs)
