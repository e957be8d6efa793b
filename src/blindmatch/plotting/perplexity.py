"""How sharp a teacher's transport plan is: perplexity of its rows against epsilon."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._alignments import (
    COUNTS,
    constant,
    counted,
    legend_handles,
    panel_grid,
    question_panels,
    thin_ticks,
)
from blindmatch.plotting._notes import conditions
from blindmatch.plotting._summary import in_blocks
from blindmatch.plotting.style import describe, label_of, looks, outer_legend

_PROBLEM = ["split", "vision", "language", *COUNTS]

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """Perplexity against epsilon, both logarithmic, a line for each teacher: mean over draws.

    The perplexity of a plan is the exponential of the mean entropy of its rows: over how many texts
    an image's mass is spread. It is 1 for a permutation and the number of texts for a uniform plan;
    both are drawn. Bands reach from the smallest to the largest draw. A panel for each split, pair
    of models and number of rows, where they vary.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of plans.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        Not needed.

    Raises
    ------
    BlindmatchError
        If no row has a perplexity.
    """
    rows = _known(frame)
    order = list(dict.fromkeys(rows["teacher"]))
    look = looks(order, [styles.get(slug) for slug in order])
    parts = question_panels(rows, _PROBLEM, styles)
    picture, grid, columns = panel_grid(parts, alone=5.0, height=1.5)
    for axes, (_, part) in zip(grid, parts, strict=True):
        _panel(axes, part, *look)
        axes.set_xlabel("ε of the teacher's plan")
    for axes in grid[::columns]:
        axes.set_ylabel("perplexity of a row")
    spreads = rows.groupby("teacher", sort=False)["spread"].mean()
    notes = [
        "mean over draws, band from the smallest to the largest, "
        f"{counted(rows, [*_PROBLEM, 'teacher', 'epsilon'])} a point",
        *constant(rows, _PROBLEM, styles),
        "sd of the affinities: "
        + ", ".join(f"{label_of(slug, styles)} {sd:.2g}" for slug, sd in spreads.items()),
        f"largest marginal error {rows['marginal_error'].max():.1g}",
        conditions(frame, styles),
    ]
    describe(picture, title, "; ".join(filter(None, notes)))
    ends = plt.Line2D([], [], color="0.45", linestyle="--", label="1 and number of texts")
    handles = [*legend_handles(order, styles, look), ends]
    outer_legend(picture, handles, ncols=max(2, int(picture.get_figwidth() / 1.6)))
    return picture


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a perplexity.

    Raises
    ------
    BlindmatchError
        If there is none.
    """
    rows = frame[frame["perplexity"].notna()]
    if rows.empty:
        raise BlindmatchError("perplexity: expected plans with a perplexity, found none")
    return rows


def _panel(axes: plt.Axes, part: pd.DataFrame, palette: dict, markers: dict) -> None:
    for level in (1, *dict.fromkeys(part["columns"])):
        axes.axhline(level, color="0.45", linestyle="--", linewidth=1)
        axes.annotate(
            f"{level:,}",
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color="0.35",
        )
    for slug, line in part.groupby("teacher", sort=False):
        points = line.groupby("epsilon")["perplexity"].agg(["mean", "min", "max"])
        look = {"color": palette[slug], "marker": markers[slug], "markersize": 4, "linewidth": 1.3}
        axes.plot(points.index, points["mean"], label=slug, **look)
        axes.fill_between(
            points.index, points["min"], points["max"], color=palette[slug], alpha=0.2, linewidth=0
        )
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter("{x:,g}")
    thin_ticks(axes, sorted(set(part["epsilon"])), "{:g}".format)


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each teacher and epsilon.

    Columns: n (draws); rows and columns of the plan; mean and standard deviation of the perplexity;
    perplexity_percent, its mean in per cent of the number of columns; mean standard deviation of
    the affinities; largest marginal error and largest number of iterations over the draws.

    Raises
    ------
    BlindmatchError
        If no row has a perplexity.
    """
    keys = [*_PROBLEM, "teacher", "epsilon"]
    rows = _known(frame)
    rows = rows.assign(perplexity_percent=100 * rows["perplexity"] / rows["columns"])
    table = rows.groupby(keys, sort=False).agg(
        n=("draw", "nunique"),
        rows=("rows", "max"),
        columns=("columns", "max"),
        perplexity_mean=("perplexity", "mean"),
        perplexity_sd=("perplexity", "std"),
        perplexity_percent=("perplexity_percent", "mean"),
        spread_mean=("spread", "mean"),
        marginal_error_max=("marginal_error", "max"),
        iterations_max=("iterations", "max"),
    )
    table = in_blocks(table.reset_index(), keys)
    table.attrs["decimals"] = {"perplexity": 1}
    table.attrs["note"] = (
        "Perplexity: over how many columns the mass of a row lies; spread: sd of the affinities"
    )
    return table
