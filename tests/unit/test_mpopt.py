"""MPOpt: its model says what the problem says, it is stopped in time, and never loaded here."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers import Unavailable, solve
from blindmatch.solvers._mpopt_child import _complete, build_model
from blindmatch.solvers.mpopt import MPOpt
from tests.problems import KINDS, permutations, random_problem

pylibmgm = pytest.importorskip("pylibmgm")

#: In "spread", costs differ by more than floating point can hold.
ORDINARY = [kind for kind in KINDS if kind != "spread"]


def never_ending(problem, **options):
    return solve(problem, "mpopt", threshold=0.0, patience=10**9, **options)


@pytest.mark.parametrize("kind", ORDINARY)
def test_its_model_costs_what_the_problem_costs(kind):
    problem = random_problem(kind, 4, 1)
    model = build_model(problem)
    ways = [p for p in permutations(4) if problem.feasible(p)]
    ours = np.array([problem.cost(p) for p in ways])
    theirs = np.array([pylibmgm.GmSolution.evaluate_static(model, p.tolist()) for p in ways])
    # Up to the unit and what all matchings gain: differences between them are proportional.
    ours, theirs = ours - ours[0], theirs - theirs[0]
    unit = np.abs(ours).max() / max(np.abs(theirs).max(), 1e-9)
    assert ours == pytest.approx(theirs * unit, abs=1e-9 * np.abs(ours).max())


@pytest.mark.parametrize("kind", ORDINARY)
def test_every_row_that_is_left_unmatched_is_dearer(kind):
    problem = random_problem(kind, 4, 2)
    model = build_model(problem)
    for permutation in permutations(4):
        if problem.feasible(permutation):
            full = pylibmgm.GmSolution.evaluate_static(model, permutation.tolist())
            for row in range(4):
                part = permutation.copy()
                part[row] = -1
                assert pylibmgm.GmSolution.evaluate_static(model, part.tolist()) > full


def test_forbidden_pairs_are_not_in_its_model():
    problem = random_problem("forbidden", 5, 0)
    pairs = build_model(problem).assignment_list
    assert sorted(pairs) == [tuple(pair) for pair in np.argwhere(~problem.forbidden)]


@pytest.mark.parametrize("kind", ORDINARY)
def test_small_problems_are_solved(kind):
    problem = random_problem(kind, 7, 3)
    best = solve(problem, "brute-force").cost
    matching = solve(problem, "mpopt")
    assert matching.cost == pytest.approx(best, rel=1e-12)
    assert (matching.bound, matching.optimal) == (-np.inf, False)
    assert matching.building > 0


def test_rows_that_mpopt_leaves_get_columns_that_are_allowed_and_free():
    forbidden = np.zeros((4, 4), dtype=bool)
    forbidden[3, 2] = True
    problem, said = QAP(np.eye(4), np.eye(4), forbidden=forbidden), []
    solution = SimpleNamespace(labeling=lambda: [1, 0, -1, -1])
    assert _complete(problem, SimpleNamespace(say=said.append), solution).tolist() == [1, 0, 2, 3]
    assert said == ["mpopt: 2 rows were left unmatched, they get columns at any cost"]


def test_batches_of_sweeps_are_counted():
    assert solve(random_problem("symmetric", 6, 0), "mpopt", sweeps=3, batches=5).iterations == 15


def test_other_seeds_search_elsewhere():
    problem = random_problem("symmetric", 25, 0)
    found = {solve(problem, "mpopt", seed=seed, batches=1).cost for seed in range(4)}
    assert len(found) > 1


def test_at_the_limit_it_gives_its_best_matching():
    problem = random_problem("symmetric", 12, 0)
    matching = never_ending(problem, time_limit=1.0)
    assert matching.status == "stopped"
    costs = [cost for _, cost, _ in matching.history]
    # The first matching, the best one, and the result.
    assert len(costs) == 3
    assert matching.cost == costs[1] <= costs[0]


def test_it_is_never_loaded_into_this_process(monkeypatch):
    monkeypatch.delitem(sys.modules, "pylibmgm")
    solve(random_problem("symmetric", 4, 0), "mpopt")
    assert "pylibmgm" not in sys.modules


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(MPOpt, "requires", {"no_such_package": "'blindmatch[mpopt]'"})
    with pytest.raises(Unavailable, match=r"no_such_package is not installed \(pip install 'blin"):
        solve(random_problem("symmetric", 4, 0), "mpopt")
