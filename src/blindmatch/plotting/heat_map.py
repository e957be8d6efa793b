"""Matching accuracy of every pair of a vision and a language model (paper, Fig. 12 and 13)."""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.plotting._notes import footnote
from blindmatch.plotting._rows import labelled, of_metric, panels, with_accuracy
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, new_figure

_OTHERS = ["solver", "selection", "size"]
#: Inches of a cell; more where there are few.
_CELL = (0.215, 0.17)


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Mean accuracy over draws in per cent, in colour and in digits, a panel for each dataset.

    Models stand in the configured order; models of one label are one row or column.

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
    rows = with_accuracy(chosen).assign(
        row=lambda part: labelled(part, "vision", styles),
        column=lambda part: labelled(part, "language", styles),
    )
    order = [list(dict.fromkeys(rows[side])) for side in ("row", "column")]
    families = rows.groupby("row")["vision_family"].first()[order[0]].to_list()
    parts = list(panels(rows, ["dataset"], _OTHERS, styles))
    height, width = (len(names) for names in order)
    beside = max(1, min(len(parts), 3 if width <= 6 else 1))
    lines = -(-len(parts) // beside)
    cells = (max(beside * width * _CELL[0], 3.0), max(height * _CELL[1], 1.2))
    size = (cells[0] + 2.4, lines * (cells[1] + 1.5) + 0.5)
    picture, grid = new_figure(lines, beside, size=size, sharey=True, squeeze=False)
    for axes, (head, part) in zip(grid.flat, parts, strict=False):
        means = 100 * part.groupby(["row", "column"])["accuracy"].mean().unstack()
        image = _panel(axes, means.reindex(index=order[0], columns=order[1]), families)
        axes.set_title(head)
        _colour_bar(picture, axes, image, 100 / part["size"].iloc[0])
    for axes in grid.flat[len(parts) :]:
        axes.set_visible(False)
    note = footnote(chosen, rows, ["dataset", "solver", "selection", "row", "column"], styles)
    describe(picture, title, note.replace("mean ± sd", "mean").replace("a point", "a cell"))
    return picture


def _panel(axes: plt.Axes, means: pd.DataFrame, families: list[str]):
    """A grid of means in colour with digits, a white rule between families."""
    image = axes.imshow(means, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(means.columns)), means.columns, fontsize=6.5)
    axes.tick_params(length=0)
    plt.setp(axes.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(means.index)), means.index, fontsize=6.5)
    axes.spines[:].set_visible(False)
    for line, (family, following) in enumerate(itertools.pairwise(families)):
        if family != following:
            axes.axhline(line + 0.5, color="white", linewidth=1.5)
    for (row, column), mean in np.ndenumerate(means.to_numpy()):
        text = "–" if np.isnan(mean) else f"{mean:.0f}"
        colour = "black" if np.isnan(mean) or mean > 55 else "white"
        axes.text(column, row, text, color=colour, fontsize=6, ha="center", va="center")
    return image


def _colour_bar(picture: Figure, axes: plt.Axes, image, chance: float) -> None:
    bar = picture.colorbar(image, ax=axes, pad=0.015, fraction=0.05, aspect=25)
    bar.set_label("mean matching accuracy, %", fontsize=7.5)
    bar.outline.set_visible(False)
    bar.ax.axhline(chance, color="white", linewidth=1.5)
    ticks = {chance: "chance", 25: "25", 50: "50", 75: "75", 100: "100"}
    bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.ax.tick_params(labelsize=7)


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each pair of models; columns: `summarise`."""
    with_accuracy(frame)
    keys = ["dataset", "metric", "solver", "selection", "size", "vision", "language"]
    return summarise(frame, keys)
