"""Rows of alignment studies: their scores, what tells them apart, and what stands in the note."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._intervals import bootstrap_interval, t_margin
from blindmatch.plotting._rows import called, panels, varying
from blindmatch.plotting.style import label_of, new_figure

#: Column of a score -> how it is called in print; shares are shown in per cent.
SCORES = {
    "mean_r1": "MeanR@1",
    "mean_r5": "MeanR@5",
    "t2i_r1": "T2I R@1",
    "t2i_r5": "T2I R@5",
    "i2t_r1": "I2T R@1",
    "i2t_r5": "I2T R@5",
    "top1": "top-1",
    "top5": "top-5",
}
#: What tells one question from another; methods are compared on the same one.
QUESTION = ["split", "vision", "language", "evaluation"]
COUNTS = ["pair_count", "unpaired_count"]
#: Width of a letter below an axis, in inches.
_LETTER = 0.08

Styles = Mapping[str, Mapping | None]


def scored(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    """The rows that have a score, as column `percent`.

    Raises
    ------
    BlindmatchError
        If there is no such score, or no row has it.
    """
    if score not in SCORES:
        raise BlindmatchError(f"score: expected one of {', '.join(SCORES)}, found {score!r}")
    rows = frame.assign(percent=100 * pd.to_numeric(frame[score]))
    rows = rows[rows["percent"].notna()]
    if rows.empty:
        tasks = ", ".join(dict.fromkeys(frame["task"]))
        raise BlindmatchError(f"score: expected rows with a {score}, found none (tasks: {tasks})")
    return rows


def chance_percent(rows: pd.DataFrame, score: str) -> pd.Series:
    """What a random ranking scores, in per cent; retrieval: mean of both directions."""
    chance = {"top1": rows["chance"], "top5": (5 * rows["chance"]).clip(upper=1)}
    known = chance[score] if score in chance else rows[f"chance_{score[-2:]}"]
    return 100 * pd.to_numeric(known)


def question_panels(
    rows: pd.DataFrame, columns: Sequence[str], styles: Styles
) -> list[tuple[str, pd.DataFrame]]:
    """Titles and rows of panels, one for each combination of those columns that vary."""
    apart = varying(rows, columns)
    return list(panels(rows, apart, [], styles)) if apart else [("", rows)]


def panel_grid(
    parts: Sequence[tuple[str, pd.DataFrame]], *, alone: float, height: float, **options
) -> tuple[Figure, list[plt.Axes], int]:
    """A figure with axes for each part, titled, up to three in a row, and their number in a row.

    Parameters
    ----------
    parts : sequence of (str, pd.DataFrame)
        As of `question_panels`.
    alone : float
        Width of a figure of one panel, in inches.
    height : float
        Of all but the panels, in inches.
    **options
        Of `plt.subplots`.
    """
    columns = 2 if len(parts) == 4 else min(len(parts), 3)
    lines = -(-len(parts) // columns)
    size = (alone if columns == 1 else 0.6 + 2.2 * columns, height + 2.2 * lines)
    picture, grid = new_figure(lines, columns, size=size, squeeze=False, **options)
    for axes in grid.flat[len(parts) :]:
        axes.set_visible(False)
    for axes, (head, _) in zip(grid.flat, parts, strict=False):
        axes.set_title(head.replace(", ", "\n"))
    return picture, list(grid.flat[: len(parts)]), columns


def thin_ticks(axes: plt.Axes, values: Sequence[float], say: Callable[[float], str]) -> None:
    """Ticks at ascending values of a drawn x axis, named where there is room for their names."""
    scale = axes.xaxis.get_transform()
    places = scale.transform(np.asarray(values, float))
    margin = 0.06 * np.ptp(places) or 0.5
    ends = np.array([places[0] - margin, places[-1] + margin])
    width = axes.figure.get_figwidth() * axes.get_position().width
    letter = _LETTER / width * np.ptp(ends)
    names, end = [], -np.inf
    for value, place in zip(values, places, strict=True):
        name = say(value)
        half = (len(name) + 0.5) * letter / 2
        names.append(name if place - half >= end else "")
        end = place + half if names[-1] else end
    axes.set_xticks(values, names)
    axes.minorticks_off()
    axes.set_xlim(scale.inverted().transform(ends))


def legend_handles(order: Sequence[str], styles: Styles, looks: tuple) -> list[plt.Line2D]:
    """A line with its marker for each slug; `looks` are their palette and markers."""
    palette, markers = looks
    return [
        plt.Line2D(
            [],
            [],
            color=palette[slug],
            marker=markers[slug],
            markersize=4,
            label=label_of(slug, styles),
        )
        for slug in order
    ]


def constant(rows: pd.DataFrame, columns: Sequence[str], styles: Styles) -> list[str]:
    """What is the same in all rows, in the words of a note."""
    same = [column for column in columns if column not in varying(rows, columns)]
    return [called(column, rows[column].iloc[0], styles) for column in same]


def counted(rows: pd.DataFrame, keys: Sequence[str]) -> str:
    """How many draws a point is about; `keys` tell the points apart."""
    draws = rows.groupby(list(keys), dropna=False)["draw"].nunique()
    return f"n = {_span(draws)} draw{'s' if draws.max() > 1 else ''}"


def galleries(rows: pd.DataFrame, styles: Styles) -> str:
    """Among how many images and texts, or classes, the rows of each evaluation search."""
    said = []
    for (evaluation, task), part in rows.groupby(["evaluation", "task"], sort=False):
        others = "classes" if task == "zero-shot" else "texts"
        sizes = f"{_span(part['images'])} images, {_span(part[others])} {others}"
        said.append(f"{called('evaluation', evaluation, styles)}: {sizes}")
    return "; ".join(said)


def _span(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def reference_of(rows: pd.DataFrame, preferred: str | None = None) -> str:
    """The method that others are compared with: the preferred one if it is there, or the first."""
    methods = list(dict.fromkeys(rows["method"]))
    return preferred if preferred in methods else methods[0]


def differing_from(reference: str) -> str:
    """How differences come about, for a note."""
    return (
        f"difference to {reference}: mean over the same draws, 95 % percentile bootstrap interval"
    )


def with_difference(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The rows with their `difference` to the reference on the same draw; NaN for its own."""
    same = [*QUESTION, *COUNTS, "draw"]
    others = rows.loc[rows["method"] == reference, [*same, "percent"]]
    paired = rows.merge(others, "left", on=same, suffixes=("", "_of_reference"), validate="m:1")
    difference = paired["percent"] - paired["percent_of_reference"]
    return paired.assign(difference=difference.mask(paired["method"] == reference))


def mean_with_interval(values: pd.Series, name: str) -> dict[str, float]:
    """Columns of a mean, its standard deviation and Student's 95 % interval."""
    mean, margin = values.mean(), t_margin(values)
    return {
        f"{name}_mean": mean,
        f"{name}_sd": values.std(),
        f"{name}_low": mean - margin,
        f"{name}_high": mean + margin,
    }


def paired_difference(differences: pd.Series, name: str = "difference_percent") -> dict[str, float]:
    """Columns of the mean of paired differences and its bootstrap interval."""
    known = differences.dropna()
    low, high = bootstrap_interval(known)
    mean = known.mean() if len(known) else np.nan
    return {f"{name}_mean": mean, f"{name}_low": low, f"{name}_high": high}


def grouped(rows: pd.DataFrame, keys: Sequence[str]) -> Iterator[tuple[dict, pd.DataFrame]]:
    """The rows of each combination of keys, with what the keys are there."""
    for values, part in rows.groupby(list(keys), sort=False, dropna=False):
        yield dict(zip(keys, values, strict=True)), part
