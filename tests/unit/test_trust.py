import itertools
import math

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import CentredKernelAlignment, GromovWasserstein
from blindmatch.qap import QAP
from blindmatch.solvers.brute_force import BruteForce
from blindmatch.solvers.faq import FAQ
from blindmatch.trust import margins, null_costs, null_kernel, significance, stability

GW = GromovWasserstein()


def points(size, seed=0):
    return np.random.default_rng(seed).normal(size=(size, 6)) * np.arange(1, 7) + 2


def gram(distances):
    middle = np.eye(len(distances)) - 1 / len(distances)
    return -middle @ distances**2 @ middle / 2


def test_null_distances_keep_spectrum_and_mean_square_but_not_the_distances():
    kernel = KERNELS["euclidean"](points(12))
    null = null_kernel(kernel, "euclidean", np.random.default_rng(1))
    spectra = [np.linalg.eigvalsh(gram(each)) for each in (kernel, null)]
    np.testing.assert_allclose(*spectra, atol=1e-9 * spectra[0].max())
    assert np.mean(null**2) == pytest.approx(np.mean(kernel**2))
    assert (np.diag(null) == 0).all()
    assert np.array_equal(null, null.T)
    others = np.triu_indices(12, 1)
    assert abs(np.corrcoef(kernel[others], null[others])[0, 1]) < 0.5


@pytest.mark.parametrize("kind", ["inner-product", "scaled-inner-product"])
def test_null_inner_products_keep_both_spectra_and_the_mean(kind):
    kernel = KERNELS[kind](points(12))
    null = null_kernel(kernel, kind, np.random.default_rng(1))
    middle = np.eye(12) - 1 / 12
    for each in (np.eye(12), middle):
        spectra = [np.linalg.eigvalsh(each @ given @ each) for given in (kernel, null)]
        np.testing.assert_allclose(*spectra, atol=1e-9 * np.abs(kernel).max())
    assert null.mean() == pytest.approx(kernel.mean())
    assert np.array_equal(null, null.T)


def test_null_kernels_are_drawn_from_the_generator():
    kernel = KERNELS["euclidean"](points(5))
    first, again, other = (
        null_kernel(kernel, "euclidean", np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_rotations_favour_no_direction():
    # The diagonal of the rotated Gram matrix of one item apart: uniform means equal on average.
    kernel = np.zeros((4, 4))
    kernel[0, 0] = 1.0
    rng = np.random.default_rng(0)
    nulls = np.array([null_kernel(kernel, "inner-product", rng) for _ in range(2000)])
    # E of Q e e' Q' = 11'/N^2 + (1 - 1/N) H / (N - 1) with H = I - 11'/N
    expected = 1 / 16 + (3 / 4) * (np.eye(4) - 1 / 4) / 3
    np.testing.assert_allclose(nulls.mean(axis=0), expected, atol=0.03)


def test_distances_of_no_points_and_unknown_kinds_are_refused():
    impossible = np.array([[0, 1, 9], [1, 0, 1], [9, 1, 0]], dtype=float)
    with pytest.raises(BlindmatchError, match="distances of no points"):
        null_kernel(impossible, "euclidean", np.random.default_rng(0))
    with pytest.raises(BlindmatchError, match=r"kind: expected one of euclidean.*found 'cosine'"):
        null_kernel(impossible, "cosine", np.random.default_rng(0))


def judged(metric, vision, language, count=19):
    """z and p-value of the optimum between two clouds."""
    first, second = (KERNELS[metric.kernel](side) for side in (vision, language))
    compared = metric.finish(second)
    found = BruteForce().solve(QAP.from_metric(metric, metric.finish(first), compared))
    nulls = null_costs(first, compared, metric=metric, solver=BruteForce(), count=count, seed=3)
    assert nulls.shape == (count,)
    return significance(metric.reported(found.cost, len(vision)), nulls)


@pytest.mark.parametrize("metric", [GW, CentredKernelAlignment()])
def test_planted_structure_stands_out_and_unrelated_clouds_do_not(metric):
    cloud = np.random.default_rng(0).normal(size=(8, 6))
    copy = cloud + 0.05 * np.random.default_rng(1).normal(size=cloud.shape)
    z, p_value = judged(metric, cloud, copy[::-1])
    assert z > 3
    assert p_value == pytest.approx(1 / 20)
    unrelated = [
        judged(metric, cloud, np.random.default_rng(seed).normal(size=cloud.shape))
        for seed in range(10, 14)
    ]
    assert np.abs([z for z, _ in unrelated]).mean() < 2
    assert np.mean([p_value for _, p_value in unrelated]) > 0.2


def test_null_costs_do_not_depend_on_how_many_are_asked_for():
    first, second = (KERNELS["euclidean"](points(5, seed)) for seed in (0, 1))
    few, many = (
        null_costs(first, GW.finish(second), metric=GW, solver=BruteForce(), count=count)
        for count in (2, 4)
    )
    assert np.array_equal(few, many[:2])


def test_significance_by_hand():
    z, p_value = significance(1.0, np.array([2.0, 4.0, 0.5]))
    values = np.array([2.0, 4.0, 0.5])
    assert z == pytest.approx((values.mean() - 1) / values.std(ddof=1))
    assert p_value == 2 / 4
    assert significance(2.0, np.array([2.0, 2.0]))[1] == 1.0
    assert math.isnan(significance(2.0, np.array([2.0, 2.0]))[0])
    assert np.isnan(significance(1.0, np.array([]))).all()


def problems():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 6, 6))
    forbidden = np.zeros((6, 6), dtype=bool)
    forbidden[2, :3] = True
    yield QAP(A + A.T, B + B.T)
    yield QAP(A, B, linear=rng.normal(size=(6, 6)), constant=2.0, forbidden=forbidden)
    yield QAP(rng.normal(size=(2, 6, 6)), rng.normal(size=(2, 6, 6)))


