"""Gurobi: both programs are the problem, and its bounds and failures are told as they are."""

import re
import signal
import time

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers import Unavailable, solve
from blindmatch.solvers.gurobi import Gurobi
from tests.problems import KINDS, least_cost, permutations, planted_problem, random_problem

pytest.importorskip("gurobipy")

import gurobipy

from blindmatch.solvers import _anytime, _gurobi_model, _gurobi_run

#: In "spread", costs differ by more than Gurobi's tolerances can hold.
ORDINARY = [kind for kind in KINDS if kind != "spread"]


@pytest.mark.parametrize("formulation", ["linear", "quadratic"])
@pytest.mark.parametrize("kind", ORDINARY)
def test_small_problems_are_solved_and_proved(kind, formulation):
    problem = random_problem(kind, 6, 1)
    matching = solve(problem, "gurobi", formulation=formulation, searches=0)
    optimum = float(least_cost(problem))
    assert (matching.status, matching.optimal) == ("optimal", True)
    assert matching.cost == pytest.approx(optimum, rel=1e-12)
    assert matching.bound <= optimum
    assert 0 < matching.cost - matching.bound <= matching.tolerance
    assert matching.tolerance <= 2.1e-6 * problem.magnitude


@pytest.mark.parametrize("terms", [1, 2])
def test_ranges_hold_for_every_matching_and_are_reached(terms):
    A, B = np.random.default_rng(0).normal(size=(2, terms, 5, 5))
    for matrices in (A, B):
        matrices[:, np.arange(5), np.arange(5)] = 0.0
    least, most = np.swapaxes([_gurobi_model.pair_cost_ranges(A, B, i) for i in range(5)], 0, 1)
    rows, ways = np.arange(5), permutations(5)
    # charged[p, i, j]: what the pairs (k, p(k)) charge to (i, j).
    charged = np.stack([np.einsum("tik,tjk->ij", A, B[:, :, p]) for p in ways])
    contains = ways[:, :, None] == rows
    assert least == pytest.approx(np.where(contains, charged, np.inf).min(axis=0))
    assert most == pytest.approx(charged.max(axis=0))


@pytest.mark.parametrize("formulation", ["linear", "quadratic"])
def test_the_licence_is_asked_about_a_model_of_the_right_size(formulation):
    with gurobipy.Env(params={"OutputFlag": 0}) as env:
        asked, built = (gurobipy.Model(env=env) for _ in range(2))
        _gurobi_model.imitate(asked, 5, formulation)
        problem = random_problem("symmetric", 5, 0)
        _gurobi_model.build(built, problem, 1.0, formulation, stop=lambda: False)
        for model in (asked, built):
            model.update()
        assert asked.NumVars == built.NumVars
        assert asked.NumConstrs == built.NumConstrs
        assert asked.IsQP == built.IsQP == (formulation == "quadratic")
        for model in (asked, built):
            model.dispose()


def test_a_size_that_the_licence_does_not_serve_is_told_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(_gurobi_run, "build", lambda *_, **__: None)
    problem, _ = planted_problem(20, 0.1)
    told = None
    try:
        solve(problem, "gurobi", formulation="quadratic", time_limit=0)
    except Unavailable as error:
        told = str(error)
    if told is None:
        pytest.skip("the licence here serves N = 20")
    assert told == (
        "gurobi: the licence does not serve N = 20 "
        "(400 variables, 40 constraints, a quadratic objective)"
    )


def test_no_licence_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("GRB_LICENSE_FILE", str(tmp_path / "absent.lic"))
    with pytest.raises(Unavailable, match="gurobi: no licence serves here"):
        solve(random_problem("symmetric", 4, 0), "gurobi")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(Gurobi, "requires", {"no_such_package": "'blindmatch[gurobi]'"})
    with pytest.raises(Unavailable, match=r"no_such_package is not installed \(pip install 'blin"):
        solve(random_problem("symmetric", 4, 0), "gurobi")


def test_the_limit_ends_it_with_what_it_knows():
    problem = random_problem("symmetric", 14, 0)
    matching = solve(problem, "gurobi", time_limit=0.5)
    assert (matching.status, matching.optimal, matching.tolerance) == ("time limit", False, 0.0)
    assert -np.inf < matching.bound < matching.cost
    assert matching.building > 0


def test_no_time_leaves_a_matching_and_builds_nothing():
    problem = random_problem("symmetric", 6, 0)
    matching = solve(problem, "gurobi", time_limit=0)
    assert (matching.status, matching.bound) == ("time limit", -np.inf)
    assert matching.cost == problem.cost(matching.permutation)


def test_compiling_the_search_takes_no_time_from_gurobi(monkeypatch):
    skipped, clock = [0.0], time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + skipped[0])
    monkeypatch.setattr(_anytime, "_compile", lambda: skipped.append(skipped.pop() + 1000.0))
    matching = solve(random_problem("symmetric", 5, 0), "gurobi", time_limit=500)
    assert matching.optimal
    assert matching.seconds + matching.building < 500


@pytest.fixture
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_handler")
def test_ctrl_c_while_it_builds_leaves_the_start(monkeypatch):
    def press(*given, **named):
        signal.raise_signal(signal.SIGINT)
        return _gurobi_model.build(*given, **named)

    monkeypatch.setattr(_gurobi_run, "build", press)
    problem = random_problem("symmetric", 8, 0)
    matching = solve(problem, "gurobi")
    assert (matching.status, matching.bound) == ("interrupted", -np.inf)
    assert matching.cost == solve(problem, "tabu", searches=100).cost


@pytest.mark.usefixtures("usual_handler")
def test_ctrl_c_ends_it_with_what_it_knows(monkeypatch):
    said = []

    def press(sentence):
        said.append(sentence)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_gurobi_run, "Ticker", lambda report: lambda line: report(line()))
    problem = random_problem("symmetric", 14, 0)
    matching = solve(problem, "gurobi", time_limit=20, progress=press)
    assert matching.status == "interrupted"
    assert matching.bound < matching.cost
    assert re.match(r"[\d,]+ nodes: cost -?[\d.]+, bound ", said[0])


def test_it_starts_from_our_search():
    problem = random_problem("symmetric", 14, 0)
    start = solve(problem, "tabu", searches=100)
    matching = solve(problem, "gurobi", time_limit=1)
    assert matching.history[0][1] == start.cost
    assert matching.cost <= start.cost


def test_anchors_leave_less_to_prove():
    problem, shuffle = planted_problem(12, 0.3)
    matching = solve(problem, "gurobi", anchors=list(enumerate(shuffle[:6])), time_limit=20)
    assert matching.optimal
    assert np.array_equal(matching.permutation[:6], shuffle[:6])


def test_zeros_only():
    matching = solve(QAP(np.zeros((3, 3)), np.zeros((3, 3)), constant=2.0), "gurobi")
    assert (matching.cost, matching.optimal) == (2.0, True)
