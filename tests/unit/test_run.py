"""Runs of the exact solvers: whatever ends them, they say only what they can prove."""

import dataclasses
import itertools
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from blindmatch.certificate import verify
from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import _plan, solve
from blindmatch.solvers._plan import Plan
from tests.problems import KINDS, hurry_relaxation, least_cost, planted_problem, random_problem

PLANS = {
    "first bound": Plan(max_sweeps=0, starts=0),
    "no searches": Plan(starts=0),
    "ascent": Plan(patience=5),
    "tree alone": Plan(max_sweeps=0, starts=0, branch=True),
    "tree": Plan(max_sweeps=3, branch=True),
    "all": Plan(branch=True, relax=True),
}


def run(plan, problem, seed=0, time_limit=None, progress=None):
    return _plan.run(plan, problem, seed, time_limit, progress)


def hard(size, seed=0):
    """A problem whose ascent leaves a gap."""
    return QAP(*np.random.default_rng([size, seed]).normal(size=(2, size, size)))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_plan_bounds_every_kind_and_proves_what_it_says(plan, kind):
    for size, seed in ((1, 0), (2, 1), (4, 2), (6, 3)):
        problem = random_problem(kind, size, seed)
        matching = run(PLANS[plan], problem, seed)
        least = least_cost(problem)
        assert Fraction(matching.bound) <= least
        verdict = verify(matching.certificate, problem)
        assert verdict.bound == matching.bound
        if matching.optimal:
            assert Fraction(matching.cost) - least <= 2 * Fraction(matching.tolerance)
        if PLANS[plan].branch:
            assert matching.optimal


@pytest.mark.parametrize("kind", ["symmetric", "asymmetric", "linear", "forbidden", "terms"])
def test_the_relaxation_leads_to_a_proof_too(kind, monkeypatch):
    hurry_relaxation(monkeypatch)
    plan = Plan(max_sweeps=0, starts=0, branch=True, relax=True)
    factors = 0
    for seed in range(5):
        problem = random_problem(kind, 6, seed)
        matching = run(plan, problem)
        assert matching.optimal
        least = least_cost(problem)
        assert Fraction(matching.bound) <= least
        assert Fraction(matching.cost) - least <= 2 * Fraction(matching.tolerance)
        assert verify(matching.certificate, problem).bound == matching.bound
        factors += matching.certificate.factor is not None
    assert factors


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("time_limit", [0, 1e-9, 0.01, 0.1])
def test_time_limits_leave_a_valid_bound_and_its_proof(branch, time_limit):
    for problem in (hard(20), random_problem("forbidden", 20, 0), planted_problem(30, 1.0)[0]):
        matching = run(Plan(branch=branch), problem, time_limit=time_limit)
        assert (matching.status, matching.optimal) == ("time limit", False)
        assert -np.inf < matching.bound < matching.cost
        assert matching.cost == problem.cost(matching.permutation)
        # Bounds of nodes in work are not recorded, so that a proof may say a little less.
        assert verify(matching.certificate, problem).bound <= matching.bound


def test_time_limits_are_kept_within_a_relaxation(monkeypatch):
    hurry_relaxation(monkeypatch)
    problem = hard(14)
    matching = run(Plan(max_sweeps=0, branch=True, relax=True), problem, time_limit=0.5)
    assert matching.status == "time limit"
    assert matching.bound < matching.cost
    assert verify(matching.certificate, problem).bound <= matching.bound


