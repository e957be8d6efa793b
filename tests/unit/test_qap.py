"""The problem and its result."""

import dataclasses
import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean, standardise
from blindmatch.metrics import metrics
from blindmatch.qap import QAP, Matching


def problem(size=4, columns=None, terms=None, seed=0):
    rng = np.random.default_rng(seed)
    columns = size if columns is None else columns
    stack = () if terms is None else (terms,)
    A, B = (rng.normal(size=(*stack, count, count)) for count in (size, columns))
    return QAP(A, B, rng.normal(size=(size, columns)), constant=0.7)


def matchings(qap):
    """All that are feasible."""
    ways = map(np.array, itertools.permutations(range(qap.columns), qap.size))
    return [p for p in ways if qap.feasible(p)]


@pytest.mark.parametrize("shape", [{}, {"columns": 5}, {"terms": 3}, {"columns": 6, "terms": 2}])
def test_the_cost_is_the_sum_in_the_definition(shape):
    qap = problem(4, **shape)
    for p in itertools.permutations(range(qap.columns), 4):
        total = qap.constant
        for i in range(4):
            total += qap.linear[i, p[i]]
            for A, B in zip(qap.A_terms, qap.B_terms, strict=True):
                total += sum(A[i, k] * B[p[i], p[k]] for k in range(4))
        assert qap.cost(np.array(p)) == pytest.approx(total)


def test_attributes_keep_the_shape_that_was_given():
    flat, stacked = problem(3, 4), problem(3, 4, terms=2)
    assert (flat.A.shape, flat.A_terms.shape, flat.B_terms.shape) == ((3, 3), (1, 3, 3), (1, 4, 4))
    assert (stacked.A.shape, stacked.B_terms.shape) == ((2, 3, 3), (2, 4, 4))
    assert (stacked.size, stacked.columns) == (3, 4)


def test_arrays_are_copied_and_read_only():
    A, allowed = np.eye(3), np.zeros((3, 3), dtype=bool)
    allowed[0, 0] = True
    qap = QAP(A, A, A, forbidden=allowed)
    A[0, 0], allowed[1, 1] = 5, True
    assert qap.A[0, 0] == qap.linear[0, 0] == 1
    assert qap.forbidden.sum() == 1
    for name in ("A", "B", "A_terms", "linear", "forbidden"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(qap, name)[..., 0, 0] = 2


I2, I3 = np.eye(2), np.eye(3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"A": np.zeros((2, 3)), "B": I2}, r"A: expected a square matrix.*\(2, 3\)"),
        ({"A": np.empty((0, 0)), "B": np.empty((0, 0))}, r"A: expected a square.*\(0, 0\)"),
        ({"A": np.empty((0, 2, 2)), "B": np.empty((0, 2, 2))}, r"A: .*\(0, 2, 2\)"),
        ({"A": np.eye(2)[None, None], "B": I2}, r"A: expected a square.*\(1, 1, 2, 2\)"),
        ({"A": I3, "B": I2}, "B: expected at least 3 items as A, found 2; exchange"),
        ({"A": np.stack([I2, I2]), "B": I2}, r"B: expected as many terms as A, of shape \(2, 2, 2"),
        ({"A": I2, "B": np.array([[0, np.nan], [0, 0]])}, "B: .*nan at row 0, column 1"),
        ({"A": np.array([[[0, np.inf], [0, 0]]]), "B": I2[None]}, "A: .*inf at term 0, row 0, col"),
        ({"A": I2, "B": 1j * I2}, "B: expected real numbers, found complex128"),
        ({"A": [["a"]], "B": [[1.0]]}, "A: expected real numbers, found <U1"),
        ({"A": [[1.0, 2.0], [3.0]], "B": I2}, "A: expected an array, found none"),
        ({"A": I2, "B": I2, "linear": np.zeros(2)}, r"linear: expected shape \(2, 2\), found \(2,"),
        ({"A": I2, "B": I3, "linear": I2}, r"linear: expected shape \(2, 3\), found \(2, 2\)"),
        ({"A": I2, "B": I2, "linear": np.full((2, 2), np.nan)}, "linear: expected finite"),
        ({"A": I2, "B": I2, "constant": np.inf}, "constant: expected finite numbers, found inf"),
        ({"A": I2, "B": I2, "constant": "1"}, "constant: expected real numbers"),
        ({"A": I2, "B": I2, "constant": [1.0]}, r"constant: expected shape \(\), found \(1,\)"),
        ({"A": I2, "B": I2, "forbidden": I2}, "forbidden: expected true or false.*found float64"),
        ({"A": I2, "B": I2, "forbidden": [False] * 2}, r"forbidden: expected shape \(2, 2\)"),
        ({"A": 1e200 * I3, "B": 1e200 * I3}, "QAP: .* add up to inf; rescale the matrices"),
        ({"A": 1e150 * I3, "B": 1e150 * I3}, "QAP: expected costs below 1e\\+290"),
        ({"A": I2, "B": I2, "linear": 1e300 * I2}, "QAP: .*linear terms"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, words):
    with pytest.raises(BlindmatchError, match=words):
        QAP(**arguments)


