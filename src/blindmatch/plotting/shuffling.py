"""Similarity against the share of shuffled pairs (paper, Fig. 2, 7, 8)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.plotting._notes import conditions
from blindmatch.plotting._rows import labelled, varying
from blindmatch.plotting.style import describe, label_of, looks, new_figure, outer_legend

_PANEL = ["dataset", "language", "metric"]

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """A panel for each metric, dataset and language model; a curve for each label of models.

    Means and standard deviations are taken over the draws and the models of one label. The scale of
    a distance (gw) depends on the models, so each of its curves is brought to 0 ... 1 by its
    smallest and largest value, as in the paper, but so that more is more alike.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of the shuffling study.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `zoom`: upper end of a second axis beside each panel of a similarity.
    """
    rows = frame.assign(
        series=labelled(frame, "vision", styles),
        shown=frame["similarity"].where(~frame["distance"], _scaled(frame, styles)),
    )
    order = list(dict.fromkeys(rows["series"]))
    slugs = rows.groupby("series")["vision"].first()
    palette, markers = looks(order, [styles.get(slugs[name]) for name in order])
    zoom = figure.get("zoom")
    listed = frame.attrs.get("metrics", list(rows["metric"]))
    groups = sorted(rows.groupby(_PANEL, sort=False), key=lambda group: listed.index(group[0][-1]))
    panels = [
        (names, part, magnified)
        for names, part in groups
        for magnified in ([False, True] if zoom and not part["distance"].any() else [False])
    ]
    picture, axes = _grid(len(panels))
    apart = [*varying(rows, _PANEL[:-1]), "metric"]
    for each, (names, part, magnified) in zip(axes, panels, strict=True):
        _panel(each, part, order, palette, markers)
        known = dict(zip(_PANEL, names, strict=True))
        head = ",\n".join(label_of(known[name], styles) for name in apart)
        if part["distance"].any():
            head += ",\nflipped, min–max scaled"
        elif magnified:
            head += ",\nmagnified"
            each.set_ylim(0, zoom)
        each.set_title(head)
    describe(picture, title, "; ".join([_sample(rows, styles), conditions(frame, styles)]))
    handles, _ = axes[0].get_legend_handles_labels()
    outer_legend(picture, handles, beside=True, labels=_called(rows, order))
    return picture


def _scaled(frame: pd.DataFrame, styles: Styles) -> pd.Series:
    """Similarity from 0 for the least to 1 for the most of each curve."""
    series = labelled(frame, "vision", styles).rename("series")
    values = frame["similarity"].groupby(
        [frame["dataset"], frame["language"], frame["metric"], series]
    )
    low, high = values.transform("min"), values.transform("max")
    return (frame["similarity"] - low) / (high - low).where(high > low, 1.0)


def _grid(count: int) -> tuple[Figure, list[plt.Axes]]:
    """As many axes as there are panels, up to three in a row, room for the legend beside them."""
    columns = 2 if count == 4 else min(count, 3)
    lines = -(-count // columns)
    width = (3.6, 4.6, 5.8)[columns - 1]
    size = (width + 1.6, 1.0 + (2.6 if columns == 1 else 2.2) * lines)
    picture, grid = new_figure(lines, columns, size=size, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("share of shuffled pairs")
    return picture, list(grid.flat[:count])


def _panel(axes: plt.Axes, part: pd.DataFrame, order: list[str], palette: dict, markers: dict):
    for name in order:
        curve = part[part["series"] == name]
        if curve.empty:
            continue
        means = curve.groupby("level")["shown"].agg(["mean", "std"])
        axes.plot(
            means.index,
            means["mean"],
            color=palette[name],
            marker=markers[name],
            markevery=max(1, len(means) // 10),
            markersize=3.5,
            linewidth=1.2,
            label=name,
        )
        low, high = means["mean"] - means["std"], means["mean"] + means["std"]
        axes.fill_between(means.index, low, high, color=palette[name], alpha=0.2, linewidth=0)
    axes.set(xlim=(-0.02, 1.02), xticks=(0, 0.5, 1), ylabel="similarity")


def _called(rows: pd.DataFrame, order: list[str]) -> list[str]:
    """Labels, with the number of models behind one where there are several."""
    models = rows.groupby("series")["vision"].nunique()
    return [f"{name} ({models[name]} models)" if models[name] > 1 else name for name in order]


def _sample(rows: pd.DataFrame, styles: Styles) -> str:
    """What a point is the mean of, of how many pairs a share is taken, what was scaled."""
    points = rows.groupby([*_PANEL, "series", "level"]).size()
    low, high = points.min(), points.max()
    sizes = rows.groupby("dataset", sort=False)["size"].first()
    pairs = ", ".join(f"{size:,}" for size in dict.fromkeys(sizes))
    distances = dict.fromkeys(rows.loc[rows["distance"], "metric"])
    named = ", ".join(label_of(slug, styles) for slug in distances)
    parts = [
        f"mean ± sd over {rows['draw'].nunique()} draws and over the models of one label",
        f"n = {low if low == high else f'{low:,} to {high:,}'} a point",
        f"N = {pairs} pairs",
        f"{named}: distances, min–max scaled for each curve and flipped, 1 is the least"
        if named
        else None,
    ]
    return "; ".join(filter(None, parts))


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each model and level.

    Columns: size (number of pairs N); level (share of them that is shuffled); n (draws); mean and
    standard deviation of the similarity. That of a distance is its negative, not scaled.
    """
    keys = ["dataset", "metric", "vision", "language", "size", "level"]
    table = frame.groupby(keys, sort=False).agg(
        n=("similarity", "size"),
        similarity_mean=("similarity", "mean"),
        similarity_sd=("similarity", "std"),
    )
    table = table.reset_index()
    if frame["distance"].any():
        named = ", ".join(dict.fromkeys(frame.loc[frame["distance"], "metric"]))
        table.attrs["note"] = f"The similarity of {named} is the negative of a distance."
    return table
