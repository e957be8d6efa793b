"""The form that the compiled loops read, judged by the definition of the cost."""

import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers._pair_costs import PairCosts


def total(costs, p):
    rows = np.arange(len(p))
    pairs = np.triu(sum(A * B[np.ix_(p, p)] for A, B in zip(costs.A, costs.B, strict=True)), k=1)
    return pairs.sum() + costs.single[rows, p].sum()


def terms_of(kinds, size=4, seed=0):
    rng = np.random.default_rng(seed)
    matrices = {
        "any": lambda: rng.normal(size=(size, size)),
        "symmetric": lambda: (lambda X: X + X.T)(rng.normal(size=(size, size))),
        "skew": lambda: (lambda X: X - X.T)(rng.normal(size=(size, size))),
        "zero": lambda: np.zeros((size, size)),
    }
    return np.stack([matrices[kind]() for kind in kinds])


@pytest.mark.parametrize(
    ("A", "B", "symmetric", "skew"),
    [
        (["any"], ["any"], 1, 1),
        (["any"], ["symmetric"], 1, 0),
        (["skew"], ["any"], 0, 1),
        (["any", "any", "any"], ["any", "any", "symmetric"], 3, 2),
        (["zero", "any"], ["any", "skew"], 0, 1),
        (["zero"], ["any"], 1, 0),
    ],
)
def test_sums_over_the_terms_are_the_costs(A, B, symmetric, skew):
    rng = np.random.default_rng(1)
    problem = QAP(terms_of(A), terms_of(B, seed=2), rng.normal(size=(4, 4)))
    costs = PairCosts.of(problem)
    assert (costs.symmetric_terms, len(costs.A)) == (symmetric, symmetric + skew)
    for matrices in (costs.A, costs.B):
        signs = np.where(np.arange(len(matrices)) < symmetric, 1.0, -1.0)[:, None, None]
        assert np.array_equal(matrices, signs * matrices.transpose(0, 2, 1))
        assert not np.diagonal(matrices, axis1=1, axis2=2).any()
    for p in map(np.array, itertools.permutations(range(4))):
        assert total(costs, p) == pytest.approx(problem.cost(p), abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, 0.0, 1e150])
def test_a_forbidden_pair_costs_more_than_it_can_save(scale):
    rng = np.random.default_rng(0)
    A, B, linear = scale * rng.normal(size=(3, 4, 4))
    problem = QAP(A, B if scale < 1e100 else B / scale, linear, forbidden=rng.random((4, 4)) < 0.4)
    costs = PairCosts.of(problem)
    ways = list(map(np.array, itertools.permutations(range(4))))
    allowed = [total(costs, p) for p in ways if problem.feasible(p)]
    others = [total(costs, p) for p in ways if not problem.feasible(p)]
    assert max(allowed) < min(others)
    assert np.array_equal(costs.single >= costs.penalty, problem.forbidden)


def test_without_forbidden_pairs_there_is_no_penalty():
    assert PairCosts.of(QAP(np.eye(2), np.eye(2))).penalty == 0.0


def test_a_problem_with_free_columns_is_refused():
    with pytest.raises(BlindmatchError, match="expected as many rows as columns, found 2 and 3"):
        PairCosts.of(QAP(np.eye(2), np.eye(3)))
