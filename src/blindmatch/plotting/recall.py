"""Recall against the number of pairs or of unpaired rows (SOTAlign, Fig. 4)."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from blindmatch.plotting._alignments import (
    COUNTS,
    QUESTION,
    SCORES,
    chance_percent,
    constant,
    counted,
    differing_from,
    galleries,
    grouped,
    legend_handles,
    mean_with_interval,
    paired_difference,
    panel_grid,
    question_panels,
    reference_of,
    scored,
    thin_ticks,
    with_difference,
)
from blindmatch.plotting._notes import conditions
from blindmatch.plotting._summary import in_blocks
from blindmatch.plotting.style import describe, looks, outer_legend

_AXES = {
    "pairs": ("pair_count", "number of pairs"),
    "unpaired": ("unpaired_count", "unpaired rows a side"),
}
#: In a table, of those scores that rows have.
_TABULATED = ("mean_r1", "mean_r5", "top1")
_REFERENCE = "sail"

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """A line for each method: mean over draws, with the band of Student's 95 % interval.

    A panel for each split, pair of models, evaluation and number of the other kind of rows, where
    they vary. The dotted line is chance.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of alignments.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `against`: whose number grows to the right, `pairs` (default) or `unpaired`. `score`: which
        column is shown; None: `mean_r5`.

    Raises
    ------
    BlindmatchError
        If no row has the score.
    """
    score = figure.get("score") or "mean_r5"
    column, name = _AXES[figure.get("against") or "pairs"]
    rows = scored(frame, score)
    rows = rows.assign(chance_percent=chance_percent(rows, score))
    apart = [*QUESTION, *(other for other in COUNTS if other != column)]
    order = list(dict.fromkeys(rows["method"]))
    look = looks(order, [styles.get(slug) for slug in order])
    parts = question_panels(rows, apart, styles)
    alike = rows["evaluation"].nunique() == 1
    picture, grid, columns = panel_grid(parts, alone=5.0, height=1.8, sharey=alike)
    for axes, (_, part) in zip(grid, parts, strict=True):
        _panel(axes, part, column, *look)
        axes.set_xlabel(name)
    for axes in grid:
        axes.set_ylim(bottom=0)
    for axes in grid[::columns]:
        axes.set_ylabel(f"{SCORES[score]}, %")
    sample = counted(rows, [*apart, column, "method"])
    notes = [
        f"mean over draws, band: Student's 95 % interval, {sample} a point",
        *constant(rows, [name for name in apart if name != "evaluation"], styles),
        galleries(rows, styles),
        conditions(frame, styles),
    ]
    describe(picture, title, "; ".join(notes))
    chance = plt.Line2D([], [], color="0.45", linestyle=":", label="chance")
    handles = [*legend_handles(order, styles, look), chance]
    outer_legend(picture, handles, ncols=max(2, int(picture.get_figwidth() / 1.6)))
    return picture


def _panel(axes: plt.Axes, part: pd.DataFrame, column: str, palette: dict, markers: dict) -> None:
    """Lines and bands over the numbers of a column, and chance."""
    for slug, line in part.groupby("method", sort=False):
        points = pd.DataFrame(
            {
                count: mean_with_interval(each["percent"], "score")
                for count, each in line.groupby(column)
            }
        ).T
        look = {"color": palette[slug], "marker": markers[slug], "markersize": 4, "linewidth": 1.3}
        axes.plot(points.index, points["score_mean"], label=slug, **look)
        low, high = points["score_low"], points["score_high"]
        axes.fill_between(points.index, low, high, color=palette[slug], alpha=0.12, linewidth=0)
    chance = part.groupby(column)["chance_percent"].mean()
    axes.axhline(chance.mean(), color="0.45", linestyle=":", linewidth=1.2)
    _number_axis(axes, sorted(part[column].unique()))


def _number_axis(axes: plt.Axes, counts: Sequence[int]) -> None:
    """Ticks at the numbers that occur; a logarithmic axis for more than a decade."""
    positive = [count for count in counts if count > 0]
    if positive and max(positive) > 10 * min(positive):
        if len(positive) == len(counts):
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=min(positive), linscale=0.5)
    thin_ticks(axes, counts, EngFormatter(sep=""))


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each score, number of rows and method.

    Columns: n (draws); mean, standard deviation and Student's 95 % interval of the score in per
    cent; chance; mean difference to the reference (SAIL, or the first method) on the same draws,
    with its bootstrap interval.

    Raises
    ------
    BlindmatchError
        If no row has a score.
    """
    keys = [*QUESTION, "score", *COUNTS, "method"]
    reference = reference_of(frame, _REFERENCE)
    known = [score for score in _TABULATED if frame[score].notna().any()] or [_TABULATED[0]]
    rows = pd.concat([_scores(frame, score, reference) for score in known])
    records = [
        values
        | {"n": part["draw"].nunique()}
        | mean_with_interval(part["percent"], "score_percent")
        | {"chance_percent": part["chance_percent"].mean()}
        | paired_difference(part["difference"])
        for values, part in grouped(rows, keys)
    ]
    table = in_blocks(pd.DataFrame(records), keys)
    table.attrs["note"] = f"Score: mean ± sd, Student's 95 % interval; {differing_from(reference)}"
    return table


def _scores(frame: pd.DataFrame, score: str, reference: str) -> pd.DataFrame:
    """The rows that have a score, with its chance and its differences to the reference."""
    rows = scored(frame, score)
    rows = rows.assign(score=SCORES[score], chance_percent=chance_percent(rows, score))
    return with_difference(rows, reference)
