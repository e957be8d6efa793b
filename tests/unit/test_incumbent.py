"""The best matching so far: never worse, never forbidden, decided by the seed."""

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._pair_costs import PairCosts


def random_problem(size, seed=0, forbidden=None):
    A, B = np.random.default_rng([size, seed]).normal(size=(2, size, size))
    return QAP(A + A.T, B + B.T, forbidden=forbidden)


def start(problem, seed=0, **options):
    return Incumbent(problem, PairCosts.of(problem), seed, **options)


def test_searches_never_make_it_worse_and_its_cost_is_that_of_the_problem():
    problem = random_problem(20)
    incumbent = start(problem)
    searches = [incumbent.restart, incumbent.perturb, lambda: incumbent.follow(np.arange(20))]
    for search in searches * 15:
        before = incumbent.cost
        search()
        assert incumbent.cost <= before
        assert incumbent.cost == problem.cost(incumbent.permutation)


def test_following_a_hint_takes_it():
    problem = random_problem(30)
    good = start(problem, seed=1)
    for _ in range(100):
        good.perturb()
    incumbent = start(problem, seed=2)
    assert incumbent.cost > good.cost
    incumbent.follow(good.permutation)
    assert incumbent.cost <= good.cost


def test_descending_ends_at_a_local_optimum_from_which_searches_go_on():
    problem = random_problem(30)
    incumbent = start(problem)
    incumbent.descend(np.arange(30))
    descended = incumbent.cost
    incumbent.descend(incumbent.permutation)
    assert incumbent.cost == descended
    incumbent.follow(incumbent.permutation)
    assert incumbent.cost < descended


def test_children_beat_restarts():
    problem = random_problem(60)
    alone, family = start(problem), start(problem)
    for _ in range(100):
        alone.restart()
        family.perturb()
    assert family.cost < alone.cost


@pytest.mark.parametrize("seed", range(5))
def test_a_needle_is_found_though_a_pool_converges_elsewhere(seed):
    # Kernels of a cloud and its noisy copy: the truth costs least, little else leads there.
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(24, 6))
    noisy = points + 0.1 * rng.normal(size=points.shape)
    A, B = (np.linalg.norm(X[:, None] - X[None], axis=2) for X in (points, noisy))
    problem = QAP(-A, B)
    incumbent = start(problem, seed)
    for _ in range(300):
        incumbent.perturb()
    assert incumbent.cost <= problem.cost(np.arange(24))


def test_the_seed_decides():
    problem = random_problem(25)
    incumbents = [start(problem, seed) for seed in (3, 3, 4)]
    first = [each.permutation.tolist() for each in incumbents]
    for incumbent in incumbents:
        for _ in range(60):
            incumbent.perturb()
    last = [each.permutation.tolist() for each in incumbents]
    assert first[0] == first[1] != first[2]
    assert last[0] == last[1]


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_forbidden_pairs_are_never_used(share):
    size = 12
    rng = np.random.default_rng(5)
    forbidden = rng.random((size, size)) < share
    forbidden[np.arange(size), rng.permutation(size)] = False
    problem = random_problem(size, forbidden=forbidden)
    incumbent = start(problem)
    for _ in range(60):
        incumbent.perturb()
        assert problem.feasible(incumbent.permutation)
    incumbent.follow(np.arange(size))
    assert problem.feasible(incumbent.permutation)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_and_constant_problems(size):
    problem = QAP(np.ones((size, size)), np.ones((size, size)))
    incumbent = start(problem)
    for _ in range(60):
        incumbent.perturb()
    assert incumbent.cost == size**2


def test_after_a_stop_there_are_no_more_searches():
    problem = random_problem(20)
    incumbent = start(problem, stop=lambda: True)
    before = incumbent.cost
    incumbent.restart()
    incumbent.perturb()
    incumbent.follow(np.arange(20))
    assert incumbent.stopped()
    assert incumbent.cost == before
