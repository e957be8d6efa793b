"""Dual ascent: after whatever was done to them, duals are feasible and say what is true."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from blindmatch.fixed_point import FixedPoint
from blindmatch.qap import QAP
from blindmatch.solvers import _duals
from blindmatch.solvers._duals import INFEASIBLE, Duals, integer_costs
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._sweep import (
    BLOCKED,
    Costs,
    remainders,
    solve_submatrix,
    workspace,
)
from tests.problems import KINDS, permutations, random_problem

UNUSABLE = 1 << 50


class Case(NamedTuple):
    """Duals, and all pair costs as one table of int64."""

    duals: Duals
    table: np.ndarray


def from_problem(kind, size, seed):
    fixed_point = FixedPoint.of(random_problem(kind, size, seed))
    costs = integer_costs(fixed_point)
    table = np.zeros((size, size, size, size), dtype=np.int64)
    for i, k in itertools.permutations(range(size), 2):
        table[i, :, k, :] = fixed_point.pairs(i, k)
    items = np.arange(size)
    return Case(Duals(costs, *first_duals(fixed_point, costs), rows=items, columns=items), table)


def from_table(size, seed):
    """Pair costs without factors, as a relaxation leaves them; some pairs are blocked."""
    rng = np.random.default_rng([size, seed])
    table = rng.integers(-(1 << 22), 1 << 22, size=(size,) * 4)
    table = table + table.transpose(2, 3, 0, 1)
    blocked = (rng.random((size, size)) < 0.2) & (seed % 2 == 1)
    blocked[np.arange(size), rng.permutation(size)] = False
    costs = Costs(
        np.zeros((1, size, size)),
        np.zeros((1, size, size)),
        table.astype(np.int32),
        rng.integers(-(1 << 24), 1 << 24, size=(size, size)),
        np.where(blocked, np.int32(BLOCKED), np.int32(0)),
    )
    P, Q = np.zeros((2, size, size, size), dtype=np.int32)
    items = np.arange(size)
    duals = Duals(costs, P, Q, rows=items, columns=items)
    duals.sweep(0, 6)  # zeros need not be feasible
    return Case(duals, table)


def cases(size, seeds):
    for seed in range(seeds):
        yield from_table(size, seed)
        for kind in KINDS:
            yield from_problem(kind, size, seed)


def remaining(case):
    """What remains of every pair that may be used, in int64; `UNUSABLE` where none may."""
    duals, size = case.duals, case.duals.size
    P, Q = duals.P.astype(np.int64), duals.Q.astype(np.int64)
    held = P.transpose(1, 2, 0)[:, :, :, None] + Q.transpose(1, 2, 0)[:, :, None, :]
    rest = case.table - held - held.transpose(2, 3, 0, 1)
    items = np.arange(size)
    rest[items, :, items, :] = rest[:, items, :, items] = UNUSABLE
    blocked = duals.costs.blocked != 0
    rest[blocked] = UNUSABLE
    rest[:, :, blocked] = UNUSABLE
    return rest


def leaders(duals):
    return duals.costs.single + duals.P.sum(axis=0, dtype=np.int64) + duals.Q.sum(axis=0)


def ways_left(duals):
    ways, rows = permutations(duals.size), np.arange(duals.size)
    return ways[~(duals.costs.blocked != 0)[rows, ways].any(axis=1)]


def units(case, ways):
    rows = np.arange(case.duals.size)
    total = case.duals.costs.single[rows, ways].sum(axis=1)
    for i, k in itertools.combinations(rows, 2):
        total = total + case.table[i, ways[:, i], k, ways[:, k]]
    return total


def check(case, *, whole=True):
    """Feasible, and bound and reduced leaders are those of an exact assignment."""
    duals = case.duals
    assert remaining(case).min() >= 0
    if not whole:
        return
    ways, rows = ways_left(duals), np.arange(duals.size)
    if not len(ways):
        assert duals.bound == INFEASIBLE
        return
    assert duals.bound == leaders(duals)[rows, ways].sum(axis=1).min()
    costs = units(case, ways)
    assert (duals.bound + duals.reduced[rows, ways].max(axis=1, initial=0) <= costs).all()
    assert (duals.reduced >= 0).all()


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_first_duals_are_feasible(size):
    for case in cases(size, 6):
        check(case)


@pytest.mark.parametrize("kind", ["symmetric", "linear", "ties", "sparse", "forbidden"])
def test_first_duals_give_the_gilmore_lawler_bound_of_one_term(kind):
    problem = random_problem(kind, 6, 0)
    problem = QAP(problem.A + problem.A.T, problem.B + problem.B.T, problem.linear)
    fixed_point = FixedPoint.of(problem)
    costs, items = integer_costs(fixed_point), np.arange(6)
    duals = Duals(costs, *first_duals(fixed_point, costs), rows=items, columns=items)
    leader = fixed_point.single.astype(float)
    for i, j in np.ndindex(6, 6):
        a, b = np.delete(costs.a[0, i], i), np.delete(costs.b[0, j], j)
        leader[i, j] += np.sort(a) @ np.sort(b)[::-1] / 2  # each half of its pair costs
    bound = leader[linear_sum_assignment(leader)].sum()
    assert bound - 6 * 5 * 2 <= duals.bound <= bound + 1e-6 * abs(bound)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["table", *KINDS]),
    st.integers(2, 5),
    st.integers(0, 99),
    st.lists(
        st.tuples(
            st.sampled_from(["sweep", "push", "block", "restore"]),
            st.sampled_from([0, 1, 1000, 10**6]),
            st.integers(0, 8),
        ),
        max_size=8,
    ),
)
def test_duals_are_feasible_after_whatever_was_done(kind, size, seed, deeds):
    case = from_table(size, seed) if kind == "table" else from_problem(kind, size, seed)
    duals, before = case.duals, case.duals.state()
    for deed, epsilon, cap in deeds:
        if deed == "restore":
            duals.restore(before)
        if deed == "block":
            duals.block(duals.reduced > np.quantile(duals.reduced, 0.9))
        if deed == "push":
            now = duals.state()
            duals.push(before)
            before = now
        if deed != "restore":
            assert duals.sweep(epsilon, cap)
        if duals.bound == INFEASIBLE:
            break
    check(case)


@pytest.mark.parametrize("size", [3, 5])
def test_many_sweeps_rule_nothing_out_by_numbers_alone(size):
    exhausted = 0
    for case in cases(size, 4):
        duals, ways = case.duals, ways_left(case.duals)
        typical = int(np.abs(case.table).mean())
        before = duals.state()
        for number in range(100):
            now = duals.state()
            if number % 3:
                duals.push(before)
            duals.sweep(int(0.1 * 0.97**number * typical), 6)
            if duals.exhausted:
                duals.restore(now)
                break
            before = now
        check(case)
        assert np.array_equal(ways_left(duals), ways)
        exhausted += duals.exhausted
        duals.sweep(1 << 26, 6)  # no way back, but feasible they stay
        check(case)
    assert exhausted


@pytest.mark.parametrize("seed", range(40))
def test_only_what_has_no_completion_is_blocked_by_a_sweep(seed):
    rng = np.random.default_rng(seed)
    case = from_problem("forbidden", 6, seed)
    duals = case.duals
    for _ in range(30):
        before = duals.costs.blocked != 0
        ways = ways_left(duals)
        duals.sweep(int(rng.integers(1 << 16)), 6)
        new = (duals.costs.blocked != 0) & ~before
        assert not new[np.arange(6), ways].any()
        order = rng.permutation(np.flatnonzero(~(duals.costs.blocked != 0)))[:1]
        mask = np.zeros(36, dtype=bool)
        mask[order] = True
        duals.block(mask.reshape(6, 6))
        if duals.bound == INFEASIBLE:
            assert not len(ways_left(duals))
            return
    assert len(ways_left(duals))


def test_plain_sweeps_never_lower_the_bound():
    for case in cases(5, 4):
        bounds = [case.duals.bound]
        for _ in range(10):
            # With prices to the end each assignment keeps what it had, but for its epsilons.
            case.duals.sweep(10_000, 100_000)
            bounds.append(case.duals.bound)
        lost = max(a - b for a, b in itertools.pairwise(bounds))
        assert lost <= 5 * 5 * 10_000


@pytest.mark.parametrize("kind", ["symmetric", "linear", "terms", "forbidden"])
def test_sweeps_raise_the_bound(kind):
    case = from_problem(kind, 8, 0)
    first = case.duals.bound
    for number in range(20):
        case.duals.sweep(int(1e5 * 0.8**number), 6)
    best = float(units(case, ways_left(case.duals)).min())
    assert best - case.duals.bound < 0.5 * (best - first)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_sweep_that_is_cut_short_leaves_feasible_duals(threads, monkeypatch):
    monkeypatch.setattr(_duals, "_PIECE", 4)
    size = 42
    monkeypatch.setattr(_duals, "_CHUNK_SECONDS", 0.0)
    case = from_problem("asymmetric", size, 0)
    asked = itertools.count()
    before = case.duals.P.copy()
    assert not case.duals.sweep(1000, 6, threads=threads, stop=lambda: next(asked) >= 30)
    assert not np.array_equal(before, case.duals.P)
    check(case, whole=False)
    assert not case.duals.sweep(1000, 6, threads=threads, deadline=0.0)
    check(case, whole=False)
    assert case.duals.sweep(1000, 6, threads=threads)
    check(case, whole=False)


@pytest.mark.parametrize("kind", ["table", "symmetric", "terms", "forbidden"])
def test_parts_do_not_depend_on_the_number_of_threads(kind, monkeypatch):
    monkeypatch.setattr(_duals, "_PARALLEL_SIZE", 4)
    monkeypatch.setattr(_duals, "_PIECE", 3)
    ended = []
    for threads in (2, 3, 7):
        case = from_table(9, 1) if kind == "table" else from_problem(kind, 9, 1)
        for number in range(6):
            assert case.duals.sweep(int(1e5 * 0.8**number), 6, threads=threads)
        check(case, whole=False)
        ended.append(case.duals)
    for other in ended[1:]:
        assert other.bound == ended[0].bound
        assert np.array_equal(other.P, ended[0].P)
        assert np.array_equal(other.Q, ended[0].Q)


@pytest.mark.parametrize("size", [2, 4, 7])
def test_remainders_are_those_of_the_definition(size):
    nothing = np.empty((0, 0), dtype=np.int32)
    work = workspace(size)
    for case in cases(size, 1):
        case.duals.sweep(1000, 6)
        if case.duals.bound == INFEASIBLE:
            continue
        costs, P, Q = case.duals.costs, case.duals.P, case.duals.Q
        expected = remaining(case)
        usable = expected < UNUSABLE
        part = (np.random.default_rng(0).random((size, size)) < 0.5).astype(np.int32)
        for i, j in np.ndindex(size, size):
            remainders(costs, P, Q, i, j, nothing, work)
            found = work.matrix[:, :size]
            assert np.array_equal(found[usable[i, j]], expected[i, j][usable[i, j]])
            if not costs.blocked[i, j]:
                assert (found[~usable[i, j]] >= BLOCKED // 2).all()
            remainders(costs, P, Q, i, j, part, work)
            shared = expected[i, j] >> part
            assert np.array_equal(found[usable[i, j]], shared[usable[i, j]])


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 9), st.integers(0, 10**6), st.sampled_from([50, 500, 5000]), st.booleans())
def test_duals_of_a_submatrix_are_feasible_and_optimal_up_to_epsilon(size, seed, epsilon, ties):
    rng = np.random.default_rng(seed)
    work = workspace(size)
    i, j = rng.integers(size, size=2)
    matrix = rng.integers(-3 if ties else -(10**6), 4 if ties else 10**6, size=(size, size))
    matrix[rng.random((size, size)) < 0.2] = BLOCKED
    matrix[i] = matrix[:, j] = BLOCKED
    work.matrix[:, :size] = matrix
    rest = np.delete(np.delete(matrix, i, axis=0), j, axis=1)
    rows, columns = linear_sum_assignment(rest)
    least = rest[rows, columns].sum()
    for cap in (0, 1, 6, 100_000 if least < BLOCKED // 2 else 6):
        feasible = solve_submatrix(i, j, epsilon, cap, work)
        if not feasible:
            assert least >= BLOCKED - size * 10**6
            continue
        u, v = work.numbers[1, :size].astype(np.int64), work.numbers[2, :size].astype(np.int64)
        assert (np.delete(u, i)[:, None] + np.delete(v, j) <= rest).all()
        assert u[i] == v[j] == 0
        if cap == 100_000:
            assert least - (u.sum() + v.sum()) <= size * epsilon


@pytest.mark.parametrize("size", [2, 3, 5])
def test_children_inherit_a_bound_that_is_no_worse(size):
    for case in cases(size, 2):
        duals = case.duals
        duals.sweep(1000, 6)
        ways, costs = ways_left(duals), units(case, ways_left(duals))
        for i, j in np.argwhere(duals.costs.blocked == 0):
            child = duals.child(i, j)
            assert child.bound >= duals.bound + duals.reduced[i, j]
            chosen = ways[:, i] == j
            if not chosen.any():
                assert child.bound == INFEASIBLE or size == 2
                continue
            assert child.bound <= costs[chosen].min()
            whole = child.permutation()
            assert whole[i] == j
            assert sorted(whole) == list(range(size))


def test_the_last_child_costs_what_its_permutation_costs():
    for case in cases(4, 2):
        for way, cost in zip(
            ways_left(case.duals), units(case, ways_left(case.duals)), strict=True
        ):
            child = case.duals
            for row in range(3):
                column = int(np.flatnonzero(child.columns == way[row])[0])
                child = child.child(0, column)
            assert child.bound == cost
            assert np.array_equal(child.permutation(), way)


def test_a_twin_shares_nothing_that_changes():
    duals = from_problem("symmetric", 5, 0).duals
    twin = duals.copy()
    bound, P = twin.bound, twin.P.copy()
    duals.sweep(1000, 6)
    duals.block(np.eye(5, dtype=bool))
    twin.settle()
    assert (twin.bound, twin.costs.blocked.any()) == (bound, False)
    assert np.array_equal(twin.P, P)


def test_a_last_choice_is_noticed():
    duals = from_problem("symmetric", 4, 0).duals
    assert duals.forced() is None
    pairs = np.zeros((4, 4), dtype=bool)
    pairs[[0, 1, 2], 3] = True
    duals.block(pairs)
    assert duals.forced() == (3, 3)
