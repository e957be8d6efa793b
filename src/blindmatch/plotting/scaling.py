"""Accuracy of the blind matching against the number of classes (paper, Fig. 5)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.plotting._notes import footnote
from blindmatch.plotting._rows import (
    SELECTIONS,
    by_way,
    labelled,
    of_metric,
    panels,
    varying,
    with_accuracy,
)
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, label_of, looks, new_figure, outer_legend

_PANELS_A_ROW = 3
_DASHES = {"oracle": "-", "blind": (0, (4, 2)), "none": "-"}


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Mean and standard deviation of accuracy over ranks and draws for each pair of models.

    A panel for each dataset; a line style for each way of selecting subsets. In subsets that were
    selected blindly, a vision class counts as matched if its language class was selected, too, and
    is its match. The random baseline is that of a uniformly random permutation of N items, whose
    accuracy has mean 1 / N and standard deviation 1 / N.

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
    rows = by_way(with_accuracy(chosen))
    names = pd.concat(
        [
            labelled(rows, name, styles)
            for name in ("vision", *varying(rows, ["language", "solver"]))
        ],
        axis="columns",
    )
    rows = rows.assign(series=names.agg(", ".join, axis="columns"))
    order = list(dict.fromkeys(rows["series"]))
    slugs = dict.fromkeys(rows.drop_duplicates("series")["vision"])
    palette, markers = looks(order, [styles.get(slug) for slug in slugs])

    parts = list(panels(rows, ["dataset"], [], styles))
    columns = min(len(parts), _PANELS_A_ROW)
    lines = -(-len(parts) // columns)
    size = (5.0 if columns == 1 else 0.6 + 3.0 * columns, 1.6 + 2.3 * lines)
    picture, grid = new_figure(lines, columns, size=size, sharey=True, squeeze=False)
    for axes, (head, part) in zip(grid.flat, parts, strict=False):
        _panel(axes, part, palette, markers)
        axes.set(title=head, xlabel="number of classes N")
    for axes in grid.flat[len(parts) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("matching accuracy")
    same = set(rows["language"])
    head = f"with {label_of(same.pop(), styles)}" if len(same) == 1 else None
    describe(picture, title, footnote(chosen, rows, ["dataset", "way", "series"], styles))
    columns = max(2, int(picture.get_figwidth() / 1.7))
    outer_legend(picture, _handles(rows, order, palette, markers), title=head, ncols=columns)
    return picture


def _panel(axes: plt.Axes, part: pd.DataFrame, palette: dict, markers: dict) -> None:
    sizes = sorted(part["size"].unique())
    chance = pd.Series([1 / size for size in sizes])
    axes.plot(sizes, chance, color="0.45", linestyle=":", linewidth=1.2)
    axes.fill_between(sizes, 0, 2 * chance, color="0.45", alpha=0.15, linewidth=0)
    for (name, way), line in part.groupby(["series", "way"], sort=False):
        accuracy = line.groupby("size")["accuracy"].agg(["mean", "std"])
        low, high = accuracy["mean"] - accuracy["std"], accuracy["mean"] + accuracy["std"]
        look = {"color": palette[name], "marker": markers[name], "linestyle": _DASHES[way]}
        axes.plot(accuracy.index, accuracy["mean"], markersize=4, linewidth=1.3, **look)
        axes.fill_between(accuracy.index, low, high, color=palette[name], alpha=0.13, linewidth=0)
    axes.set(ylim=(-0.02, 1.02), xticks=sizes)


def _handles(rows: pd.DataFrame, order: list, palette: dict, markers: dict) -> list[plt.Line2D]:
    series = [
        plt.Line2D([], [], color=palette[name], marker=markers[name], markersize=4, label=name)
        for name in order
    ]
    selections = [
        plt.Line2D([], [], color="0.3", linestyle=_DASHES[way], label=SELECTIONS[way])
        for way in dict.fromkeys(rows["way"])
        if way != "none"
    ]
    chance = plt.Line2D([], [], color="0.45", linestyle=":", label="random: 1/N ± 1/N")
    return [*series, *selections, chance]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, one row for each pair of models, selection and size.

    Columns: `summarise`.
    """
    with_accuracy(frame)
    keys = ["dataset", "metric", "solver", "vision", "language", "selection", "size"]
    return summarise(frame, keys)
