"""What stands below every figure and above every table: n, seed, time limits, selection."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from blindmatch.plotting._rows import SELECTIONS, reason, skipped
from blindmatch.plotting.style import label_of

Styles = Mapping[str, Mapping | None]


def counted(frame: pd.DataFrame, by: Sequence[str]) -> str:
    """How many matchings a point is the mean of; `by` tells the points apart."""
    points = frame.groupby([*by, "size"])
    sizes = points.size()
    usual = int(sizes.mode().iloc[0])
    point = points.get_group((sizes == usual).idxmax())
    numbers = {
        "model pair": len(point[["vision", "language"]].drop_duplicates()),
        "subset": point["rank"].nunique(),
        "draw": point["draw"].nunique(),
    }
    made = " × ".join(_plural(number, name) for name, number in numbers.items() if number > 1)
    unusual: dict[str, list[int]] = {}
    for size, counts in _unusual(sizes, usual):
        unusual.setdefault(_span(counts), []).append(size)
    others = [f"{span} at N = {_range(set(where))}" for span, where in unusual.items()]
    inside = "; ".join([made, *others] if made else others)
    if usual == 1 and not others:
        return "one matching a point"
    return f"mean ± sd, n = {usual} a point{f' ({inside})' if inside else ''}"


def _plural(number: int, name: str) -> str:
    return f"{number} {name}{'s' if number != 1 else ''}"


def _unusual(sizes: pd.Series, usual: int):
    """(size, counts) where points are the mean of another number of matchings."""
    for size, counts in sizes.groupby("size"):
        if (counts != usual).any():
            yield size, counts


def _span(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def footnote(frame: pd.DataFrame, rows: pd.DataFrame, by: Sequence[str], styles: Styles) -> str:
    """What stands below a figure of the `rows` of a frame; `by` tells its points apart."""
    same = [
        f"{name} {label_of(rows[name].iloc[0], styles)}"
        for name in ("metric", "solver")
        if rows[name].nunique() == 1
    ]
    return "; ".join([counted(rows, by), *same, conditions(frame, styles)])


def sampled(frame: pd.DataFrame) -> str | None:
    """How many draws a table is about."""
    return _plural(frame["draw"].nunique(), "draw") if "draw" in frame else None


def per_pair(frame: pd.DataFrame) -> bool:
    """Whether reported costs are costs / N², as the paper's, and not another unit of the metric."""
    per_pair = frame["cost"] / frame["size"] ** 2
    return bool(np.allclose(frame["reported_cost"], per_pair, equal_nan=True))


def unit(frame: pd.DataFrame) -> str | None:
    """The unit of a table's costs, where all rows have the same."""
    if not {"cost", "reported_cost", "size"}.issubset(frame) or not per_pair(frame):
        return None
    return "costs, bounds and margins are divided by N²"


def conditions(frame: pd.DataFrame, styles: Styles) -> str:
    """Seed, time limits, selection and skipped solvers, as far as the rows tell."""
    parts = [
        f"seed {frame.attrs['seed']}" if "seed" in frame.attrs else None,
        *(said(frame, styles) for said in (limits, selected, absences)),
    ]
    return "; ".join(filter(None, parts))


def limits(frame: pd.DataFrame, styles: Styles) -> str | None:
    """The time limit of a problem, or that of each solver where they differ."""
    if not {"solver", "time_limit"}.issubset(frame):
        return None
    chosen = frame[["solver", "time_limit"]].drop_duplicates()
    solvers: dict[str, list[str]] = {}
    for solver, limit in chosen.itertuples(index=False):
        said = "none" if pd.isna(limit) else f"{limit:g} s"
        solvers.setdefault(said, []).append(label_of(solver, styles))
    if len(solvers) == 1:
        (said,) = solvers
        return "no time limit" if said == "none" else f"time limit {said} a problem"
    each = ", ".join(f"{said} ({', '.join(names)})" for said, names in solvers.items())
    return f"time limit a problem: {each}"


def selected(frame: pd.DataFrame, styles: Styles) -> str | None:
    """How the classes were selected."""
    if "selection" not in frame:
        return None
    ways = dict.fromkeys(frame["selection"])
    chosen = " and ".join(SELECTIONS[way] for way in ways if way != "none")
    if not chosen:
        return "all classes"
    whole = frame["selection"] == "none"
    rest = frame.loc[whole, ["size", "dataset"]].drop_duplicates().groupby("size")["dataset"]
    said = []
    for size, datasets in rest:
        # A size that is all classes of one dataset may be a subset of another's.
        of_some = (~whole & (frame["size"] == size)).any()
        names = " and ".join(label_of(slug, styles) for slug in datasets)
        said.append(f"{size} of {names}" if of_some else f"{size}")
    everything = f" (N = {', '.join(said)}: all classes)" if said else ""
    return f"{chosen} subsets{everything}{_means(frame[~whole])}"


def _means(chosen: pd.DataFrame) -> str:
    """By what, how long and, blindly, from how much subsets were selected, if the rows tell."""
    if "selection_method" not in chosen:
        return ""
    methods = " or ".join(dict.fromkeys(chosen["selection_method"])).replace("gurobi", "Gurobi")
    said = f", by {methods} within {chosen['selection_limit'].max():g} s"
    matchings = chosen.loc[chosen["selection"] == "blind", "selection_matchings"]
    if len(matchings):
        low, high = int(matchings.min()), int(matchings.max())
        span = f"{low}" if low == high else f"{low} to {high}"
        said += f", blindly from {span} matchings of all classes"
    return said


def absences(frame: pd.DataFrame, styles: Styles) -> str | None:
    """Which solvers could not run, where, and why; of many reasons of a solver, the first."""
    if not {"solver", "status"}.issubset(frame):
        return None
    parts = []
    for solver, rows in frame[skipped(frame)].groupby("solver", sort=False):
        where = ""
        if "size" in frame and len(rows) < (frame["solver"] == solver).sum():
            where = f" at N = {_range(set(rows['size']))}"
        reasons = rows["status"].map(reason).unique()
        more = f", and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
        parts.append(f"{label_of(solver, styles)}{where} ({reasons[0]}{more})")
    return f"skipped: {', '.join(parts)}" if parts else None


def _range(sizes: set[int]) -> str:
    return f"{min(sizes)} to {max(sizes)}" if len(sizes) > 2 else ", ".join(map(str, sorted(sizes)))
