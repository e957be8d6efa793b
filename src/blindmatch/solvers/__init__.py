"""QAP solvers, one file each; importing them is light, compiling happens on first use."""

from typing import Protocol

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.registry import Registry


class Solver(Protocol):
    """A frozen dataclass of options.

    `modules` names the modules whose logic decides the result: a change of one of them makes
    Snakemake solve again.
    """

    modules: tuple[str, ...]

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """The best permutation found within `time_limit` seconds (None: no limit)."""


solvers = Registry("solver", __name__)


def solve(
    problem: QAP,
    solver: str = "hahn-grant",
    *,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Report | None = None,
    **options,
) -> Matching:
    """Solve a quadratic assignment problem.

    Parameters
    ----------
    problem : QAP
    solver : str
        A registered solver: ``sorted(blindmatch.solvers.solvers)``.
    seed : int
        Same seed, same iterations, same answer.
    time_limit : float, optional
        Seconds of wall-clock time.
    progress : callable, optional
        Called with a sentence now and then.
    **options
        Fields of the solver's dataclass.

    Returns
    -------
    Matching

    Raises
    ------
    BlindmatchError
        Unknown solver or option, or a time limit that is not positive.
    """
    if time_limit is not None and not time_limit > 0:
        raise BlindmatchError(f"time_limit: expected a positive number, found {time_limit}")
    return solvers.build(solver, options).solve(
        problem, seed=seed, time_limit=time_limit, progress=progress
    )
