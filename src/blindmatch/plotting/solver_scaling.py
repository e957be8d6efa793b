"""Solvers side by side as problems grow: cost, bound and time (paper, Fig. 6)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._notes import footnote, per_pair
from blindmatch.plotting._rows import by_way, labelled, of_metric, panels, skipped, usable
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, label_of, looks, new_figure, outer_legend
from blindmatch.registry import nearest

_NAMED = ["dataset", "vision", "language"]
_BOUND = (0, (4, 2))


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Costs with bounds, and seconds, against the number of classes; mean and sd.

    A row of panels for each problem (dataset, pair of models, selection). Costs and bounds are in
    the metric's unit; where a bound is far below all costs its line leaves the panel.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of matchings.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `metric`: which is shown; None: the study's first. `bounds`: solvers whose bounds are drawn.

    Raises
    ------
    BlindmatchError
        If no row holds a matching, or a solver whose bounds are asked for gives none.
    """
    chosen = of_metric(frame, figure.get("metric"))
    bounds = [label_of(slug, styles) for slug in _bounded(chosen, figure.get("bounds") or [])]
    rows = by_way(usable(chosen)).assign(series=lambda part: labelled(part, "solver", styles))
    order = list(dict.fromkeys(rows["series"]))
    slugs = rows.groupby("series")["solver"].first()
    palette, markers = looks(order, [styles.get(slugs[name]) for name in order])

    parts = list(panels(rows, _NAMED, ["way"], styles))
    size = (7.2, 1.5 + 2.5 * len(parts))
    picture, grid = new_figure(len(parts), 2, size=size, squeeze=False)
    for (left, right), (head, part) in zip(grid, parts, strict=True):
        _draw_costs(left, part, order, bounds, palette, markers)
        _draw_seconds(right, part, order, palette, markers)
        left.set_title(head, loc="left")
        left.set_ylabel("cost / $N^2$" if per_pair(rows) else "cost")
    note = footnote(chosen, rows, [*_NAMED, "way", "series"], styles)
    missing = _missing_bounds(rows, bounds)
    describe(picture, title, "; ".join(filter(None, [note, missing])))
    handles = _handles(rows, order, bounds, palette, markers)
    outer_legend(picture, handles, ncols=5, fontsize=7)
    return picture


def _bounded(frame: pd.DataFrame, solvers: Sequence[str]) -> list[str]:
    """The solvers whose bounds are drawn.

    Raises
    ------
    BlindmatchError
        If one is not in the study or none of its matchings has a bound.
    """
    for solver in solvers:
        rows = frame[frame["solver"] == solver]
        if rows.empty:
            known = list(dict.fromkeys(frame["solver"]))
            raise BlindmatchError(
                f"bounds: solver {solver!r} is not in the study{nearest(solver, known)}"
            )
        if not skipped(rows).all() and _without_bound(rows).all():
            raise BlindmatchError(
                f"bounds: solver {solver!r} gives no lower bound, expected solvers that give one"
            )
    return list(solvers)


def _without_bound(rows: pd.DataFrame) -> pd.Series:
    return ~np.isfinite(rows["reported_bound"].astype(float))


def _missing_bounds(rows: pd.DataFrame, bounds: Sequence[str]) -> str | None:
    """Where a solver whose bounds are drawn gave none in time, in words."""
    missing = rows[rows["series"].isin(bounds) & _without_bound(rows)]
    said = [
        f"{name} at N = {', '.join(map(str, sorted(part['size'].unique())))}"
        for name, part in missing.groupby("series", sort=False)
    ]
    return f"no lower bound: {', '.join(said)}" if said else None


def _statistics(part: pd.DataFrame, name: str, column: str) -> pd.DataFrame:
    rows = part.loc[part["series"] == name]
    values = pd.to_numeric(rows[column]).replace(-np.inf, np.nan).groupby(rows["size"])
    # A mean over some of the bounds would mislead.
    return pd.DataFrame({"mean": values.mean(skipna=False), "std": values.std()})


def _draw_costs(axes, part, order, bounds, palette, markers) -> None:
    for name in order:
        cost = _statistics(part, name, "reported_cost")
        look = {"color": palette[name], "linewidth": 1.2}
        axes.plot(cost.index, cost["mean"], marker=markers[name], markersize=3.5, **look)
        low, high = cost["mean"] - cost["std"], cost["mean"] + cost["std"]
        axes.fill_between(cost.index, low, high, color=palette[name], alpha=0.13, linewidth=0)
    bottom, top = axes.get_ylim()
    for name in bounds:
        bound = _statistics(part, name, "reported_bound")
        look = {"color": palette[name], "linestyle": _BOUND, "linewidth": 1.2}
        axes.plot(bound.index, bound["mean"], marker=".", markersize=4, **look)
    truth = part.groupby("size")["reported_true_cost"].mean().dropna()
    axes.plot(truth.index, truth, color="black", linestyle=":", linewidth=1.2)
    # A bound far below all costs must not squeeze them together.
    axes.set_ylim(max(axes.get_ylim()[0], bottom - 0.35 * (top - bottom)), top)
    axes.set(xlabel="number of classes N", xticks=sorted(part["size"].unique()))


def _draw_seconds(axes, part, order, palette, markers) -> None:
    for name in order:
        seconds = _statistics(part, name, "seconds")
        look = {"color": palette[name], "marker": markers[name], "markersize": 3.5}
        axes.plot(seconds.index, seconds["mean"], linewidth=1.2, **look)
    for limit in sorted(part["time_limit"].dropna().unique()):
        axes.axhline(limit, color="0.4", linestyle="--", linewidth=0.9)
    axes.set(
        xlabel="number of classes N",
        ylabel="seconds of solving (mean)",
        yscale="log",
        xticks=sorted(part["size"].unique()),
    )


def _handles(rows, order, bounds, palette, markers) -> list[plt.Line2D]:
    """Solvers, then what the line styles mean."""
    handles = [
        plt.Line2D([], [], color=palette[name], marker=markers[name], markersize=4, label=name)
        for name in order
    ]
    meanings = {"cost": {"linestyle": "-", "color": "0.3"}}
    if bounds:
        meanings["lower bound"] = {"linestyle": _BOUND, "color": "0.3", "marker": "."}
    if rows["reported_true_cost"].notna().any():
        meanings["true pairing"] = {"linestyle": ":", "color": "black"}
    if rows["time_limit"].notna().any():
        meanings["time limit"] = {"linestyle": "--", "color": "0.4", "linewidth": 0.9}
    return handles + [plt.Line2D([], [], label=name, **look) for name, look in meanings.items()]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, one row for each problem, size and solver.

    Columns: `summarise`.
    """
    keys = ["dataset", "vision", "language", "metric", "selection", "size", "solver"]
    return summarise(frame, keys)
