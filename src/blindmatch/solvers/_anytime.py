"""The loop of solvers that only search: until the count, the clock or the user ends it."""

import functools
import math
import time
from collections.abc import Callable

import numpy as np

from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._interrupt import interruptible
from blindmatch.solvers._pair_costs import PairCosts


def run_searches(
    problem: QAP,
    search: Callable[[Incumbent], None],
    count: int | None,
    *,
    seed: int,
    time_limit: float | None,
    progress: Report | None,
) -> Matching:
    """Search `count` times (None: no limit) or until time is up; nothing is proved.

    Parameters
    ----------
    problem : QAP
    search : callable
        Tries to improve the incumbent once.
    count : int, optional
    seed, time_limit, progress
        As for `blindmatch.solvers.Solver`.
    """
    _compile()
    start = time.perf_counter()
    limit = math.inf if time_limit is None else time_limit
    ticker = Ticker(progress)
    with interruptible() as interrupted:
        incumbent = Incumbent(
            problem,
            PairCosts.of(problem),
            seed,
            stop=lambda: interrupted() or time.perf_counter() - start >= limit,
        )
        done = 0
        history = [(time.perf_counter() - start, incumbent.cost, -math.inf)]
        while (count is None or done < count) and not incumbent.stopped():
            search(incumbent)
            done += 1
            if incumbent.cost < history[-1][1]:
                history.append((time.perf_counter() - start, incumbent.cost, -math.inf))
            ticker(functools.partial(_sentence, done, incumbent))
        seconds = time.perf_counter() - start
        status = "time limit" if incumbent.stopped() else "iteration limit"
        return Matching(
            incumbent.permutation,
            incumbent.cost,
            bound=-math.inf,
            optimal=False,
            status="interrupted" if interrupted() else status,
            seconds=seconds,
            iterations=done,
            history=(*history, (seconds, incumbent.cost, -math.inf)),
        )


def _sentence(done: int, incumbent: Incumbent) -> str:
    return f"{done:,} searches: cost {incumbent.cost:.6g}"


@functools.cache
def _compile() -> None:
    """Compile (or load) the kernels, so that it does not count as solving."""
    tiny = QAP(np.eye(3), np.eye(3))
    Incumbent(tiny, PairCosts.of(tiny), 0).restart()
