"""QAP solvers, one file each; importing them is light, compiling happens on first use."""

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np

from blindmatch.certificate import Certificate
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.registry import Registry


class Solver:
    """What every solver is: a frozen dataclass of options, derived from this class.

    Attributes
    ----------
    modules : tuple of str
        Modules whose logic decides the result: a change of one of them makes Snakemake solve again.
    bounds : bool
        Whether its matchings carry lower bounds.
    requires : dict
        Import name -> what to install, for packages that not everyone has.
    refuses : tuple of str
        Problems that it cannot take: "asymmetric", "linear", "terms", "forbidden".
    """

    modules: ClassVar[tuple[str, ...]]
    bounds: ClassVar[bool] = False
    requires: ClassVar[Mapping[str, str]] = {}
    refuses: ClassVar[tuple[str, ...]] = ()

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
    ) -> Matching:
        """The best permutation found within `time_limit` seconds (None: no limit, 0: at once).

        The problem is square, as `prepare` makes it; any other is refused (`require_square`), and
        so is one of the kinds that the solver `refuses` (`require_kind`). Ctrl-C ends the search
        as the time limit does, with the status "interrupted" (`blindmatch.solvers._interrupt`).

        Raises
        ------
        Unavailable
            Where a package, licence or device that it needs is absent.
        """
        raise NotImplementedError


class Unavailable(BlindmatchError):
    """A solver cannot run here: a study says so in its tables and goes on."""


solvers = Registry("solver", __name__)


def kinds_of(problem: QAP) -> set[str]:
    """What makes a problem more than a pair of symmetric matrices; see `Solver.refuses`."""
    return {
        kind
        for kind, present in (
            ("asymmetric", not problem.symmetric),
            ("linear", bool(problem.linear_costs.any())),
            ("terms", len(problem.A_terms) > 1),
            ("forbidden", bool(problem.forbidden_pairs.any())),
        )
        if present
    }


def require_kind(solver: Solver, problem: QAP) -> None:
    """Refuse a problem that a solver cannot take.

    Raises
    ------
    BlindmatchError
        Naming the solver and what the problem has.
    """
    refused = sorted(kinds_of(problem).intersection(solver.refuses))
    if refused:
        raise BlindmatchError(
            f"{type(solver).__name__} cannot take this problem ({', '.join(refused)}); "
            f"auto takes every problem"
        )


def require_square(problem: QAP) -> None:
    """Refuse a problem with more columns than rows, which `prepare` would have made square."""
    if problem.size != problem.columns:
        raise BlindmatchError(
            f"problem: expected as many rows as columns, found {problem.size} and "
            f"{problem.columns}; pass problem.square(), or call blindmatch.solve"
        )


def prepare(
    problem: QAP,
    *,
    anchors: Iterable[tuple[int, int]] | None = None,
    unmatched: float | np.ndarray | None = None,
) -> QAP:
    """The square problem that `solve` gives to a solver, and that a certificate belongs to.

    Its first N rows and M columns are those of `problem`. Columns M ... M+N-1, where rows may stay
    unmatched, stand for that; rows beyond N use up the columns that stay free.

    Parameters
    ----------
    problem : QAP
    anchors, unmatched
        As for `solve`.
    """
    pairs = [] if anchors is None else list(anchors)
    prepared = problem.anchored(pairs)
    if unmatched is not None:
        # Anchored once more: such a row must not stay unmatched instead.
        prepared = problem.with_unmatched(unmatched).anchored(pairs)
    return prepared.square()


def solve(
    problem: QAP,
    solver: str = "auto",
    *,
    anchors: Iterable[tuple[int, int]] | None = None,
    unmatched: float | np.ndarray | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    progress: Report | None = None,
    warm_start: Certificate | Matching | None = None,
    **options,
) -> Matching:
    """Solve a quadratic assignment problem.

    Parameters
    ----------
    problem : QAP
        May have more columns than rows; each row gets one, the others stay free.
    solver : str
        A registered solver: ``sorted(blindmatch.solvers.solvers)``.
    anchors : iterable of (row, column), optional
        Pairs that are known and kept.
    unmatched : float or array_like, shape (N,), optional
        Rows may stay unmatched at this price, in units of cost.
    seed : int
        Same seed, same iterations, same answer.
    time_limit : float, optional
        Seconds of wall-clock time; 0 gives what can be had at once.
    progress : callable, optional
        Called with a sentence now and then.
    warm_start : Certificate or Matching with one, optional
        What an earlier run on the same problem left behind; the solver goes on from there.
    **options
        Fields of the solver's dataclass.

    Returns
    -------
    Matching
        Its permutation has N entries, -1 for rows that stay unmatched.

    Raises
    ------
    BlindmatchError
        Unknown solver or option, a negative time limit, anchors that contradict each other or the
        forbidden pairs.
    """
    if time_limit is not None and not time_limit >= 0:
        raise BlindmatchError(f"time_limit: expected a number of at least 0, found {time_limit}")
    chosen = solvers.build(solver, options)
    prepared = prepare(problem, anchors=anchors, unmatched=unmatched)
    warm = {} if warm_start is None else {"warm_start": _certificate(solver, chosen, warm_start)}
    found = chosen.solve(prepared, seed=seed, time_limit=time_limit, progress=progress, **warm)
    permutation = found.permutation[: problem.size]
    return dataclasses.replace(
        found, permutation=np.where(permutation < problem.columns, permutation, -1)
    )


def _certificate(name: str, solver: Solver, warm_start: Certificate | Matching) -> Certificate:
    if "warm_start" not in inspect.signature(solver.solve).parameters:
        raise BlindmatchError(f"warm_start: expected a solver that can resume, found {name}")
    given = warm_start.certificate if isinstance(warm_start, Matching) else warm_start
    if given is None:
        raise BlindmatchError("warm_start: expected a certificate, found a matching without one")
    return given
