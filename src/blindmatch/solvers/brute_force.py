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
from blindmatch.solvers._pair_costs import single_costs

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
    from blindmatch.solvers._depth_first import advance, least_open, new_search

    start = time.perf_counter()
    single, penalty = single_costs(problem)
    first = problem.draw(np.random.default_rng(seed))
    search, depth, nodes = new_search(problem, single, first), 0, 1
    ticker = Ticker(progress)
    status = "optimal"
    with interruptible() as interrupted:
        while depth >= 0:
            if interrupted() or (time_limit is not None and _since(start) >= time_limit):
                status = "interrupted" if interrupted() else "time limit"
                break
            depth, more = advance(search, depth, _NODES_PER_CALL)
            nodes += more
            ticker(functools.partial(_sentence, nodes, problem, search.best))
    cost = problem.cost(search.best)
    # The search compares sums in floating point: what it proves, it proves up to rounding.
    open_cost = least_open(search, depth) + problem.constant
    bound = min(cost, open_cost) - _rounding(problem, penalty)
    optimal = status == "optimal"
    seconds = _since(start)
    return Matching(
        search.best,
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


def _rounding(problem: QAP, penalty: float) -> float:
    """How far two ways to sum one cost can differ: additions of parts of at most this magnitude."""
    additions = len(problem.A_terms) * problem.size**2 + 4 * problem.size
    return 2.0 * additions * 2.0**-53 * (problem.magnitude + penalty)
