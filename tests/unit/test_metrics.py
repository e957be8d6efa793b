import numpy as np
import pytest

from blindmatch.kernels import KERNELS
from blindmatch.metrics import metrics
from blindmatch.qap import QAP

RANDOM = np.random.default_rng(0)
VISION = RANDOM.normal(size=(9, 6))
LANGUAGE = RANDOM.normal(size=(9, 4))
EVERY = [("mutual-knn", {"k": 3})] + [(name, {}) for name in metrics if name != "mutual-knn"]
EVERY += [(name, {"standardised": False}) for name in ("gw", "inner-product", "cka-reference")]


def kernels_of(metric, *prototypes):
    return [KERNELS[metric.kernel](points) for points in prototypes]


def problem_of(metric, vision, language):
    kernels = kernels_of(metric, vision, language)
    return QAP.from_metric(metric, *metric.pair(*kernels, np.arange(len(vision))))


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_the_cost_of_the_problem_is_the_loss_summed_over_all_pairs(name, options):
    metric = metrics.build(name, options)
    classes = np.array([4, 1, 7, 2, 8])
    pair = metric.pair(*kernels_of(metric, VISION, LANGUAGE), classes)
    problem = QAP.from_metric(metric, *pair)
    permutation = np.array([2, 0, 1, 4, 3])
    direct = metric.loss.direct(pair[0], pair[1][np.ix_(permutation, permutation)]).sum()
    assert problem.cost(permutation) == pytest.approx(direct)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_identical_inputs_are_matched_best_by_the_identity(name, options):
    metric = metrics.build(name, options)
    problem = problem_of(metric, VISION, VISION)
    identity = problem.cost(np.arange(9))
    others = [problem.cost(RANDOM.permutation(9)) for _ in range(200)]
    assert identity <= min(others) + 1e-12


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_what_is_called_symmetric_is_so_to_the_last_bit(name, options):
    metric = metrics.build(name, options)
    for kernel in kernels_of(metric, VISION, LANGUAGE):
        finished = metric.finish(kernel)
        assert np.array_equal(finished, finished.T) == metric.symmetric


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_distances_are_0_for_identical_inputs_and_positive_for_others(name, options):
    metric = metrics.build(name, options)
    same, other = (
        problem_of(metric, VISION, side).cost(np.arange(9)) for side in (VISION, LANGUAGE)
    )
    assert (abs(same) < 1e-9 < other) == metric.distance


@pytest.mark.parametrize("name", ["cka", "mutual-knn"])
def test_similarities_are_1_for_identical_inputs(name):
    metric = metrics.build(name, {"k": 3} if name == "mutual-knn" else {})
    assert problem_of(metric, VISION, VISION).cost(np.arange(9)) == pytest.approx(-1)


def test_cka_equals_its_definition_by_features():
    vision, language = VISION - VISION.mean(axis=0), LANGUAGE - LANGUAGE.mean(axis=0)
    expected = np.linalg.norm(language.T @ vision) ** 2 / (
        np.linalg.norm(vision.T @ vision) * np.linalg.norm(language.T @ language)
    )
    cost = problem_of(metrics.build("cka", {}), VISION, LANGUAGE).cost(np.arange(9))
    assert -cost == pytest.approx(expected)


def test_the_reference_codes_cka_is_not_1_for_identical_inputs_where_cka_is():
    reference = metrics.build("cka-reference", {"standardised": False})
    standardised = metrics.build("cka-reference", {})
    identity = np.arange(9)
    assert -problem_of(reference, VISION, VISION).cost(identity) > 1.01
    cost = problem_of(standardised, VISION, VISION).cost(identity)
    assert -standardised.reported(cost, 9) == pytest.approx((9 * 8 - 1) / 81)


def test_the_reference_codes_cka_follows_its_formulas():
    metric = metrics.build("cka-reference", {"standardised": False})
    centred = []
    for points in (VISION, LANGUAGE):
        scaled = points / points.std(axis=1, ddof=1, keepdims=True)
        kernel = scaled @ scaled.T
        centring = np.eye(9) - 1 / 9
        norm = np.sqrt(np.trace(kernel @ centring @ kernel @ centring))
        centred.append(kernel @ centring / norm)
    expected = np.trace(centred[0] @ centred[1].T)
    found = -problem_of(metric, VISION, LANGUAGE).cost(np.arange(9))
    assert found == pytest.approx(expected)
    # Transposing one side gives the true centred alignment of the same vectors.
    transposed = np.trace(centred[0] @ centred[1])
    scaled = [p / p.std(axis=1, ddof=1, keepdims=True) for p in (VISION, LANGUAGE)]
    cka = -problem_of(metrics.build("cka", {}), *scaled).cost(np.arange(9))
    assert transposed == pytest.approx(cka)
    assert found != pytest.approx(cka, abs=1e-3)


def test_mutual_neighbours_are_the_share_of_common_ones():
    metric = metrics.build("mutual-knn", {"k": 2})

    def nearest(points):
        similarity = points @ points.T
        np.fill_diagonal(similarity, -np.inf)
        return [set(np.argsort(-row)[:2]) for row in similarity]

    shared = [len(a & b) / 2 for a, b in zip(nearest(VISION), nearest(LANGUAGE), strict=True)]
    cost = problem_of(metric, VISION, LANGUAGE).cost(np.arange(9))
    assert -cost == pytest.approx(np.mean(shared))


def test_gw_standardises_language_over_all_classes_and_vision_over_the_subset():
    metric = metrics.build("gw", {})
    kernels = kernels_of(metric, VISION, LANGUAGE)
    classes = np.array([0, 3, 5, 6])
    vision, language = metric.pair(*kernels, classes)
    off = ~np.eye(4, dtype=bool)
    assert vision[off].std(ddof=1) == pytest.approx(1)
    np.testing.assert_array_equal(language, metric.finish(kernels[1])[np.ix_(classes, classes)])


def test_gw_of_raw_distances_compares_them_as_they_are():
    metric = metrics.build("gw", {"standardised": False})
    first, second = kernels_of(metric, VISION, LANGUAGE)
    classes = np.array([0, 3, 5, 6])
    expected = ((first - second)[np.ix_(classes, classes)] ** 2).sum()
    problem = QAP.from_metric(metric, *metric.pair(first, second, classes))
    assert problem.cost(np.arange(4)) == pytest.approx(expected)


def test_gw_is_reported_per_pair_of_classes():
    assert metrics.build("gw", {}).reported(50.0, 5) == 2.0
    assert metrics.build("cka", {}).reported(-0.5, 5) == -0.5
