"""One run of Gurobi: its start, its limits, and what may be said about its bound."""

import math
import time
from collections.abc import Callable

import gurobipy
import numpy as np
from gurobipy import GRB
from scipy.optimize import linear_sum_assignment

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Unavailable
from blindmatch.solvers._gurobi_model import build, imitate
from blindmatch.solvers._interrupt import interruptible
from blindmatch.solvers.tabu import Tabu

#: Share of the time limit that the search for a start may take.
_FIRST_SEARCHES = 0.2
#: Bounds are lowered by this share of the largest absolute cost, for Gurobi's tolerances.
_MARGIN = 1e-6
#: Gurobi takes no larger seeds, and calls larger numbers infinite.
_SEEDS, _INFINITE = 2_000_000_000, 1e99
_PARAMETERS = {
    "OutputFlag": 0,
    "NonConvex": 2,
    "MIPGap": 0.0,
    "MIPGapAbs": 1e-9,
    "FeasibilityTol": 1e-9,
    "IntFeasTol": 1e-9,
    "OptimalityTol": 1e-9,
}
_STATUS = {GRB.OPTIMAL: "optimal", GRB.INTERRUPTED: "interrupted", GRB.TIME_LIMIT: "time limit"}


def run(
    problem: QAP,
    formulation: str,
    *,
    searches: int,
    threads: int,
    seed: int,
    time_limit: float | None,
    progress: Report | None,
) -> Matching:
    """Search a start, build, optimise; the limit counts all of it.

    Raises
    ------
    Unavailable
        If there is no licence, or none for a problem of this size.
    BlindmatchError
        If Gurobi fails otherwise.
    """
    limit = math.inf if time_limit is None else time_limit
    # Gurobi's tolerances are absolute: costs of single assignments are brought to about 1.
    unit = _magnitude(problem) / problem.size or 1.0
    parameters = {**_PARAMETERS, "Threads": threads, "Seed": seed % _SEEDS}
    with _environment(parameters) as env:
        _require_licence(env, problem.size, formulation)
        share = None if time_limit is None else _FIRST_SEARCHES * limit
        start = Tabu(searches).solve(problem, seed=seed, time_limit=share)
        began = time.perf_counter() - start.seconds  # what was compiled before does not count
        permutation, status, bound, nodes = start.permutation, "time limit", -math.inf, 0
        with gurobipy.Model(env=env) as model, interruptible() as interrupted:

            def pressed() -> bool:
                return start.status == "interrupted" or interrupted()

            def left() -> float:
                return max(0.0, limit - (time.perf_counter() - began))

            x = build(model, problem, unit, formulation, stop=lambda: pressed() or not left())
            model.update()
            building = time.perf_counter() - began - start.seconds
            if x is not None:
                if searches:
                    x.Start = np.eye(problem.size)[permutation].ravel()
                model.Params.TimeLimit = left()
                _optimise(model, _look(problem, unit, progress, pressed))
                if model.SolCount:
                    permutation = min(permutation, _permutation(problem, x.X), key=problem.cost)
                status, bound = _STATUS.get(model.Status, "stalled"), model.ObjBound
                nodes = int(model.NodeCount)
            elif pressed():
                status = "interrupted"
        seconds = time.perf_counter() - began - building
    cost, margin = problem.cost(permutation), _margin(problem)
    bound = min(cost, bound * unit + problem.constant - margin) if bound > -_INFINITE else -math.inf
    optimal = status == "optimal" and cost - bound <= 2.0 * margin
    if status == "optimal" and not optimal:
        status = "stalled"
    return Matching(
        permutation,
        cost,
        bound=bound,
        optimal=optimal,
        status=status,
        seconds=seconds,
        iterations=nodes,
        tolerance=2.0 * margin if optimal else 0.0,
        history=((start.seconds, start.cost, -math.inf), (seconds, cost, bound)),
        building=building,
    )


def _magnitude(problem: QAP) -> float:
    """What no absolute cost exceeds, without the constant."""
    return max(0.0, problem.magnitude - abs(problem.constant))


def _margin(problem: QAP) -> float:
    """By how much a bound is lowered."""
    return _MARGIN * _magnitude(problem) + 4.0 * float(np.spacing(problem.magnitude))


def _environment(parameters: dict[str, float]) -> gurobipy.Env:
    try:
        return gurobipy.Env(params=parameters)
    except gurobipy.GurobiError as error:
        raise Unavailable(f"gurobi: no licence serves here ({error})") from None


def _require_licence(env: gurobipy.Env, size: int, formulation: str) -> None:
    """Refuse a size that the licence does not serve, before time goes into a model in vain."""
    with gurobipy.Model(env=env) as model:
        imitate(model, size, formulation)
        model.update()
        model.Params.TimeLimit = 0.0
        try:
            model.optimize()
        except gurobipy.GurobiError as error:
            if error.errno != GRB.Error.SIZE_LIMIT_EXCEEDED:
                raise BlindmatchError(f"gurobi: {error}") from None
            raise Unavailable(
                f"gurobi: the licence does not serve N = {size} "
                f"({model.NumVars:,} variables, {model.NumConstrs:,} constraints"
                f"{', a quadratic objective' if model.IsQP else ''})"
            ) from None


def _look(
    problem: QAP, unit: float, progress: Report | None, pressed: Callable[[], bool]
) -> Callable[[gurobipy.Model, int], None]:
    """A callback for Gurobi: ends it at a Ctrl-C, and says how far it is."""
    ticker = Ticker(progress)

    def cost(model: gurobipy.Model, what: int) -> float:
        return model.cbGet(what) * unit + problem.constant

    def look(model: gurobipy.Model, where: int) -> None:
        if pressed():
            model.terminate()
        if where == GRB.Callback.MIP:
            ticker(
                lambda: (
                    f"{model.cbGet(GRB.Callback.MIP_NODCNT):,.0f} nodes: cost "
                    f"{cost(model, GRB.Callback.MIP_OBJBST):.6g}, bound "
                    f"{cost(model, GRB.Callback.MIP_OBJBND):.6g}"
                )
            )

    return look


def _optimise(model: gurobipy.Model, look: Callable[[gurobipy.Model, int], None]) -> None:
    """Until it is optimal, time is up, or the user presses Ctrl-C."""
    try:
        model.optimize(look)
    except gurobipy.GurobiError as error:
        raise BlindmatchError(f"gurobi: {error}") from None


def _permutation(problem: QAP, x: np.ndarray) -> np.ndarray:
    """The matching of a solution, whose numbers are 0 or 1 up to a tolerance."""
    weights = np.where(problem.forbidden_pairs, np.inf, -x.reshape(problem.size, -1))
    return linear_sum_assignment(weights)[1]