def test_huge_entries_are_fine_where_their_products_are():
    assert QAP(1e200 * I3, 1e-200 * I3).cost(np.arange(3)) == pytest.approx(3)


def test_rows_that_compete_for_too_few_columns_are_named():
    forbidden = np.zeros((4, 5), dtype=bool)
    forbidden[[0, 2, 3], 2:] = True
    with pytest.raises(BlindmatchError, match=r"only 2 allowed for rows 0, 2, 3$"):
        QAP(np.eye(4), np.eye(5), forbidden=forbidden)
    forbidden[3, 4] = False
    assert len(matchings(QAP(np.eye(4), np.eye(5), forbidden=forbidden))) == 2 * 2


def test_nothing_forbidden_is_the_same_as_no_mask():
    assert QAP(I2, I2, forbidden=np.zeros((2, 2), dtype=bool)).forbidden is None


@pytest.mark.parametrize(
    "p", [[0, 0, 1, 2], [0, 1, 2], [1, 2, 3, 4], [-1, 0, 1, 2], [0.0, 1.0, 2.0, 3.0], 3]
)
def test_what_is_no_permutation_has_no_cost(p):
    with pytest.raises(BlindmatchError, match="permutation"):
        problem().cost(np.array(p))


def test_a_forbidden_pair_has_no_cost():
    qap = QAP(I3, I3, forbidden=np.eye(3, k=1, dtype=bool))
    assert qap.cost(np.array([0, 1, 2])) == 3
    with pytest.raises(BlindmatchError, match=r"found the forbidden pair \(1, 2\)"):
        qap.cost(np.array([0, 2, 1]))


def test_draws_are_feasible_and_reach_every_matching():
    rng = np.random.default_rng(0)
    forbidden = np.zeros((3, 4), dtype=bool)
    forbidden[0, 1:3] = forbidden[2, 0] = True
    for qap in (problem(3, 4), dataclasses.replace(problem(3, 4), forbidden=forbidden)):
        drawn = {tuple(qap.draw(rng)) for _ in range(600)}
        assert drawn == {tuple(p) for p in matchings(qap)}


def test_symmetric_needs_all_matrices_symmetric():
    A = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert QAP(A + A.T, A + A.T).symmetric
    assert not QAP(A + A.T, A).symmetric
    assert not QAP([A + A.T, A], [A + A.T, A + A.T]).symmetric


def test_no_cost_exceeds_the_magnitude():
    qap = problem(3, 4, terms=2)
    assert max(abs(qap.cost(p)) for p in matchings(qap)) <= qap.magnitude < 100


@pytest.mark.parametrize("terms", [None, 2])
def test_the_square_problem_costs_the_same(terms):
    qap = problem(3, 5, terms)
    square = qap.square()
    assert (square.size, square.columns) == (5, 5)
    assert square.square() is square
    assert (square.A.ndim, square.A[..., 3:, :].any(), square.A[..., 3:].any()) == (
        qap.A.ndim,
        False,
        False,
    )
    for p in matchings(square):
        assert square.cost(p) == pytest.approx(qap.cost(p[:3]), rel=1e-14)


def test_added_rows_may_use_any_column_that_is_left():
    qap = problem(2, 4).anchored([(1, 0)]).square()
    assert {tuple(p[:2]) for p in matchings(qap)} == {(1, 0), (2, 0), (3, 0)}
    assert len(matchings(qap)) == 3 * 2


def test_anchors_leave_just_the_matchings_with_these_pairs():
    qap = problem(4, 5)
    anchored = qap.anchored([(3, 0), (1, 4)])
    assert {tuple(p) for p in matchings(anchored)} == {
        tuple(p) for p in matchings(qap) if (p[3], p[1]) == (0, 4)
    }
    assert qap.anchored(np.array([[3, 0], [1, 4]])).digest == anchored.digest
    assert qap.anchored([]) is qap


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([(0, 1), (0, 2)], "each row at most once, found row 0 in 2 pairs"),
        ([(0, 1), (2, 1)], "each column at most once, found column 1 in 2 pairs"),
        ([(0, 1), (0, 1)], "each row at most once"),
        ([(0, 5)], r"expected columns 0 \.\.\. 4, found 5"),
        ([(-1, 0)], r"expected rows 0 \.\.\. 3, found -1"),
        ([(2, 2)], r"found the forbidden pair \(2, 2\)"),
        ([(0, 0.5)], "whole numbers, found float64"),
        ([0, 1], "pairs"),
        ([("a", "b")], "whole numbers, found <U1"),
        ([(0, 1), (1,)], "expected an array"),
        ([(1, 0)], "only 0 allowed for row 3$"),
    ],
)
def test_bad_anchors_are_refused(pairs, words):
    forbidden = np.zeros((4, 5), dtype=bool)
    forbidden[2, 2], forbidden[3, 1:] = True, True
    with pytest.raises(BlindmatchError, match=words):
        dataclasses.replace(problem(4, 5), forbidden=forbidden).anchored(pairs)


