"""What every registered solver must do; a new one is tested by being registered."""

import functools
from itertools import pairwise

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.provenance import code_digest
from blindmatch.qap import QAP
from blindmatch.registry import absent
from blindmatch.solvers import Unavailable, kinds_of, prepare, solve, solvers

pytestmark = pytest.mark.parametrize("slug", sorted(solvers))

KINDS = [
    "symmetric",
    "asymmetric",
    "linear and diagonal",
    "ties",
    "constant",
    "terms",
    "forbidden",
    "free columns",
    "tiny",
]


def make(kind, size, seed=0):
    rng = np.random.default_rng([size, seed])
    A, B, linear = rng.normal(size=(3, size, size))
    forbidden = None
    if kind == "symmetric":
        A, B = A + A.T, B + B.T
        np.fill_diagonal(A, 0.0)
        np.fill_diagonal(B, 0.0)
    if kind == "ties":
        A, B = np.round(A), np.round(B)
    if kind == "constant":
        A, B = np.ones((2, size, size))
    if kind == "terms":
        A, B = (np.stack([X, X + X.T, rng.normal(size=X.shape)]) for X in (A, B))
    if kind == "forbidden":
        forbidden = rng.random((size, size)) < 0.5
        forbidden[np.arange(size), rng.permutation(size)] = False
    if kind == "free columns":
        B = rng.normal(size=(size + 2, size + 2))
    if kind == "tiny":
        A *= 1e-150
    return QAP(A, B, linear if kind == "linear and diagonal" else None, 2.0, forbidden)


@pytest.fixture(autouse=True)
def present(slug):
    """A solver whose packages are not installed is skipped."""
    if lacking := absent(solvers[slug]):
        pytest.skip(f"{slug}: {lacking}")


def attempt(problem, slug, *, anchors=None, unmatched=None, **options):
    """Solve; or see to it that what the solver refuses is refused in so many words, and skip."""
    known = {"anchors": anchors, "unmatched": unmatched}
    refused = kinds_of(prepare(problem, **known)).intersection(solvers[slug].refuses)
    if refused:
        message = f"{solvers[slug].__name__} cannot take this problem .{', '.join(sorted(refused))}"
        with pytest.raises(BlindmatchError, match=message):
            solve(problem, slug, **known, **options)
        pytest.skip(f"{slug} refuses {', '.join(sorted(refused))}, as it should")
    try:
        return solve(problem, slug, **known, **options)
    except Unavailable as error:
        pytest.skip(str(error))


@functools.cache
def solved(slug, kind, size):
    """The matching of a problem, for tests that look at it from different sides."""
    return attempt(make(kind, size), slug)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_result_is_consistent(slug, kind, size):
    problem = make(kind, size)
    matching = solved(slug, kind, size)
    optimum = solve(problem, "brute-force").cost
    assert len(matching.permutation) == size
    assert matching.cost == pytest.approx(problem.cost(matching.permutation), rel=1e-14)
    assert matching.bound <= matching.cost
    assert matching.bound <= optimum + 1e-9
    assert matching.cost >= optimum - 1e-9
    assert {type(value) for value in (matching.cost, matching.bound, matching.seconds)} == {float}
    if matching.optimal:
        assert matching.status == "optimal"
        assert matching.cost == pytest.approx(optimum)
        assert matching.cost - matching.bound <= matching.tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_no_time_gives_a_valid_answer_at_once(slug, kind):
    problem = make(kind, 7)
    matching = attempt(problem, slug, time_limit=0)
    optimum = solve(problem, "brute-force").cost
    assert matching.cost == pytest.approx(problem.cost(matching.permutation), rel=1e-14)
    assert matching.bound <= optimum + 1e-9


@pytest.mark.parametrize("kind", ["asymmetric", "terms", "forbidden"])
def test_known_pairs_and_prices_are_honoured(slug, kind):
    problem = make(kind, 4)
    row, column = 0, int(problem.draw(np.random.default_rng(0))[0])
    known = {"anchors": [(row, column)], "unmatched": [9.0, -2.0, 0.0, -9.0]}
    matching = attempt(problem, slug, **known)
    optimum = solve(problem, "brute-force", **known).cost
    used = matching.permutation[matching.permutation >= 0]
    assert matching.permutation[row] == column
    assert len(set(used)) == len(used)
    assert used.max() < 4
    assert matching.bound <= optimum + 1e-9
    assert matching.cost >= optimum - 1e-9


def test_only_square_problems_are_for_solvers(slug):
    with pytest.raises(BlindmatchError, match="expected as many rows as columns, found 3 and 5"):
        solvers.build(slug, {}).solve(make("free columns", 3))


def test_overflowing_costs_are_refused(slug):
    with pytest.raises(BlindmatchError, match="rescale the matrices"):
        solve(QAP(np.full((4, 4), 1e200), np.full((4, 4), 1e200)), slug)


@pytest.mark.parametrize("kind", KINDS)
def test_history_ends_with_the_result_and_never_gets_worse(slug, kind):
    matching = solved(slug, kind, 6)
    seconds, costs, bounds = np.array(matching.history).T
    assert (costs[-1], bounds[-1]) == (matching.cost, matching.bound)
    assert all(a <= b for a, b in pairwise(seconds))
    assert all(a >= b for a, b in pairwise(costs))
    assert all(a <= b for a, b in pairwise(bounds))


def test_the_problem_is_left_untouched(slug):
    arrays = np.random.default_rng(1).normal(size=(3, 6, 6))
    before = arrays.copy()
    problem = QAP(*arrays)
    attempt(problem, slug)
    for given, kept, held in zip(
        arrays, before, (problem.A, problem.B, problem.linear), strict=True
    ):
        assert np.array_equal(given, kept)
        assert np.array_equal(held, kept)


def test_the_same_seed_gives_the_same_answer(slug):
    problem = make("symmetric", 9)
    first, second = (attempt(problem, slug, seed=3) for _ in range(2))
    assert np.array_equal(first.permutation, second.permutation)
    assert (first.cost, first.bound) == (second.cost, second.bound)


def test_a_time_limit_is_respected(slug):
    matching = attempt(make("symmetric", 11), slug, time_limit=0.05)
    assert matching.seconds < 2.0


def test_relabelling_does_not_change_the_optimum(slug):
    problem = make("linear and diagonal", 6)
    p, q = (np.random.default_rng(s).permutation(6) for s in (1, 2))
    relabelled = QAP(
        problem.A[np.ix_(p, p)],
        problem.B[np.ix_(q, q)],
        problem.linear[np.ix_(p, q)],
        problem.constant,
    )
    matchings = [attempt(each, slug) for each in (problem, relabelled)]
    for matching in matchings:
        if matching.optimal:
            assert matching.cost == pytest.approx(solve(problem, "brute-force").cost)
    a, b = (matching.cost for matching in matchings)
    # The rows of the relabelled problem are rows p of the first, its columns are columns q.
    back = np.empty(6, dtype=np.int64)
    back[p] = q[matchings[1].permutation]
    assert problem.cost(back) == pytest.approx(b)
    if all(matching.optimal for matching in matchings):
        assert a == pytest.approx(b)


def test_the_modules_that_decide_the_result_exist(slug):
    modules = solvers[slug].modules
    assert solvers[slug].__module__ in modules
    assert code_digest(*modules)
