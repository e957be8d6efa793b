"""POT's solvers: the problem they are given, the options they get, and how they end."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.metrics import metrics
from blindmatch.qap import QAP
from blindmatch.solvers import solve, solvers
from blindmatch.solvers._gromov_wasserstein import Structures

pytest.importorskip("ot")

SLUGS = ["bapg", "entropic-gw", "gw", "proximal-gw"]


def kernel(size, seed, dimension=8):
    """A standardised kernel of distances."""
    points = np.random.default_rng([size, seed]).normal(size=(size, dimension))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    outside = ~np.eye(size, dtype=bool)
    return np.where(outside, (distances - distances[outside].mean()) / distances[outside].std(), 0)


def noisy_pair(size, seed, noise=0.0):
    """Two kernels and the permutation that matches them."""
    p = np.random.default_rng(seed).permutation(size)
    language = kernel(size, seed)
    vision = language[np.ix_(p, p)] + noise * kernel(size, seed + 100)
    return vision, language, p


def problem_of(vision, language, **more):
    return QAP(-vision, 2.0 * language, **more)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("seed", range(3))
def test_kernels_that_differ_little_are_matched(slug, seed):
    vision, language, truth = noisy_pair(15, seed, noise=0.05)
    assert np.array_equal(solve(problem_of(vision, language), slug).permutation, truth)


@pytest.mark.parametrize("slug", SLUGS)
def test_asymmetric_kernels_are_matched(slug):
    language = np.random.default_rng(0).normal(size=(12, 12))
    p = np.random.default_rng(1).permutation(12)
    problem = QAP(-language[np.ix_(p, p)], language)
    assert np.array_equal(solve(problem, slug, starts=10).permutation, p)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_linear_term_decides_where_structure_does_not(slug):
    vision, language, _ = noisy_pair(10, 0, noise=1.0)
    wanted = np.random.default_rng(7).permutation(10)
    problem = problem_of(1e-3 * vision, 1e-3 * language, linear=-np.eye(10)[wanted])
    assert np.array_equal(solve(problem, slug).permutation, wanted)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_objective_of_pot_orders_permutations_as_their_costs(linear, symmetric):
    rng = np.random.default_rng(5)
    A, B, costs = rng.normal(2.0, 3.0, size=(3, 7, 7))
    if symmetric:
        A, B = A + A.T, B + B.T
    problem = QAP(A, B, costs if linear else None, constant=4.0)
    given = Structures.of(problem)
    objectives, costs = [], []
    for _ in range(20):
        p = rng.permutation(7)
        plan = np.eye(7)[p] / 7
        difference = (given.C1[:, :, None, None] - given.C2) ** 2
        structure = np.einsum("ikjl,ij,kl", difference, plan, plan)
        objectives.append(given.share * structure + (1.0 - given.share) * np.sum(given.M * plan))
        costs.append(problem.cost(p))
    slope = np.polyfit(costs, objectives, 1)
    assert slope[0] > 0.0
    assert np.polyval(slope, costs) == pytest.approx(objectives)


def test_standardised_kernels_are_given_as_they_are():
    vision, language = kernel(9, 3), kernel(9, 4)
    given = Structures.of(QAP.from_metric(metrics.build("gw", {}), vision, language))
    assert given.share == 1.0
    assert np.allclose(given.C1, vision)
    assert np.allclose(given.C2, language)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("factor", [1e-140, 1e-6, 1e6, 1e140])
def test_the_scale_of_the_problem_does_not_matter(slug, factor):
    vision, language, _ = noisy_pair(12, 2, noise=0.5)
    linear = np.random.default_rng(3).normal(size=(12, 12))
    usual = solve(problem_of(vision, language, linear=linear), slug)
    scaled = solve(problem_of(factor * vision, language, linear=factor * linear), slug)
    assert np.array_equal(usual.permutation, scaled.permutation)


@pytest.mark.parametrize(
    ("slug", "options"),
    [
        ("gw", {"iterations": 1}),
        ("gw", {"tolerance": 1.0}),
        ("entropic-gw", {"epsilon": 1.0}),
        ("entropic-gw", {"first_epsilon": 5.0}),
        ("entropic-gw", {"stages": 1}),
        ("entropic-gw", {"iterations": 1}),
        ("entropic-gw", {"tolerance": 1.0}),
        ("entropic-gw", {"sinkhorn_iterations": 1}),
        ("entropic-gw", {"sinkhorn_tolerance": 1.0}),
        ("proximal-gw", {"epsilon": 0.5}),
        ("proximal-gw", {"iterations": 1}),
        ("proximal-gw", {"tolerance": 1.0}),
        ("proximal-gw", {"sinkhorn_iterations": 1}),
        ("proximal-gw", {"sinkhorn_tolerance": 1.0}),
        ("bapg", {"epsilon": 0.5}),
        ("bapg", {"iterations": 1}),
        ("bapg", {"tolerance": 1.0}),
    ],
)
def test_every_option_takes_effect(slug, options):
    structures = Structures.of(problem_of(kernel(20, 1), kernel(20, 2)))
    start = np.full((20, 20), 20.0**-2)
    usual, other = (solvers.build(slug, chosen).plan(structures, start) for chosen in ({}, options))
    assert not np.allclose(usual, other, atol=1e-9)


@pytest.mark.parametrize("slug", SLUGS)
def test_starts_differ_and_the_best_counts(slug):
    problem = problem_of(kernel(14, 0), kernel(14, 9))
    one, many = (solve(problem, slug, starts=starts) for starts in (1, 5))
    assert (one.iterations, many.iterations) == (1, 5)
    assert many.cost < one.cost


def test_an_epsilon_that_is_too_large_or_too_small_is_said_aloud():
    problem = problem_of(kernel(8, 0), kernel(8, 1))
    said = []
    for epsilon in (1e6, 1e-9):
        options = {"epsilon": epsilon, "starts": 1, "stages": 1}
        solve(problem, "entropic-gw", progress=said.append, **options)
    assert "start 1 gave the uniform plan" in said[0]
    assert "start 1 failed numerically" in said[1]
    assert "a random one stands in" in said[2]


@pytest.mark.parametrize("option", ["epsilon", "iterations", "starts", "tolerance"])
def test_options_that_make_no_sense_are_refused(option):
    with pytest.raises(BlindmatchError, match=f"option {option}=0: Input should be greater than 0"):
        solvers.build("entropic-gw", {option: 0})


def test_at_the_limit_it_is_stopped_with_the_best_so_far():
    vision, language, truth = noisy_pair(10, 0, noise=0.05)
    problem = problem_of(vision, language)
    matching = solve(problem, "bapg", starts=None, time_limit=1.0)
    assert np.array_equal(matching.permutation, truth)
    assert matching.status == "stopped"
    assert matching.building + matching.seconds >= 1.0
    assert matching.cost == problem.cost(matching.permutation)


def test_with_and_without_a_limit_it_gives_the_same():
    vision, language, _ = noisy_pair(12, 5, noise=1.0)
    here, there = (
        solve(problem_of(vision, language), "gw", seed=3, time_limit=limit) for limit in (None, 300)
    )
    assert np.array_equal(here.permutation, there.permutation)
    assert (here.cost, here.iterations, here.status) == (there.cost, 20, "heuristic")


def test_ctrl_c_ends_it_without_a_limit():
    vision, language, truth = noisy_pair(10, 0, noise=0.05)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press():
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    try:
        thread.start()
        matching = solve(problem_of(vision, language), "bapg", starts=None)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert matching.status == "interrupted"
    assert np.array_equal(matching.permutation, truth)
