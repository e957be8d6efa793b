"""Every permutation, the hopeless ones in bulk."""

import dataclasses
import functools
import time
from typing import ClassVar

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import solvers

_NODES_PER_CALL = 5_000


@solvers.register("brute-force")
@dataclasses.dataclass(frozen=True)
class BruteForce:
    """Exact for small problems, and the judge of the other solvers.

    Depth-first search in O(N^3) memory; a branch is left when its Gilmore-Lawler bound shows that
    it holds nothing better than the best permutation so far. Exact means exact in floating point:
    permutations whose costs differ by less than the result's `tolerance`, the rounding error of one
    cost, count as equal.

    Parameters
    ----------
    max_size : int
        Larger problems are refused.
    """

    max_size: int = 12

    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.lap._shortest_path",
        "blindmatch.qap",
        "blindmatch.solvers._depth_first",
        "blindmatch.solvers._dual_bound",
        "blindmatch.solvers._local_search",
        "blindmatch.solvers._pair_costs",
        "blindmatch.solvers.brute_force",
    )

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`.

        Raises
        ------
        BlindmatchError
            If the problem is larger than `max_size`.
        """
        if problem.size > self.max_size:
            raise BlindmatchError(
                f"brute-force: expected at most max_size={self.max_size} items, "
                f"found {problem.size}; use hahn-grant"
            )
        _compile()
        return _search(problem, seed, time_limit, progress)


@functools.cache
def _compile() -> None:
    """Compile (or load) the kernels, so that it does not count as solving."""
    tiny = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [4.0, 3.0, 0.0]])
    _search(QAP(tiny, tiny), 0, None, None)


def _search(problem: QAP, seed: int, time_limit: float | None, progress: Report | None) -> Matching:
    from blindmatch.solvers._depth_first import new_search, search
    from blindmatch.solvers._dual_bound import gilmore_lawler_bound
    from blindmatch.solvers._local_search import tabu_search
    from blindmatch.solvers._pair_costs import PairCosts

    start = time.perf_counter()
    costs, rng, size = PairCosts.of(problem), np.random.default_rng(seed), problem.size
    starts = [rng.permutation(size) for _ in range(3)]
    found = [tabu_search(costs.A, costs.B, costs.single, p, 3 * size, rng)[0] for p in starts]
    best = min(found, key=problem.cost)
    best_cost = np.array([problem.cost(best) - problem.constant])
    state = new_search(size, costs.single)
    ticker = Ticker(progress)
    depth, nodes = 0, 0
    while depth >= 0:
        if time_limit is not None and time.perf_counter() - start >= time_limit:
            break
        depth, more = search(problem.A, problem.B, *state, best, best_cost, depth, _NODES_PER_CALL)
        nodes += more
        ticker(functools.partial(_sentence, nodes, problem, best))
    cost = problem.cost(best)
    # The search compares sums in floating point: what it proves, it proves up to rounding.
    proved = cost - _rounding(problem) if depth < 0 else gilmore_lawler_bound(problem)
    bound = min(cost, proved)
    seconds = time.perf_counter() - start
    return Matching(
        best,
        cost,
        bound,
        optimal=depth < 0,
        status="optimal" if depth < 0 else "time limit",
        seconds=seconds,
        iterations=nodes,
        tolerance=cost - bound if depth < 0 else 0.0,
        history=((seconds, cost, bound),),
    )


def _sentence(nodes: int, problem: QAP, best: np.ndarray) -> str:
    return f"{nodes:,} nodes: cost {problem.cost(best):.6g}"


def _rounding(problem: QAP) -> float:
    """How far two ways to sum one cost can differ: N^2 additions of at most this magnitude."""
    largest = np.abs(problem.A).max() * np.abs(problem.B).max()
    if problem.linear is not None:
        largest += np.abs(problem.linear).max()
    terms = problem.size**2
    return float(2 * terms * 2.0**-53 * (terms * largest + abs(problem.constant)))
