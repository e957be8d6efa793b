"""Subsets of classes that are promising for blind matching (p-dispersion-sum problem).

Choose N of C classes so that the distortion between both kernels, summed over all chosen pairs, is
smallest: min x'Dx over binary x with sum x = N (paper, section 4.2). Under the *true* pairing such
subsets are oracle-selected; `blindmatch.blind_subsets` selects without it.
"""

import dataclasses
import time

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report

#: Binary variables that Gurobi's free licence admits with a quadratic objective.
FREE_LICENCE_CLASSES = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Subsets:
    """Ranked subsets of one size.

    Attributes
    ----------
    classes : np.ndarray, shape (ranks, N), int64
        Chosen vision classes, ascending within a rank; rank 0 is the best.
    language_classes : np.ndarray, shape (ranks, N), int64
        Chosen language classes, each facing the vision class that it was paired with: the same
        numbers where the true pairing was used.
    objectives : np.ndarray, shape (ranks,)
        Distortion summed over all ordered pairs of chosen classes.
    bound : float
        Proved lower bound on the best objective; -inf without one.
    status : str
        "optimal" (the best subset is proved), "time limit" or "local search".
    method : str
        "all classes", "gurobi" or "local search".
    seconds : float
    matchings : int
        Matchings of all classes that a blind selection rests on; 0 with the true pairing.
    """

    classes: np.ndarray
    language_classes: np.ndarray
    objectives: np.ndarray
    bound: float
    status: str
    method: str
    seconds: float
    matchings: int = 0

    @property
    def gap(self) -> float:
        """(objective - bound) / |objective| of the best subset; inf without a bound."""
        if self.status == "optimal":
            return 0.0
        best = float(self.objectives[0])
        return (best - self.bound) / abs(best) if best else float("inf")


def select_subsets(
    distortion: np.ndarray,
    size: int,
    *,
    ranks: int = 1,
    paired: bool = True,
    method: str = "auto",
    time_limit: float = 3600.0,
    threads: int = 1,
    seed: int = 0,
    report: Report | None = None,
) -> Subsets:
    """The `ranks` subsets of `size` classes with the smallest total distortion.

    Parameters
    ----------
    distortion : np.ndarray, shape (C, C)
        Loss between both kernels under the true pairing.
    size : int
        Number of classes N to choose; N = C has one subset only.
    ranks : int
        How many subsets, best first; fewer are returned if there are no more.
    paired : bool
        Whether class i is the same on both sides; if not, there is no true pairing to select by.
    method : {"auto", "gurobi", "local-search"}
        "auto" takes Gurobi if it is installed and its licence is large enough, else says aloud that
        the local search stands alone.
    time_limit : float
        Seconds for Gurobi.
    threads, seed : int
    report : callable, optional

    Raises
    ------
    BlindmatchError
        If there are fewer classes than `size`, the pairing is unknown, or Gurobi is demanded and
        cannot be used.
    """
    start = time.monotonic()
    classes = len(distortion)
    if not 2 <= size <= classes:
        raise BlindmatchError(
            f"size: {size} classes asked for, the dataset has {classes} (at least 2 are needed)"
        )
    symmetric = (distortion + distortion.T) / 2
    if size == classes:
        everything = np.arange(classes)[None, :]
        total = np.array([symmetric.sum()])
        bound = float(total[0])
        return Subsets(everything, everything, total, bound, "optimal", "all classes", 0.0)
    if not paired:
        raise BlindmatchError(
            f"size: {size} of {classes} classes asked for; subsets are selected by the true "
            f"pairing, which is unknown here, so select blindly or match all {classes}"
        )
    found = _local_search(symmetric, size, ranks, np.random.default_rng(seed))
    bound, status = -np.inf, "local search"
    gurobi = _gurobi_serves(classes, method, report)
    if gurobi:
        pool, bound, status = _gurobi(
            symmetric, size, ranks, found, time_limit, threads, seed, report
        )
        found |= pool
    chosen, objectives = _ranked(symmetric, found, ranks)
    return Subsets(
        chosen,
        chosen,
        objectives,
        min(bound, float(objectives[0])),
        status,
        "gurobi" if gurobi else "local search",
        round(time.monotonic() - start, 3),
    )


def _ranked(distortion: np.ndarray, subsets: set[tuple], ranks: int):
    valued = sorted((float(distortion[np.ix_(s, s)].sum()), s) for s in subsets)[:ranks]
    return np.array([s for _, s in valued], dtype=np.int64), np.array([v for v, _ in valued])


