"""What the checker computes, number by number; `test_certificate` checks it as a whole."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from blindmatch.certificate import Certificate, verify
from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import FixedPoint
from blindmatch.proof import STOP, Check, Step, lowered
from blindmatch.qap import QAP
from tests.problems import permutations, random_problem


def test_columns_that_overflow_prove_nothing():
    linear = np.full((4, 4), 9.0)
    linear[:, 2:] = 0.0
    problem = QAP(np.zeros((4, 4)), np.zeros((4, 4)), linear)
    zeros = np.zeros((4, 4, 4), dtype=np.int32)
    beta = np.array([-(1 << 63), -(1 << 63), 0, 0])  # sums to 0 in 64 bits, and hides two columns
    steps = {frozenset(): [Step(zeros, zeros, beta, STOP)]}
    certificate = Certificate(problem.digest, np.arange(4), 36.0, 1 << 60, steps)
    assert problem.cost(np.arange(4)) == 18.0
    with pytest.raises(BlindmatchError, match="certificate"):
        verify(certificate, problem)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_proves_neither_less_nor_more_than_its_duals(seed):
    """Where pairs cost nothing, optimal duals of the columns prove the optimum to the unit."""
    linear = np.random.default_rng(seed).integers(99, size=(4, 4)).astype(float)
    problem = QAP(np.zeros((4, 4)), np.zeros((4, 4)), linear)
    single, ways = FixedPoint.of(problem).single, permutations(4)
    solved = linprog(
        single.ravel(), A_eq=np.vstack([np.kron(np.eye(4), np.ones(4)), np.tile(np.eye(4), 4)]),
        b_eq=np.ones(8),
    )  # fmt: skip
    beta = np.rint(solved.eqlin.marginals[4:]).astype(np.int64)
    zeros = np.zeros((4, 4, 4), dtype=np.int32)
    check = Check(problem, 1 << 60, {frozenset(): [Step(zeros, zeros, beta, STOP)]})
    check.run()
    assert check.least_units == single[np.arange(4), ways].sum(axis=1).min()


@pytest.mark.parametrize("kind", ["symmetric", "asymmetric", "linear", "terms"])
def test_a_semidefinite_form_taken_away_only_lowers_costs(kind):
    problem = random_problem(kind, 4, 0)
    fixed_point = FixedPoint.of(problem)
    rng = np.random.default_rng(0)
    factor = rng.integers(-(1 << 20) + 1, 1 << 20, size=(17, 5))
    ways = permutations(4)
    for shift in (18, 30, 40):
        constant, single, pairs = lowered(fixed_point, factor, shift)
        for way in ways:
            original = fixed_point.single[range(4), way].sum()
            less = constant + single[range(4), way].sum()
            for i in range(4):
                for k in range(i):
                    original += fixed_point.pairs(i, k)[way[i], way[k]]
                    less += pairs[i, way[i], k, way[k]]
            x = np.zeros(17, dtype=object)
            x[0] = 1
            x[1 + 4 * np.arange(4) + way] = 1
            taken = Fraction(int(sum((x @ factor.astype(object)) ** 2)), 1 << shift)
            assert original - taken - 12 <= less <= original - taken