def all_costs(problem):
    return {
        p: problem.cost(np.array(p))
        for p in itertools.permutations(range(problem.size))
        if problem.feasible(np.array(p))
    }


@pytest.mark.parametrize("problem", list(problems()))
def test_margins_are_those_of_enumeration(problem):
    costs = all_costs(problem)
    best = min(costs, key=costs.get)
    expected = [
        min(cost for p, cost in costs.items() if p[row] != best[row]) - costs[best]
        for row in range(6)
    ]
    found = margins(problem, np.array(best), metric=GW, solver=BruteForce())
    np.testing.assert_allclose(found, np.array(expected) / 36, atol=1e-12)


@pytest.mark.parametrize("problem", list(problems()))
def test_margins_of_exchanges_are_those_of_enumeration(problem):
    costs = all_costs(problem)
    start = min(costs, key=costs.get)
    expected = np.full(6, np.inf)
    for r, s in itertools.combinations(range(6), 2):
        other = list(start)
        other[r], other[s] = other[s], other[r]
        change = costs.get(tuple(other), np.inf) - costs[start]
        expected[[r, s]] = np.minimum(expected[[r, s]], change)
    found = margins(problem, np.array(start), metric=GW)
    np.testing.assert_allclose(found, expected / 36, atol=1e-12)
    assert (margins(problem, np.array(start), metric=GW, solver=BruteForce()) <= found).all()


def test_an_item_that_cannot_be_matched_otherwise_has_an_infinite_margin():
    problem = next(problems()).anchored([(1, 4)])
    best = BruteForce().solve(problem).permutation
    found = margins(problem, best, metric=GW, solver=BruteForce())
    assert np.flatnonzero(np.isinf(found)).tolist() == [1]


def test_a_permutation_that_is_not_optimal_has_a_negative_margin():
    problem = next(problems())
    costs = all_costs(problem)
    worst = np.array(max(costs, key=costs.get))
    assert (margins(problem, worst, metric=GW) < 0).all()


def test_margins_refuse_what_the_solver_cannot_take():
    class Stubborn(FAQ):
        refuses = ("forbidden",)

    problem = next(problems())
    with pytest.raises(BlindmatchError, match="Stubborn cannot take this problem"):
        margins(problem, np.arange(6), metric=GW, solver=Stubborn())
    with pytest.raises(BlindmatchError, match="as many rows as columns"):
        margins(QAP(np.eye(3), np.eye(4)), np.arange(3), metric=GW)


def test_stability_is_the_share_of_others_that_agree():
    found = stability([[0, 1, 2], [0, 2, 1], [0, 1, 3]])
    assert found.tolist() == [[1, 0.5, 0], [1, 0, 0], [1, 0.5, 0]]
    assert np.isnan(stability([[0, 1]])).all()
