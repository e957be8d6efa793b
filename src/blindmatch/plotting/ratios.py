"""Histograms of distance ratios: how a model stretches those of a reference (paper, Fig. 9)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.plotting._notes import conditions
from blindmatch.plotting._rows import labelled, varying
from blindmatch.plotting.style import describe, label_of, looks, new_figure

_PANEL = ["dataset", "reference", "embeddings"]
_AXES = {
    "normalised": "ratio, embeddings of length 1",
    "raw": "ratio / mean ratio, raw embeddings",
}

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """A histogram for each label of models: mean and standard deviation over its models.

    Two panels for each dataset: embeddings of length 1, as in the paper, and raw ones, whose ratios
    are Lipschitz constants of the network, in units of their mean.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of the ratio study.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        Not needed.
    """
    rows = frame.assign(
        series=labelled(frame, "model", styles),
        density=frame["count"] / frame["pairs"] / (frame["high"] - frame["low"]),
    )
    order = list(dict.fromkeys(rows["series"]))
    slugs = rows.groupby("series")["model"].first()
    palette, _ = looks(order, [styles.get(slugs[name]) for name in order])
    parts = list(rows.groupby(_PANEL, sort=False))
    lines = -(-len(parts) // 2)
    height = 0.9 + (2.4 + 0.16 * len(order)) * lines
    picture, grid = new_figure(lines, 2, size=(7.2, height), squeeze=False)
    apart = varying(rows, ["dataset", "reference"])
    for axes, (names, part) in zip(grid.flat, parts, strict=True):
        for name in order:
            _histogram(axes, part[part["series"] == name], name, palette[name], styles)
        known = dict(zip(_PANEL, names, strict=True))
        axes.set(
            xlabel=_AXES[known["embeddings"]],
            ylabel="density",
            xlim=(0, part["high"].max()),
            ylim=(0, None),
        )
        head = ", ".join(label_of(known[name], styles) for name in apart)
        axes.legend(title=head, loc="lower left", bbox_to_anchor=(0, 1), fontsize=7)
    reference = ", ".join(label_of(slug, styles) for slug in dict.fromkeys(rows["reference"]))
    several = rows.groupby("series")["model"].nunique().max() > 1
    notes = [
        f"distances relative to those of {reference}",
        "mean ± sd (band) over the models of one label" if several else None,
        _pairs(rows),
        conditions(frame, styles),
    ]
    describe(picture, title, "; ".join(filter(None, notes)))
    return picture


def _histogram(axes: plt.Axes, part: pd.DataFrame, name: str, colour, styles: Styles) -> None:
    """Steps of the mean density, a band of one standard deviation, and what lies beyond."""
    if part.empty:
        return
    bins = part.groupby(["low", "high"])["density"].agg(["mean", "std"]).reset_index()
    models = part.drop_duplicates("model")
    above = models["above"].sum() / models["pairs"].sum()
    label = (
        f"{name}, n = {len(models)}: {_percent(above)} ≥ {part['high'].max():g}, "
        f"largest {models['largest'].max():.3g}"
    )
    ends = [*bins["low"], bins["high"].iloc[-1]]
    axes.stairs(bins["mean"], ends, color=colour, linewidth=1.2, label=label)
    axes.stairs(bins["mean"], ends, color=colour, fill=True, alpha=0.08)
    if len(models) > 1:
        axes.stairs(
            bins["mean"] + bins["std"],
            ends,
            baseline=(bins["mean"] - bins["std"]).clip(lower=0),
            color=colour,
            fill=True,
            alpha=0.35,
            linewidth=0,
        )


def _percent(share: float) -> str:
    return "none" if share == 0 else f"{100 * share:.2g} %"


def _pairs(rows: pd.DataFrame) -> str:
    """Of how many pairs of images a histogram is made."""
    counts = sorted(set(rows["pairs"]))
    span = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return f"{span} pairs of images a model"


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each model and form of its embeddings.

    Columns: pairs (of images that have a ratio); equal (pairs that have none, as they are equal in
    the reference); unit (the mean ratio, if embeddings are raw); mean and standard deviation of the
    ratios in that unit; above_percent: share of those of 2 or more; largest_ratio, in no unit: of
    raw embeddings the empirical Lipschitz constant of the network.
    """
    keys = ["dataset", "reference", "model", "embeddings"]
    table = frame.drop_duplicates(keys)
    table = table.assign(
        ratio_mean=table["mean"],
        ratio_sd=table["sd"],
        above_percent=100 * table["above"] / table["pairs"],
        largest_ratio=table["largest"] * table["unit"],
    )
    numbers = ["pairs", "equal", "unit", "ratio_mean", "ratio_sd", "above_percent", "largest_ratio"]
    return table[[*keys, *numbers]].reset_index(drop=True)
