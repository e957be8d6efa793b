"""The problem and its result."""

import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP, Matching


def problem(size=4, seed=0):
    rng = np.random.default_rng(seed)
    return QAP(*rng.normal(size=(3, size, size)), constant=0.7)


def test_the_cost_is_the_sum_in_the_definition():
    qap = problem()
    for p in itertools.permutations(range(4)):
        total = qap.constant
        for i in range(4):
            total += qap.linear[i, p[i]]
            for k in range(4):
                total += qap.A[i, k] * qap.B[p[i], p[k]]
        assert qap.cost(np.array(p)) == pytest.approx(total)


def test_matrices_are_copied_and_read_only():
    A = np.eye(3)
    qap = QAP(A, A)
    A[0, 0] = 5
    assert qap.A[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        qap.A[0, 0] = 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"A": np.zeros((2, 3)), "B": np.eye(2)}, r"A: expected a square matrix.*\(2, 3\)"),
        ({"A": np.empty((0, 0)), "B": np.empty((0, 0))}, r"A: expected a square.*\(0, 0\)"),
        ({"A": np.eye(2), "B": np.eye(3)}, r"B: expected shape \(2, 2\)"),
        ({"A": np.eye(2), "B": np.array([[0, np.nan], [0, 0]])}, "B: .*row 0, column 1"),
        ({"A": np.eye(2), "B": 1j * np.eye(2)}, "B: expected real numbers"),
        ({"A": np.eye(2), "B": np.eye(2), "linear": np.zeros(2)}, "linear: expected a square"),
        ({"A": np.eye(2), "B": np.eye(2), "constant": np.inf}, "constant"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, words):
    with pytest.raises(BlindmatchError, match=words):
        QAP(**arguments)


@pytest.mark.parametrize("p", [[0, 0, 1, 2], [0, 1, 2], [1, 2, 3, 4], [0.0, 1.0, 2.0, 3.0]])
def test_what_is_no_permutation_has_no_cost(p):
    with pytest.raises(BlindmatchError, match="permutation"):
        problem().cost(np.array(p))


def test_symmetric_needs_both_matrices_symmetric():
    A = np.array([[0.0, 1.0], [2.0, 0.0]])
    assert QAP(A + A.T, A + A.T).symmetric
    assert not QAP(A + A.T, A).symmetric


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
