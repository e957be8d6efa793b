"""Every permutation, the hopeless ones in bulk."""

import dataclasses
import functools
import time
from typing import ClassVar

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, require_square, solvers
from blindmatch.solvers._interrupt import interruptible
from blindmatch.solvers._pair_costs import PairCosts

#: Tabu searches before the exact one.
_STARTS = 3
_NODES_PER_CALL = 1_000


@solvers.register("brute-force")
@dataclasses.dataclass(frozen=True)
class BruteForce(Solver):
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

    bounds: ClassVar[bool] = True
    modules: ClassVar[tuple[str, ...]] = (
        "blindmatch.lap._shortest_path",
        "blindmatch.qap",
        "blindmatch.solvers._depth_first",
        "blindmatch.solvers._incumbent",
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
        require_square(problem)
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
    from blindmatch.solvers._depth_first import least_open, new_search, search
    from blindmatch.solvers._incumbent import Incumbent

    start = time.perf_counter()
    costs = PairCosts.of(problem)
    incumbent = Incumbent(problem, costs, seed)
    for _ in range(_STARTS):
        incumbent.restart()
    best = incumbent.permutation.copy()
    best_cost = np.array([problem.cost(best) - problem.constant])
    given = (problem.A_terms, problem.B_terms, problem.forbidden_pairs)
    state = new_search(problem.size, costs.single)
    ticker = Ticker(progress)
    status = "optimal"
    # The root is opened in any case: its bound is the one of Gilmore and Lawler.
    depth, nodes = search(*given, *state, best, best_cost, 0, 1)
    with interruptible() as interrupted:
        while depth >= 0:
            if interrupted() or (time_limit is not None and _since(start) >= time_limit):
                status = "interrupted" if interrupted() else "time limit"
                break
            depth, more = search(*given, *state, best, best_cost, depth, _NODES_PER_CALL)
            nodes += more
            ticker(functools.partial(_sentence, nodes, problem, best))
    cost = problem.cost(best)
    _, spent, _, bounds, counts, _, _ = state
    # The search compares sums in floating point: what it proves, it proves up to rounding.
    open_cost = least_open(spent, bounds, counts, depth) + problem.constant
    bound = min(cost, open_cost) - _rounding(problem, costs)
    optimal = status == "optimal"
    seconds = _since(start)
    return Matching(
        best,
        cost,
        bound,
        optimal=optimal,
        status=status,
        seconds=seconds,
        iterations=nodes,
        tolerance=cost - bound if optimal else 0.0,
        history=((seconds, cost, bound),),
    )


def _since(start: float) -> float:
    return time.perf_counter() - start


def _sentence(nodes: int, problem: QAP, best: np.ndarray) -> str:
    return f"{nodes:,} nodes: cost {problem.cost(best):.6g}"


def _rounding(problem: QAP, costs: PairCosts) -> float:
    """How far two ways to sum one cost can differ: additions of parts of at most this magnitude."""
    additions = len(problem.A_terms) * problem.size**2 + 4 * problem.size
    return 2.0 * additions * 2.0**-53 * (problem.magnitude + costs.penalty)
