import dataclasses

import numpy as np
import pytest

from blindmatch.ablation import ablation_problem, solve_ablation
from blindmatch.metrics import metrics
from blindmatch.solvers import Solver, Unavailable, solvers

pytest.importorskip("torch", reason="extra: embed")

INNER_PRODUCT = metrics["inner-product"](standardised=False)
EXACT = solvers["brute-force"]()


def rows(draws=2, solver=EXACT, **changed):
    settings = {"dimension": 16, "seed": 42, "metric": INNER_PRODUCT, **changed}
    return list(solve_ablation(7, draws=draws, solver=solver, **settings))


def timeless(rows):
    return [{**row, "seconds": 0} for row in rows]


def test_problems_are_those_of_the_paper():
    """The bound that the reference code starts with: least A times the sum of B."""
    problem = ablation_problem(40, dimension=1024, seed=734796314, metric=INNER_PRODUCT)
    assert problem.A.min() * problem.B.sum() == pytest.approx(-3263.2573, abs=1e-3)
    assert problem.constant == 0.0
    assert not np.diagonal(problem.A).any()


def test_kernels_are_distances_of_unit_vectors_as_they_are():
    problem = ablation_problem(7, dimension=16, seed=3, metric=INNER_PRODUCT)
    assert np.array_equal(problem.A, problem.A.T)
    for distances in (-problem.A, problem.B):
        # Lines of a Gram matrix of unit vectors: 1 - d^2 / 2, which has no negative eigenvalue.
        assert np.linalg.eigvalsh(1 - distances**2 / 2).min() > -1e-12
        assert 0.5 < distances[~np.eye(7, dtype=bool)].mean() < 2.0


def test_a_row_tells_the_gap_in_units_of_the_spread_of_costs():
    for row in rows():
        problem = ablation_problem(7, dimension=16, seed=row["seed"], metric=INNER_PRODUCT)
        assert row["optimal"]
        assert row["cost"] == pytest.approx(problem.cost(np.array(row["permutation"])))
        assert row["reported_cost"] == row["cost"] / 49
        assert row["reported_bound"] == row["bound"] / 49
        assert row["gap_in_spreads"] == pytest.approx(0.0, abs=1e-9)
        rng = np.random.default_rng(0)
        costs = [problem.cost(rng.permutation(7)) for _ in range(3000)]
        assert row["random_cost"] == pytest.approx(np.mean(costs), abs=5 * np.std(costs) / 30)
        assert row["spread"] == pytest.approx(np.std(costs), rel=0.15)


def test_draws_begin_with_the_seeds_of_the_paper_and_do_not_depend_on_how_many():
    assert [row["seed"] for row in rows()] == [734796314, 576165995]
    assert timeless(rows(draws=3))[:2] == timeless(rows(draws=2))
    assert rows(seed=43)[0]["seed"] != 734796314


def test_without_a_bound_the_gap_is_infinite():
    (row,) = rows(draws=1, solver=solvers["random"]())
    assert row["bound"] == -np.inf
    assert row["gap_in_spreads"] == np.inf


def test_a_solver_that_cannot_run_leaves_a_row_with_the_reason():
    @dataclasses.dataclass(frozen=True)
    class Absent(Solver):
        def solve(self, problem, **_):
            raise Unavailable("no licence")

    (row,) = rows(draws=1, solver=Absent())
    assert row["status"] == "skipped: no licence"
    assert row["permutation"] == []
    assert np.isnan([row["cost"], row["bound"], row["seconds"], row["gap_in_spreads"]]).all()
    assert row["spread"] > 0.0
    assert row.keys() == rows(draws=1)[0].keys()