@pytest.mark.parametrize("price", [0.5, [1.0, 2.0, 4.0]])
def test_an_unmatched_row_costs_its_price_and_nothing_else(price):
    qap = problem(3, 3, terms=2)
    free = qap.with_unmatched(price)
    prices = np.broadcast_to(price, 3)
    assert (free.size, free.columns) == (3, 6)
    for p in matchings(free):
        matched = np.flatnonzero(p < 3)
        assert all(p[i] in (0, 1, 2, 3 + i) for i in range(3))
        pairs, rest = np.ix_(matched, matched), np.ix_(p[matched], p[matched])
        expected = qap.constant + np.delete(prices, matched).sum()
        expected += sum(
            np.sum(A[pairs] * B[rest]) for A, B in zip(qap.A_terms, qap.B_terms, strict=True)
        )
        expected += qap.linear[matched, p[matched]].sum()
        assert free.cost(p) == pytest.approx(expected)
    assert len(matchings(free)) == 34  # sum over k of (3 choose k)^2 k!


@pytest.mark.parametrize("price", [[1.0, 2.0], np.nan, "cheap", 1j])
def test_bad_prices_are_refused(price):
    with pytest.raises(BlindmatchError, match="unmatched: expected"):
        problem(3).with_unmatched(price)


def test_the_digest_is_that_of_the_costs():
    A, B, linear = np.random.default_rng(0).normal(size=(3, 3, 3))
    A[0, 0] = 0.0
    mask = np.eye(3, dtype=bool)
    negative = A.copy()
    negative[0, 0] = -0.0
    same = [
        QAP(A, B),
        QAP(negative, B, constant=-0.0),
        QAP(A[None], B[None]),
        QAP(A, B, np.zeros((3, 3)), forbidden=np.zeros((3, 3), dtype=bool)),
        QAP(np.asfortranarray(A), B.tolist()),
    ]
    others = [
        QAP(B, A),
        QAP(A, np.nextafter(B, np.inf)),
        QAP(A, B, linear),
        QAP(A, B, constant=1e-300),
        QAP(A, B, forbidden=mask),
        QAP([A, 0 * A], [B, 0 * B]),
        QAP(A, np.pad(B, ((0, 1), (0, 1)))),
    ]
    assert len({qap.digest for qap in same}) == 1
    assert len({qap.digest for qap in (same[0], *others)}) == 1 + len(others)
    assert len(same[0].digest) == 64


def kernels(size, columns):
    rng = np.random.default_rng(0)
    return [standardise(euclidean(rng.normal(size=(count, 3)))) for count in (size, columns)]


def positive(kernel):
    return np.exp(kernel)


@pytest.mark.parametrize("slug", ["gw", "inner-product", "kl"])
@pytest.mark.parametrize("columns", [4, 6])
def test_a_metric_counts_the_pairs_of_matched_rows_and_used_columns(slug, columns):
    metric = metrics.build(slug, {})
    vision, language = (positive(kernel) for kernel in kernels(4, columns))
    whole = QAP.from_metric(metric, vision, language)
    partial = QAP.from_metric(metric, vision, language, partial=True).with_unmatched(2.0)
    for p in matchings(whole):
        loss = metric.loss.direct(vision, language[np.ix_(p, p)])
        assert whole.cost(p) == pytest.approx(loss.sum())
        assert partial.cost(p) == pytest.approx(loss.sum())
        kept = np.array([0, 2, 3])
        left = p.copy()
        left[1] = columns + 1
        assert partial.cost(left) == pytest.approx(loss[np.ix_(kept, kept)].sum() + 2.0)


def test_a_metric_between_equal_sizes_is_one_term():
    metric = metrics.build("gw", {})
    vision, language = kernels(4, 4)
    qap = QAP.from_metric(metric, vision, language)
    assert np.array_equal(qap.A, -vision)
    assert np.array_equal(qap.B, 2 * language)
    assert qap.constant == np.sum(vision**2) + np.sum(language**2)


def test_a_metric_needs_as_many_language_as_vision_items():
    vision, language = kernels(5, 4)
    with pytest.raises(BlindmatchError, match=r"language: expected at least 5 .* exchange"):
        QAP.from_metric(metrics.build("gw", {}), vision, language)


@pytest.mark.parametrize(
    ("cost", "bound", "optimal", "gap"),
    [
        (10.0, 9.0, False, 0.1),
        (-10.0, -11.0, False, 0.1),
        (0.0, -1.0, False, np.inf),
        (1.0, -np.inf, False, np.inf),
        (1.0, 1.0 - 1e-12, True, 0.0),
        (0.0, 0.0, True, 0.0),
    ],
)
def test_the_gap_is_relative_to_the_cost(cost, bound, optimal, gap):
    matching = Matching(np.arange(2), cost, bound, optimal, "heuristic", 0.0, 0)
    assert matching.gap == pytest.approx(gap)
