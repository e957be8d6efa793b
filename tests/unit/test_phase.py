import numpy as np
import pytest

from blindmatch.kernels import euclidean, standardise
from blindmatch.metrics import metrics
from blindmatch.phase import planted, solve_planted
from blindmatch.solvers import solvers

GW = metrics["gw"]()
EXACT = solvers["brute-force"]()


def problem(noise, seed=0, size=9, dimension=3):
    rng = np.random.default_rng(seed)
    return planted(size, noise, metric=GW, dimension=dimension, rng=rng)


def test_without_noise_the_truth_costs_nothing_and_is_no_trivial_permutation():
    qap, truth = problem(0.0)
    assert sorted(truth) == list(range(9))
    assert truth.tolist() != list(range(9))
    assert qap.cost(truth) == pytest.approx(0.0, abs=1e-9)
    assert qap.cost(np.roll(truth, 1)) > 1.0


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_the_truth_pairs_each_point_with_its_noisy_copy(noise):
    qap, truth = problem(noise)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9, 3))
    copies = points + noise * rng.normal(size=(9, 3))
    loss = (standardise(euclidean(points)) - standardise(euclidean(copies))) ** 2
    assert qap.cost(truth) == pytest.approx(loss.sum())


def rows(size, noise, draws=3, solver=EXACT, **changed):
    settings = {"dimension": 3, "seed": 7, "metric": GW, "solver": solver, **changed}
    return list(solve_planted(size, noise, draws=draws, **settings))


def same(first, second):
    return [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]


def test_a_row_tells_whether_the_truth_was_found_or_beaten():
    easy, hopeless = rows(8, 5), rows(8, 300)
    assert all(row["truth_found"] and row["accuracy"] == 1.0 for row in easy)
    assert not any(row["truth_beaten"] for row in easy)
    assert all(row["cost"] < row["true_cost"] and row["truth_beaten"] for row in hopeless)
    assert not any(row["truth_found"] for row in hopeless)
    assert all(row["optimal"] for row in easy + hopeless)
    for row in hopeless:
        assert row["reported_true_cost"] == row["true_cost"] / 64


def test_a_solver_worse_than_the_truth_neither_finds_nor_beats_it():
    for row in rows(8, 5, solver=solvers["random"]()):
        assert not row["truth_found"]
        assert not row["truth_beaten"]
        assert not row["optimal"]


def test_problems_depend_on_seed_size_noise_and_draw_alone():
    assert same(rows(6, 50), rows(6, 50))
    assert same(rows(6, 50, draws=2), rows(6, 50, draws=3)[:2])
    first = rows(6, 50)
    assert len({row["true_cost"] for row in first}) == 3
    assert not same(first, rows(6, 50, seed=8))
    assert not same(first, rows(6, 51))
