"""What runs in a process of its own: MPOpt, whose licence (GPL) keeps it out of the package's."""

import collections
import contextlib
import ctypes
import logging
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from blindmatch.qap import QAP
from blindmatch.solvers._pair_costs import PairCosts

if TYPE_CHECKING:
    from blindmatch.solvers._stoppable import Run

#: MPOpt wants a limit; it is stopped by its own criterion or by the clock.
_NO_LIMIT = 2**31 - 1
#: It ends so many batches and this share of its time before the limit, so that it can tell.
_BATCHES_LEFT, _SHARE_LEFT = 3, 0.1


def mpopt(
    problem: QAP,
    run: "Run",
    *,
    seed: int,
    limit: float | None,
    sweeps: int,
    generations: int,
    patience: int,
    threshold: float,
    batches: int | None,
) -> None:
    """For `run_stoppable`: build MPOpt's model, run it, and offer what it finds.

    A first matching is offered before the dual sweeps, the best one at the end: MPOpt tells nothing
    in between. Shortly before the limit it gets a Ctrl-C, after which it ends its batch and gives
    its best matching. Iterations are dual sweeps.
    """
    import pylibmgm

    pylibmgm.omp_set_num_threads(1)
    run.building()
    start = time.perf_counter()
    # 0 would be a random seed; and QPBO in MPOpt draws from the generator of the C library.
    pylibmgm.QAPSolver.libmpopt_seed = 1 + seed % 2**31
    ctypes.CDLL(None).srand(ctypes.c_uint(seed % 2**32))
    solver = pylibmgm.QAPSolver(build_model(problem))
    solver.run_settings.batch_size = sweeps
    solver.run_settings.greedy_generations = generations
    solver.stopping_criteria.p, solver.stopping_criteria.k = threshold, patience
    run.solving()

    solver.stopping_criteria.max_batches = 0
    began = time.perf_counter()
    with run.obedient():
        run.offer(_complete(problem, run, solver.run()))
    now = time.perf_counter()
    if limit is not None:
        left = start + limit - now - _BATCHES_LEFT * (now - began)
        run.warn_at(now - start + (1.0 - _SHARE_LEFT) * left)
    solver.stopping_criteria.max_batches = _NO_LIMIT if batches is None else batches
    with run.obedient(), _last_line() as line:
        solution = solver.run(verbose=True)
        run.offer(_complete(problem, run, solution))
        found = re.search(r"\bit=(\d+)", line.get("last", ""))
        run.iterations = int(found[1]) if found else 0


def build_model(problem: QAP):
    """MPOpt's form of a problem, scaled: its tolerances are absolute.

    MPOpt may leave rows unmatched, at no cost. So each match brings a gain that is larger than all
    that it can cost: a row is left only where forbidden pairs leave it no column.

    Returns
    -------
    pylibmgm.GmModel
    """
    import pylibmgm

    size, costs = problem.size, PairCosts.of(problem)
    allowed = ~problem.forbidden_pairs
    single = np.where(allowed, costs.single, 0.0)
    largest = np.abs(costs.B).max(axis=(1, 2), keepdims=True)
    reach = np.abs(costs.A * largest).sum(axis=(0, 2)) + np.abs(single).max(axis=1)
    unit = reach.max() / size or 1.0
    A, gain = costs.A / unit, reach / unit + 1.0

    edges = (size * (size - 1)) ** 2 // 2
    graphs = pylibmgm.Graph(0, size), pylibmgm.Graph(1, size)
    model = pylibmgm.GmModel(*graphs, int(allowed.sum()), edges)
    number = np.full((size, size), -1)
    number[allowed] = np.arange(allowed.sum())
    for row, column in zip(*np.nonzero(allowed), strict=True):
        model.add_assignment(row, column, single[row, column] / unit - gain[row])
    different = ~np.eye(size, dtype=bool)
    for i in range(size):
        for k in range(i + 1, size):
            pairs = np.tensordot(A[:, i, k], costs.B, axes=1)
            j, l = np.nonzero(different & (pairs != 0) & allowed[i][:, None] & allowed[k])  # noqa: E741
            given = number[i, j].tolist(), number[k, l].tolist(), pairs[j, l].tolist()
            collections.deque(map(model.add_edge, *given), maxlen=0)  # the fastest of loops
    return model


def _complete(problem: QAP, run: "Run", solution) -> np.ndarray:
    """The columns of all rows; rows that MPOpt left unmatched get what is allowed and free."""
    labels = np.array(solution.labeling())
    matched = labels >= 0
    if matched.all():
        return labels
    run.say(f"mpopt: {np.sum(~matched)} rows were left unmatched, they get columns at any cost")
    kept = np.zeros((problem.size, problem.size))
    kept[np.flatnonzero(matched), labels[matched]] = -1.0
    return linear_sum_assignment(np.where(problem.forbidden_pairs, np.inf, kept))[1]


@contextlib.contextmanager
def _last_line() -> Iterator[dict[str, str]]:
    """Keep the last line of MPOpt's log, which it writes to Python's at the end of a run."""
    line: dict[str, str] = {}

    def keep(record: logging.LogRecord) -> bool:
        if "it=" in record.getMessage():
            line["last"] = record.getMessage()
        return False

    logger = logging.getLogger("libmgm")
    level = logger.level
    logger.addFilter(keep)
    logger.setLevel(logging.INFO)
    try:
        yield line
    finally:
        logger.setLevel(level)
        logger.removeFilter(keep)
