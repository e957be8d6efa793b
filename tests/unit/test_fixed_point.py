"""Problems in whole numbers: what integers say about them is true to the last bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import PAIR_BITS, FixedPoint, exact_cost, float_below
from blindmatch.qap import QAP
from tests.problems import KINDS, exact_costs, permutations, random_problem

pytestmark = pytest.mark.filterwarnings("error")


@st.composite
def matrices(draw, shape):
    """Any matrix times a scale; integers and a few levels are what may be exact."""
    kind = draw(st.sampled_from(["floats", "integers", "levels", "any float", "wide"]))
    elements = {
        "floats": st.floats(-1, 1, allow_subnormal=False),
        "integers": st.integers(-100, 100).map(float),
        "levels": st.sampled_from([0.0, 1 / math.sqrt(draw(st.integers(1, 99)))]),
        "any float": st.floats(-1e8, 1e8),
        "wide": st.sampled_from([0.0, 1.0, 1e3, -1e130, -1e-150, 5e-200, -5e-324]),
    }[kind]
    values = draw(arrays(np.float64, shape, elements=elements))
    scale = draw(st.sampled_from([1.0, 1.0, 1e-200, 1e-20, 3.0, 1e20, 1e130]))
    return values if kind == "wide" else values * scale


@st.composite
def problems(draw):
    """Square problems: terms, asymmetry, diagonals, linear costs, constants, forbidden pairs."""
    size, terms = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    A, B = (draw(matrices((terms, size, size))) for _ in range(2))
    if draw(st.booleans()):
        A = A + A.transpose(0, 2, 1)
    if draw(st.booleans()):
        B[:, range(size), range(size)] = 0.0
    linear = draw(st.none() | matrices((size, size)))
    constant = draw(st.sampled_from([0.0, 1 / 3, -1e30, 5e-324]))
    forbidden = None
    if draw(st.booleans()):
        forbidden = draw(arrays(bool, (size, size)))
        forbidden[np.arange(size), draw(st.permutations(range(size)))] = False
    return QAP(A, B, linear, constant, forbidden)


def units(fixed_point, ways):
    """Integer costs of permutations, summed pair by pair."""
    size = fixed_point.size
    total = fixed_point.single[np.arange(size), ways].sum(axis=1)
    for i in range(size):
        for k in range(i + 1, size):
            total = total + fixed_point.pairs(i, k)[ways[:, i], ways[:, k]]
    return total.tolist()


def feasible(problem):
    ways = permutations(problem.size)
    return ways[[problem.feasible(p) for p in ways]]


@settings(max_examples=250, deadline=None)
@given(problems())
def test_whole_numbers_never_say_more_than_the_exact_cost(problem):
    fixed_point, ways = FixedPoint.of(problem), feasible(problem)
    for count, cost in zip(units(fixed_point, ways), exact_costs(problem, ways), strict=True):
        assert fixed_point.unit * count + fixed_point.constant - fixed_point.error <= cost
        assert Fraction(fixed_point.below(count)) <= cost


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 5])
def test_little_is_lost_by_rounding(kind, size):
    for seed in range(5):
        problem = random_problem(kind, size, seed)
        fixed_point, ways = FixedPoint.of(problem), feasible(problem)
        floors = size * (size + 3) // 2  # one per pair, two per single cost
        lost = floors * fixed_point.unit + 2 * fixed_point.error
        for count, cost in zip(units(fixed_point, ways), exact_costs(problem, ways), strict=True):
            assert cost - Fraction(fixed_point.below(count)) <= lost + abs(cost) / 2**52
        assert lost <= Fraction(problem.magnitude or 1.0) / 10**4


@settings(max_examples=250, deadline=None)
@given(problems(), st.floats(-10, 10))
def test_enough_units_are_the_least_whose_bound_reaches_a_value(problem, share):
    fixed_point = FixedPoint.of(problem)
    value = share * problem.magnitude
    count = fixed_point.enough(value)
    assert fixed_point.below(count) >= value
    assert fixed_point.below(count - 1) < value


@settings(max_examples=100, deadline=None)
@given(problems())
def test_sizes_leave_room_for_sums(problem):
    fixed_point = FixedPoint.of(problem)
    size = fixed_point.size
    for i in range(size):
        for k in range(size):
            assert i == k or np.abs(fixed_point.pairs(i, k)).max() <= 1 << PAIR_BITS
    assert np.abs(fixed_point.single).max() <= 1 << 43
    both = np.einsum("tij,tkl->", np.abs(fixed_point.a), np.abs(fixed_point.b))
    assert both <= size**4 << 53


def steps():
    """Problems whose costs are multiples of a known number, with that number."""
    rng = np.random.default_rng(0)
    A, B = rng.integers(-9, 10, size=(2, 4, 4))
    symmetric = A + A.T
    plane = (rng.random((2, 4, 4)) < 0.5) * 1.0
    for X in (A, B, symmetric, *plane):
        np.fill_diagonal(X, 0)
    yield "integers", QAP(6 * A, 5 * B), 30
    yield "quarters", QAP(A / 4, B), Fraction(1, 4)
    yield "both halves", QAP(symmetric, symmetric), 2
    yield "linear", QAP(6 * A, 5 * B, 10 * B), 10
    yield "linear in halves", QAP(6 * A, 5 * B, B / 2), Fraction(1, 2)
    yield "one level", QAP(plane[0] / 3, plane[1] * 0.7), Fraction(1 / 3) * Fraction(0.7)
    yield "constant", QAP(6 * A, 5 * B, constant=0.5), 30


@pytest.mark.parametrize(("problem", "divisor"), [case[1:] for case in steps()])
def test_bounds_are_raised_to_the_next_cost_that_is_possible(problem, divisor):
    fixed_point = FixedPoint.of(problem)
    assert fixed_point.step > 0
    assert (fixed_point.step / divisor).denominator == 1  # it may know of larger steps
    costs = {cost - Fraction(problem.constant) for cost in exact_costs(problem, permutations(4))}
    assert all((cost / fixed_point.step).denominator == 1 for cost in costs)
    least = min(costs) + Fraction(problem.constant)
    within = fixed_point.enough(float_below(least - fixed_point.step / 3))
    assert fixed_point.below(within) == float_below(least)


def test_real_numbers_have_no_step():
    rng = np.random.default_rng(0)
    assert FixedPoint.of(QAP(*rng.normal(size=(2, 4, 4)))).step == 0
    integers = rng.integers(9, size=(2, 4, 4))
    assert FixedPoint.of(QAP(*integers, rng.normal(size=(4, 4)))).step == 0


@pytest.mark.parametrize("kind", KINDS)
def test_exact_costs_agree_with_another_way_to_sum_them(kind):
    problem = random_problem(kind, 4, 1)
    ways = feasible(problem)
    assert [exact_cost(problem, p) for p in ways] == exact_costs(problem, ways)


@given(st.fractions() | st.floats(-1e308, 1e308).map(Fraction))
def test_the_float_below_a_number_is_the_next_one(value):
    below = float_below(value)
    assert Fraction(below) <= value < Fraction(math.nextafter(below, math.inf))


def test_numbers_beyond_floats_are_bounded_by_the_last_one():
    assert float_below(Fraction(10) ** 400) == np.finfo(float).max
    assert float_below(-(Fraction(10) ** 400)) == -math.inf


def test_what_is_not_square_or_has_too_many_terms_is_refused():
    with pytest.raises(BlindmatchError, match="found 2 rows and 3 columns"):
        FixedPoint.of(QAP(np.eye(2), np.eye(3)))
    nine = np.random.default_rng(0).normal(size=(9, 3, 3))
    assert FixedPoint.of(QAP(nine[:8], nine[:8])).size == 3
    with pytest.raises(BlindmatchError, match="at most 8 terms, found 9"):
        FixedPoint.of(QAP(nine, nine))
