"""Exact search, judged by the enumeration of all matchings."""

import itertools
import signal

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import prepare, solve


def random_problem(seed):
    rng = np.random.default_rng(seed)
    size, terms = 1 + seed % 6, 1 + seed % 4
    columns = size + (seed // 6) % 3 if size < 6 else size
    A, B = (rng.normal(size=(terms, count, count)) for count in (size, columns))
    if seed % 5 == 0:
        A, B = np.round(A), np.round(B)
    if seed % 3 == 0:
        A, B = A + A.transpose(0, 2, 1), B + B.transpose(0, 2, 1)
    linear = rng.normal(size=(size, columns)) if seed % 2 else None
    forbidden = rng.random((size, columns)) < 0.4
    forbidden[np.arange(size), rng.permutation(columns)[:size]] = False
    return QAP(A, B, linear, float(seed), forbidden if seed % 7 < 3 else None)


def least_cost(problem):
    ways = map(np.array, itertools.permutations(range(problem.columns), problem.size))
    return min(problem.cost(p) for p in ways if problem.feasible(p))


@pytest.mark.parametrize("seed", range(84))
def test_no_matching_is_better(seed):
    problem = random_problem(seed)
    matching = solve(problem, "brute-force")
    assert abs(matching.cost - least_cost(problem)) <= matching.tolerance
    assert matching.cost == pytest.approx(problem.cost(matching.permutation))
    assert matching.optimal
    assert 0 <= matching.cost - matching.bound <= 1e-9


@pytest.mark.parametrize("price", [-1.0, 0.5, 2.0, [0.0, 1.0, 5.0]])
@pytest.mark.parametrize("anchors", [None, [(1, 2)]])
def test_rows_stay_unmatched_where_that_is_cheapest(price, anchors):
    problem = random_problem(5 * 6 + 2)
    matching = solve(problem, "brute-force", unmatched=price, anchors=anchors)
    extended = prepare(problem, unmatched=price, anchors=anchors)
    assert matching.cost == pytest.approx(least_cost(extended))
    used = matching.permutation[matching.permutation >= 0]
    assert len(set(used)) == len(used)
    assert used.max(initial=-1) < problem.columns
    assert anchors is None or matching.permutation[1] == 2


def test_at_a_low_price_nothing_is_matched_and_at_a_high_one_everything():
    problem = random_problem(5 * 6 + 2)
    assert (solve(problem, "brute-force", unmatched=-99.0).permutation == -1).all()
    assert solve(problem, "brute-force", unmatched=99.0).cost == solve(problem, "brute-force").cost


def test_a_time_limit_leaves_a_valid_bound():
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 12, 12)))
    optimum = solve(problem, "brute-force")
    for time_limit in (0, 1e-9, 0.01):
        cut = solve(problem, "brute-force", time_limit=time_limit)
        assert (cut.optimal, cut.status) == (False, "time limit")
        assert -np.inf < cut.bound < optimum.cost <= cut.cost


def test_the_bound_of_an_unfinished_search_rises_to_the_optimum():
    from blindmatch.solvers._depth_first import advance, least_open, new_search
    from blindmatch.solvers._pair_costs import single_costs

    problem = QAP(*np.random.default_rng(0).normal(size=(2, 7, 7)))
    optimum = solve(problem, "brute-force").cost
    search = new_search(problem, single_costs(problem)[0], np.arange(7))
    depth, bounds = 0, []
    while depth >= 0:
        bounds.append(min(least_open(search, depth), search.best_cost[0]))
        depth, _ = advance(search, depth, 1)
    assert all(earlier <= later + 1e-12 for earlier, later in itertools.pairwise(bounds))
    assert bounds[0] < optimum - 0.1
    assert problem.cost(search.best) == pytest.approx(optimum)
    assert bounds[-1] == pytest.approx(optimum)


def test_transposing_both_matrices_leaves_the_first_bound_as_it_is():
    A, B = np.random.default_rng(0).normal(size=(2, 8, 8))
    cut, turned = (solve(QAP(*way), "brute-force", time_limit=0) for way in ((A, B), (A.T, B.T)))
    assert not cut.optimal
    assert cut.bound == pytest.approx(turned.bound, rel=1e-12)


def test_ctrl_c_ends_the_search_with_the_best_found(monkeypatch):
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    problem = QAP(*np.random.default_rng(0).normal(size=(2, 14, 14)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stop = lambda _: signal.raise_signal(signal.SIGINT)  # noqa: E731
        cut = solve(problem, "brute-force", max_size=14, progress=stop)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (cut.status, cut.optimal) == ("interrupted", False)
    assert -np.inf < cut.bound < cut.cost == problem.cost(cut.permutation)


def test_larger_problems_are_refused_with_the_limit():
    with pytest.raises(BlindmatchError, match="max_size=12 items, found 13"):
        solve(QAP(np.eye(13), np.eye(13)), "brute-force")
    assert solve(QAP(np.eye(13), np.eye(13)), "brute-force", max_size=13).cost == 13
