"""Bounds of random problems of every kind: true in exact arithmetic, and proved by certificates.

``BLINDMATCH_THOROUGH=1`` makes it several times as many.
"""

import os
from fractions import Fraction

import pytest

from blindmatch.certificate import verify
from blindmatch.solvers import solve
from tests.problems import KINDS, least_cost, random_problem

SEEDS = 100 if os.environ.get("BLINDMATCH_THOROUGH") else 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", range(1, 7))
def test_bounds_hold_and_optima_are_optima(kind, size):
    for seed in range(SEEDS):
        problem = random_problem(kind, size, seed)
        least = least_cost(problem)
        for slug in ("hahn-grant", "auto"):
            matching = solve(problem, slug, seed=seed)
            rounding = Fraction(problem.magnitude) / 10**13
            assert Fraction(matching.bound) <= least
            assert Fraction(matching.cost) >= least - rounding
            if matching.optimal:
                assert Fraction(matching.cost) - least <= Fraction(matching.tolerance) + rounding
            verdict = verify(matching.certificate, problem)
            assert verdict.bound == matching.bound
            assert matching.optimal or slug == "hahn-grant"
