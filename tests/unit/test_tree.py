"""Branch and bound: it finds the optimum by itself, and its record proves it."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from blindmatch.fixed_point import FixedPoint
from blindmatch.proof import Check, lowered
from blindmatch.solvers._duals import INFEASIBLE, Duals, integer_costs
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._record import Record
from blindmatch.solvers._sweep import Costs
from blindmatch.solvers._tree import Node, Tree, seconds_left
from tests.problems import KINDS, permutations, random_problem

SIZE = 6


class Search:
    """A tree over a random problem from its first duals, and the units of its permutations."""

    def __init__(self, kind, seed, *, size=SIZE, versions=1, limit=1.0):
        self.problem = random_problem(kind, size, seed)
        self.fixed_point = FixedPoint.of(self.problem)
        self.factor = np.random.default_rng(seed).integers(-40, 41, size=(size**2 + 1, 3))
        nodes = [self.original(), self.lowered()]
        self.record = Record(limit)
        # The version of better bounds is the first one.
        self.tree = Tree(Node(nodes[:versions][::-1]), self.problem.idle, self.record)
        ways = permutations(size)
        self.ways = ways[[self.problem.feasible(p) for p in ways]]
        self.least = int(self.units(self.ways).min())

    def original(self):
        costs, items = integer_costs(self.fixed_point), np.arange(self.problem.size)
        return Duals(costs, *first_duals(self.fixed_point, costs), rows=items, columns=items)

    def lowered(self):
        """The same less a small semidefinite form."""
        size = self.problem.size
        constant, single, pairs = lowered(self.fixed_point, self.factor, 0)
        shared = np.eye(size, dtype=bool)
        pairs[shared[:, None, :, None] | shared[None, :, None, :]] = 0
        empty = np.zeros((1, size, size))
        blocked = self.original().costs.blocked
        costs = Costs(empty, empty, pairs.astype(np.int32), single, blocked)
        items = np.arange(size)
        P, Q = np.zeros((2, size, size, size), dtype=np.int32)
        duals = Duals(costs, P, Q, rows=items, columns=items, constant=constant)
        duals.sweep(0, 6)
        return duals

    def units(self, ways):
        size = self.problem.size
        total = self.fixed_point.single[np.arange(size), ways].sum(axis=1)
        for i in range(size):
            for k in range(i):
                total = total + self.fixed_point.pairs(i, k)[ways[:, i], ways[:, k]]
        return total

    def run(self, target, *, threads=1, batches=math.inf, deadline=math.inf):
        """Advance until nothing is open; all suggestions."""
        found = []
        with ThreadPoolExecutor(threads) as pool:
            while batches > 0:
                found += self.tree.advance(target, deadline, pool)
                batches -= 1
                if not self.tree.open:
                    break
        return found

    def proved(self, target):
        """The bound that the record proves."""
        factor = self.factor if len(self.tree._epsilon) > 1 else None
        return Check(self.problem, target, self.record, factor=factor).run()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("versions", [1, 2])
def test_a_tree_that_asks_for_more_than_the_optimum_finds_it(kind, versions):
    for seed in range(4):
        search = Search(kind, seed, versions=versions)
        found = np.array(search.run(search.least + 1))
        assert all(search.problem.feasible(p) for p in found if search.least in search.units(found))
        assert search.units(found).min() == search.least
        assert (search.tree.open, search.tree.bound) == ([], INFEASIBLE)
        assert search.tree.finished == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("versions", [1, 2])
def test_the_record_of_a_finished_tree_proves_its_target(kind, versions):
    for seed in range(4):
        search = Search(kind, seed, versions=versions)
        search.run(search.least)
        assert search.record.complete
        assert search.proved(search.least) >= search.fixed_point.below(search.least)


@pytest.mark.parametrize("kind", ["symmetric", "forbidden", "terms", "integers"])
@pytest.mark.parametrize("versions", [1, 2])
def test_a_tree_that_is_left_open_proves_its_bound_and_can_go_on(kind, versions):
    stopped = 0
    for seed in range(6):
        search = Search(kind, seed, size=7, versions=versions)
        search.run(search.least, batches=1, deadline=0.0)
        if not search.tree.open:
            continue
        stopped += 1
        bound = search.tree.bound
        assert bound <= search.least
        search.tree.leave_open()
        assert search.proved(search.least) >= search.fixed_point.below(bound)
        search.tree.record = None
        search.run(search.least)
        assert search.tree.bound == INFEASIBLE
        assert search.tree.finished == pytest.approx(1.0)
    assert stopped >= 2


@pytest.mark.parametrize("versions", [1, 2])
def test_the_number_of_threads_changes_nothing(versions):
    for kind in ("symmetric", "asymmetric", "forbidden"):
        searches = [Search(kind, 0, size=7, versions=versions) for _ in range(2)]
        target = searches[0].least + 1
        one, two = (
            search.run(target, threads=t) for search, t in zip(searches, (1, 2), strict=True)
        )
        assert np.array_equal(one, two)
        trees = [search.tree for search in searches]
        assert trees[0].nodes == trees[1].nodes
        assert trees[0].sweeps == trees[1].sweeps
        assert set(searches[0].record) == set(searches[1].record)


def test_the_bound_of_what_is_open_never_exceeds_the_optimum():
    for kind in KINDS:
        search = Search(kind, 1)
        batches = 0
        while search.tree.open or not batches:
            assert search.tree.bound <= search.least
            search.run(search.least + 1, batches=1)
            batches += 1


def test_a_record_beyond_its_limit_is_given_up():
    search = Search("symmetric", 1, limit=1e-6)
    assert search.record.complete
    search.run(search.least)
    assert not search.record.complete


def test_steps_are_rounded_as_far_as_they_prove_the_same():
    search = Search("integers", 0)
    search.run(search.least)
    steps = [step for node in search.record for step in search.record[node] if len(step.P)]
    trailing = [(np.gcd.reduce(step.P, axis=None) or 1) for step in steps]
    assert max(trailing) >= 2
    assert {step.P.dtype for step in steps} == {np.dtype(np.int32)}


def test_the_time_left_is_estimated_from_what_is_done():
    assert seconds_left(10.0, 0.25) == 30.0
    assert seconds_left(10.0, 0.0) == math.inf