@pytest.mark.parametrize("plan", [Plan(max_sweeps=8), Plan(max_sweeps=2, branch=True)])
def test_same_seed_same_answer(plan):
    problem = hard(12)
    first, second, other = (run(plan, problem, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.permutation, second.permutation)
    assert (first.cost, first.bound) == (second.cost, second.bound)
    assert first.iterations == second.iterations
    bounds = [[entry[1:] for entry in matching.history] for matching in (first, second, other)]
    assert bounds[0] == bounds[1]
    assert bounds[0] != bounds[2]


@pytest.mark.parametrize("size", [11, 12])
def test_threads_share_a_tree_without_changing_it(size):
    one, two = (run(Plan(max_sweeps=1, branch=True, threads=t), hard(size)) for t in (1, 2))
    assert one.optimal
    assert np.array_equal(one.permutation, two.permutation)
    assert (one.cost, one.bound, one.iterations) == (two.cost, two.bound, two.iterations)


def test_threads_share_a_sweep_whatever_their_number():
    two, three = (run(Plan(max_sweeps=4, threads=t), hard(41)) for t in (2, 3))
    assert (two.cost, two.bound) == (three.cost, three.bound)
    assert verify(two.certificate, hard(41)).bound == two.bound


def test_each_way_to_stop_is_told():
    problem = hard(14)
    limited = run(Plan(max_sweeps=2), problem)
    assert (limited.status, limited.iterations) == ("iteration limit", 2)
    assert run(Plan(patience=3, stall=0.5), problem).status == "stalled"
    assert run(Plan(), problem, time_limit=1e-9).status == "time limit"
    assert run(Plan(), planted_problem(12, 0.01)[0]).status == "optimal"


def test_history_improves_and_ends_with_the_result():
    matching = run(Plan(max_sweeps=4, branch=True), hard(10))
    seconds, costs, bounds = np.array(matching.history).T
    assert (costs[-1], bounds[-1]) == (matching.cost, matching.bound)
    assert all(a <= b for a, b in itertools.pairwise(seconds))
    assert all(a >= b for a, b in itertools.pairwise(costs))
    assert all(a <= b for a, b in itertools.pairwise(bounds))
    assert bounds[-1] > bounds[2] > -np.inf


def test_progress_tells_bound_gap_nodes_and_time_left(monkeypatch):
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    lines = []
    run(Plan(max_sweeps=3, branch=True), hard(12), progress=lines.append)
    sweeps = [line for line in lines if line.startswith("sweep 2: cost ")]
    nodes = [line for line in lines if " nodes, " in line]
    assert sweeps
    assert nodes
    assert all("bound" in line and "gap" in line for line in sweeps + nodes)
    assert all(" open, " in line and " left" in line for line in nodes)


def test_certificates_are_left_out_on_demand_or_beyond_their_limit():
    problem = hard(10)
    for limit in (0.0, 1e-7):
        matching = run(Plan(branch=True, max_sweeps=1, certificate_limit=limit), problem)
        assert matching.certificate is None
        assert matching.optimal


def test_duals_that_do_not_fit_are_refused():
    with pytest.raises(BlindmatchError, match=r"the duals of 30 items need 0\.0 GB"):
        run(Plan(memory_limit=1e-6), hard(30))


@pytest.mark.parametrize("slug", ["hahn-grant", "auto"])
@pytest.mark.parametrize("time_limit", [0, 0.02, 0.2])
def test_a_run_that_goes_on_keeps_what_was_proved(slug, time_limit):
    problem = hard(11)
    cut = solve(problem, slug, time_limit=time_limit)
    resumed = solve(problem, slug, warm_start=cut)
    assert resumed.bound >= cut.certificate.bound
    assert resumed.cost <= cut.cost
    assert verify(resumed.certificate, problem).bound <= resumed.bound
    if slug == "auto":
        assert resumed.optimal
        assert resumed.cost == pytest.approx(solve(problem, slug).cost)
        assert verify(resumed.certificate, problem).bound == resumed.bound


def test_a_false_certificate_does_not_become_true_by_going_on():
    problem = hard(8)
    cut = solve(problem, "auto", time_limit=0)
    false = dataclasses.replace(cut.certificate, bound=1e6)
    resumed = solve(problem, "auto", warm_start=false)
    assert resumed.bound <= resumed.cost == pytest.approx(solve(problem, "brute-force").cost)
    assert verify(resumed.certificate, problem).bound == resumed.bound
    with pytest.raises(BlindmatchError, match="warm_start"):
        solve(hard(8, 1), "auto", warm_start=cut)


@pytest.mark.parametrize("signals", [1, 2])
def test_ctrl_c_ends_a_run_with_what_it_has(signals, tmp_path):
    """In a process of its own, as a user would; the second Ctrl-C does not wait."""
    program = (
        "import numpy as np, signal\n"
        # Background jobs of a shell ignore Ctrl-C, and so would what they start.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from blindmatch import QAP, solve, verify\n"
        "problem = QAP(*np.random.default_rng(0).normal(size=(2, 60, 60)))\n"
        "say = lambda line: print(line, flush=True)\n"
        "solve(QAP(np.eye(3), np.eye(3)))\n"
        "say('ready')\n"
        "found = solve(problem, 'hahn-grant', patience=10**6)\n"
        "assert found.status == 'interrupted' and not found.optimal\n"
        "assert -np.inf < found.bound < found.cost == problem.cost(found.permutation)\n"
        "assert verify(found.certificate, problem).bound == found.bound\n"
        "say('verified')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.0)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    if signals == 1:
        assert (out, process.returncode) == ("verified\n", 0), errors
    else:
        assert "KeyboardInterrupt" in errors or out == "verified\n"


def test_a_certificate_with_a_poor_matching_is_no_proof_of_it():
    problem = hard(7)
    proved = run(Plan(branch=True), problem)
    assert proved.optimal
    poor = max((np.random.default_rng(s).permutation(7) for s in range(20)), key=problem.cost)
    forged = dataclasses.replace(proved.certificate, permutation=poor, bound=-np.inf)
    for limit in (0.0, None):
        again = solve(problem, "auto", warm_start=forged, time_limit=limit)
        assert again.bound <= proved.cost
        assert not again.optimal or again.cost == pytest.approx(proved.cost)
    assert solve(problem, "auto", warm_start=proved, time_limit=0.0).optimal
