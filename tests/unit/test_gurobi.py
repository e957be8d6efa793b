"""Gurobi: both programs are the problem, and its bounds and failures are told as they are."""

import re
import signal

import numpy as np
import pytest

from blindmatch.qap import QAP
from blindmatch.solvers import Unavailable, solve
from blindmatch.solvers.gurobi import Gurobi
from tests.problems import KINDS, least_cost, permutations, planted_problem, random_problem

pytest.importorskip("gurobipy")

from blindmatch.solvers import _gurobi_run

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


def test_ranges_hold_for_every_matching_and_are_reached():
    from blindmatch.solvers._gurobi_model import pair_cost_ranges

    A, B = np.random.default_rng(0).normal(size=(2, 2, 5, 5))
    for matrices in (A, B):
        matrices[:, np.arange(5), np.arange(5)] = 0.0
    least, most = pair_cost_ranges(A, B)
    rows, ways = np.arange(5), permutations(5)
    # charged[p, i, j]: what the pairs (k, p(k)) charge to (i, j).
    charged = np.stack([np.einsum("tik,tjk->ij", A, B[:, :, p]) for p in ways])
    contains = ways[:, :, None] == rows
    assert least == pytest.approx(np.where(contains, charged, np.inf).min(axis=0))
    assert most == pytest.approx(charged.max(axis=0))


def test_a_size_that_the_licence_does_not_serve_is_told():
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


def test_ctrl_c_ends_it_with_what_it_knows(monkeypatch):
    said = []

    def press(sentence):
        said.append(sentence)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_gurobi_run, "Ticker", lambda report: lambda line: report(line()))
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        problem = random_problem("symmetric", 14, 0)
        matching = solve(problem, "gurobi", time_limit=20, progress=press)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert matching.status == "interrupted"
    assert matching.bound < matching.cost
    assert re.match(r"[\d,]+ nodes: cost -?[\d.]+, bound ", said[0])


def test_it_starts_from_our_search():
    problem = random_problem("symmetric", 14, 0)
    start = solve(problem, "tabu", searches=100)
    matching = solve(problem, "gurobi", time_limit=0.5)
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
