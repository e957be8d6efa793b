"""Matching accuracy of each vision model (paper, Fig. 4)."""

import itertools
from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from blindmatch.plotting._notes import footnote
from blindmatch.plotting._rows import labelled, of_metric, panels, with_accuracy
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, looks, new_figure

_NAMED, _OTHERS = ["dataset", "language"], ["solver", "selection", "size"]
_PANELS_A_ROW = 4


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """A line for each vision model, in the configured order: mean and sd of accuracy over draws.

    A panel for each dataset and language model (and solver, selection, size, where they vary).
    Models of one label are one line.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of matchings.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `metric`: which is shown; None: the study's first.

    Raises
    ------
    BlindmatchError
        If no row holds a matching or an accuracy.
    """
    chosen = of_metric(frame, figure.get("metric"))
    rows = with_accuracy(chosen).assign(series=lambda part: labelled(part, "vision", styles))
    order = list(dict.fromkeys(rows["series"]))
    slugs = rows.groupby("series")["vision"].first()
    palette, markers = looks(order, [styles.get(slugs[name]) for name in order])

    parts = list(panels(rows, _NAMED, _OTHERS, styles))
    columns = min(len(parts), _PANELS_A_ROW)
    lines = -(-len(parts) // columns)
    width = {1: 3.4, 2: 2.4}.get(columns, 1.9)
    size = (1.6 + width * columns, 0.9 + lines * (0.4 + max(1.0, 0.165 * len(order))))
    picture, grid = new_figure(lines, columns, size=size, sharex=True, sharey=True, squeeze=False)
    for axes, (head, part) in zip(grid.flat, parts, strict=False):
        _panel(axes, part, order, palette, markers)
        axes.set_title(head.replace(", ", "\n"))
    for axes in grid.flat[len(parts) :]:
        axes.set_visible(False)
    families = rows.groupby("series")["vision_family"].first()
    for axes in grid[:, 0]:
        _name_models(axes, order, palette, list(families[order]))
    for axes in grid[-1]:
        axes.set_xlabel("matching accuracy")
    note = footnote(chosen, rows, [*_NAMED, "solver", "selection", "series"], styles)
    describe(picture, title, f"{note}; dashed: chance, 1/N")
    return picture


def _panel(axes: plt.Axes, part: pd.DataFrame, order: list[str], palette: dict, markers: dict):
    accuracy = part.groupby("series")["accuracy"].agg(["mean", "std"])
    axes.axvline(1 / part["size"].iloc[0], color="0.4", linestyle="--", linewidth=1)
    for line, name in enumerate(order):
        if name not in accuracy.index:
            continue
        mean, width = accuracy.loc[name]
        axes.errorbar(
            mean,
            line,
            xerr=width,
            color=palette[name],
            marker=markers[name],
            markersize=4.5,
            elinewidth=1.2,
            linestyle="none",
        )
    axes.grid(axis="y", color="0.92", linewidth=0.6)
    axes.set(xlim=(-0.03, 1.03), ylim=(len(order) - 0.4, -0.6))
    axes.set_axisbelow(True)


def _name_models(axes: plt.Axes, order: list[str], palette: dict, families: list[str]) -> None:
    """Model names in the colour of their points, a rule between families."""
    axes.set_yticks(range(len(order)), order, fontsize=7)
    for name, text in zip(order, axes.get_yticklabels(), strict=True):
        text.set_color(palette[name])
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    for line, (family, following) in enumerate(itertools.pairwise(families)):
        if family != following:
            axes.plot(
                [-0.5, 1],
                [line + 0.5] * 2,
                color="0.75",
                linewidth=0.6,
                transform=beside,
                clip_on=False,
            )


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each pair of models; columns: `summarise`."""
    with_accuracy(frame)
    keys = ["dataset", "metric", "solver", "vision", "language", "selection", "size"]
    return summarise(frame, keys)