def _local_search(
    distortion: np.ndarray, size: int, ranks: int, random: np.random.Generator, starts: int = 20
) -> set[tuple]:
    """Swap local optima from random starts, and the neighbours needed to fill the ranks."""
    optima = set()
    for _ in range(starts):
        start = random.permutation(len(distortion))[:size]
        optima.add(_descend(distortion, start))
    best = min(optima, key=lambda s: distortion[np.ix_(s, s)].sum())
    inside = np.array(best)
    outside = np.setdiff1d(np.arange(len(distortion)), inside)
    delta = _swap_deltas(distortion, inside, outside)
    for flat in np.argsort(delta, axis=None, kind="stable")[: 2 * ranks]:
        leaving, entering = np.unravel_index(flat, delta.shape)
        neighbour = inside.copy()
        neighbour[leaving] = outside[entering]
        optima.add(tuple(sorted(neighbour.tolist())))
    return optima


def _swap_deltas(distortion: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Change of x'Dx when inside[a] leaves and outside[b] enters."""
    load = distortion[:, inside].sum(axis=1)
    diagonal = np.diag(distortion)
    leave = -2 * load[inside] + diagonal[inside]
    enter = 2 * load[outside] + diagonal[outside]
    return leave[:, None] + enter[None, :] - 2 * distortion[np.ix_(inside, outside)]


def _descend(distortion: np.ndarray, start: np.ndarray) -> tuple:
    inside = start.copy()
    outside = np.setdiff1d(np.arange(len(distortion)), inside)
    tolerance = 1e-12 * max(1.0, float(np.abs(distortion).max()))
    while True:
        delta = _swap_deltas(distortion, inside, outside)
        leaving, entering = np.unravel_index(delta.argmin(), delta.shape)
        if delta[leaving, entering] >= -tolerance:
            return tuple(sorted(inside.tolist()))
        inside[leaving], outside[entering] = outside[entering], inside[leaving]


def _gurobi_serves(classes: int, method: str, report: Report | None) -> bool:
    if method == "local-search":
        return False
    reason = _why_not_gurobi(classes)
    if reason is not None and method == "gurobi":
        raise BlindmatchError(f"subset selection by Gurobi: {reason}")
    if reason is not None and report is not None:
        report(f"subsets by local search alone, without a bound: {reason}")
    return reason is None


def _why_not_gurobi(classes: int) -> str | None:
    """Why Gurobi cannot solve a problem of this size here; None if it can."""
    try:
        import gurobipy
    except ImportError:
        return "gurobipy is not installed"
    try:
        with gurobipy.Env(params={"OutputFlag": 0}) as environment:
            if classes <= FREE_LICENCE_CLASSES:
                return None
            with gurobipy.Model(env=environment) as model:
                x = model.addMVar(classes, vtype="B")
                model.setObjective(x @ np.eye(classes) @ x)
                model.Params.TimeLimit = 0
                model.optimize()
    except gurobipy.GurobiError as error:
        return f"Gurobi's licence does not serve {classes} classes ({error})"
    return None


def _gurobi(distortion, size, ranks, found, time_limit, threads, seed, report):
    """Pool of the best subsets, proved bound, and status."""
    import gurobipy
    from gurobipy import GRB

    from blindmatch.progress import Ticker

    ticker = Ticker(report)

    def follow(model, where):
        if where == GRB.Callback.MIP:
            cost = model.cbGet(GRB.Callback.MIP_OBJBST)
            bound = model.cbGet(GRB.Callback.MIP_OBJBND)
            seconds = model.cbGet(GRB.Callback.RUNTIME)
            ticker(
                lambda: (
                    f"subset of {size}: objective {cost:.4f}, bound {bound:.4f}, "
                    f"{seconds:.0f} of {time_limit:.0f} s"
                )
            )

    with (
        gurobipy.Env(params={"OutputFlag": 0}) as environment,
        gurobipy.Model(env=environment) as model,
    ):
        model.Params.TimeLimit = time_limit
        model.Params.Threads = threads
        model.Params.Seed = seed % 2**31
        model.Params.MIPGap = 0
        model.Params.PoolSearchMode = 2
        model.Params.PoolSolutions = ranks
        x = model.addMVar(len(distortion), vtype=GRB.BINARY)
        model.addConstr(x.sum() == size)
        model.setObjective(x @ distortion @ x, GRB.MINIMIZE)
        x.Start = np.isin(np.arange(len(distortion)), _ranked(distortion, found, 1)[0][0])
        model.optimize(follow)
        pool = set()
        for number in range(model.SolCount):
            model.Params.SolutionNumber = number
            pool.add(tuple(np.flatnonzero(x.Xn > 0.5).tolist()))
        status = "optimal" if model.Status == GRB.OPTIMAL else "time limit"
        return pool, float(model.ObjBound), status
