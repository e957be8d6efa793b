"""What stands below every figure and above every table: n, seed, time limits, selection."""

from collections.abc import Mapping, Sequence

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
    others = [f"{_span(n)} at N = {size}" for size, n in _unusual(sizes, usual)]
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
    rest = sorted(frame.loc[frame["selection"] == "none", "size"].unique())
    everything = f" (N = {', '.join(map(str, rest))}: all classes)" if rest else ""
    return f"{chosen} subsets{everything}"


def absences(frame: pd.DataFrame, styles: Styles) -> str | None:
    """Which solvers could not run, where, and why."""
    if not {"solver", "status"}.issubset(frame):
        return None
    missing = frame[skipped(frame)]
    parts = []
    for (solver, status), rows in missing.groupby(["solver", "status"], sort=False):
        where = ""
        if "size" in frame and len(rows) < (frame["solver"] == solver).sum():
            where = f" at N = {_range(set(rows['size']))}"
        parts.append(f"{label_of(solver, styles)}{where} ({reason(status)})")
    return f"skipped: {', '.join(parts)}" if parts else None


def _range(sizes: set[int]) -> str:
    return f"{min(sizes)} to {max(sizes)}" if len(sizes) > 2 else ", ".join(map(str, sorted(sizes)))
