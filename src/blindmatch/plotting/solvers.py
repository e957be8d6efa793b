"""Solvers side by side on the same problems (paper, Tab. 1 and 7)."""

import numpy as np
import pandas as pd

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._rows import PROBLEM, usable
from blindmatch.plotting._summary import TOLERANCE, summarise

#: A matching cheaper than a proved optimum by this share of the costs' scale refutes the proof.
_REFUTED = 1e-6


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each pair of models and solver.

    Columns: `summarise`, and `global_percent`: the share of the problems with a proved optimum,
    whoever proved it, whose matching is it: the same permutation, or the same cost up to 1e-9 of
    the costs' scale. NaN where nobody proved one.

    Raises
    ------
    BlindmatchError
        If no row holds a matching, or one is cheaper than a proved optimum.
    """
    keys = ["dataset", "vision", "language", "metric", "selection", "size", "solver"]
    rows = usable(frame)
    known = pd.concat([_global(problem) for _, problem in rows.groupby(PROBLEM)])
    judged = frame.assign(global_percent=known.reindex(frame.index))
    table = summarise(judged, keys, global_percent=("global_percent", "mean"))
    place = table.columns.get_loc("optimal_percent")
    table.insert(place, "global_percent", table.pop("global_percent"))
    proved = rows.groupby(PROBLEM)["optimal"].any()
    table.attrs["note"] = (
        f"Global: share of matchings that are the optimum, of {proved.sum()} of {len(proved)} "
        f"problems whose optimum was proved, to {TOLERANCE:g} of the costs' scale"
    )
    return table


def _global(problem: pd.DataFrame) -> pd.Series:
    """100 for the matchings of a problem that are its optimum, 0 for others, NaN if unknown."""
    proved = problem[problem["optimal"]]
    if proved.empty:
        return pd.Series(np.nan, index=problem.index)
    best = proved.loc[proved["cost"].idxmin()]
    scale = problem["cost"].abs().max()
    cheapest = problem.loc[problem["cost"].idxmin()]
    if cheapest["cost"] < best["cost"] - _REFUTED * scale:
        raise BlindmatchError(
            f"solver {best['solver']!r} claims the optimum {best['cost']:.9g} for a problem that "
            f"{cheapest['solver']!r} solves at {cheapest['cost']:.9g} (dataset "
            f"{best['dataset']!r}, N = {best['size']}, rank {best['rank']}, draw {best['draw']})"
        )
    permutation = list(best["permutation"])
    same = np.array([list(each) == permutation for each in problem["permutation"]])
    found = (problem["cost"] <= best["cost"] + TOLERANCE * scale) | same
    return 100.0 * found
