"""Accuracy and similarity against the size of the vision model (paper, Fig. 11)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter
from scipy.stats import linregress

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._notes import footnote
from blindmatch.plotting._rows import labelled, of_metric, panels, usable, with_accuracy
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, label_of, looks, new_figure, outer_legend

_NAMED, _OTHERS = ["dataset", "language"], ["solver", "selection", "size"]
#: The names of more models stand beside the panels.
_MODELS_ABOVE = 6
#: A line through fewer models says nothing of them.
_FEWEST = 3


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Means of each vision model over its number of parameters, with a fit for each family.

    Above the accuracy, below (if a score is named) the similarity of the true pairs: the negative
    cost of the true pairing, so that higher is more alike. The fit is linear in the logarithm of
    the number of parameters, through families of three models or more. A column for each dataset
    and language model.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of matchings.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `metric`: of the accuracy; None: the study's first. `score`: of the similarity, or None.

    Raises
    ------
    BlindmatchError
        If no row holds a matching or an accuracy, no number of parameters is known, or the study
        lacks a metric.
    """
    score = figure.get("score")
    chosen = of_metric(frame, figure.get("metric"))
    quantities = {"matching accuracy": _measured(with_accuracy(chosen), "accuracy", styles)}
    if score is not None:
        name = f"similarity of true pairs,\n{label_of(score, styles)}"
        quantities[name] = _measured(usable(of_metric(frame, score)), "similarity", styles)
    rows = quantities["matching accuracy"]
    order = list(dict.fromkeys(rows["series"]))
    slugs = rows.groupby("series")["vision"].first()
    palette, markers = looks(order, [styles.get(slugs[name]) for name in order])

    columns = len(list(panels(rows, _NAMED, _OTHERS, styles)))
    size = (max(5.0, 0.8 + 2.3 * columns), 1.5 + 2.2 * len(quantities))
    layout = {"size": size, "sharex": True, "sharey": "row", "squeeze": False}
    picture, grid = new_figure(len(quantities), columns, **layout)
    for line, (name, part) in zip(grid, quantities.items(), strict=True):
        for axes, (head, measured) in zip(line, panels(part, _NAMED, _OTHERS, styles), strict=True):
            _panel(axes, measured, palette, markers)
            if name == "matching accuracy":
                axes.set_title(head.replace(", ", "\n"))
                axes.axhline(1 / measured["size"].iloc[0], color="0.4", linestyle="--", lw=1)
                axes.set_ylim(-0.03, 1.03)
        line[0].set_ylabel(name)
    for axes in grid[-1]:
        _count_parameters(axes, rows["parameters"])
    note = footnote(chosen, rows, [*_NAMED, "solver", "selection", "series"], styles)
    note = note.replace("mean ± sd", "mean") + "; dashed: chance, 1/N"
    describe(picture, title, "; ".join(filter(None, [note, _unknown(chosen, styles)])))
    _legend(picture, order, palette, markers)
    return picture


def _measured(rows: pd.DataFrame, value: str, styles: Mapping) -> pd.DataFrame:
    """The rows of models whose size is known, with the `value` to draw and the series."""
    parameters = pd.to_numeric(rows["vision_parameters"])
    if parameters.isna().all():
        raise BlindmatchError("vision_parameters: the size of no vision model is known")
    values = rows["accuracy"] if value == "accuracy" else -rows["reported_true_cost"]
    return rows.assign(
        parameters=parameters, value=values, series=labelled(rows, "vision", styles)
    )[parameters.notna()]


def _unknown(frame: pd.DataFrame, styles: Mapping) -> str | None:
    """The models that are not drawn, in words."""
    unknown = pd.to_numeric(frame["vision_parameters"]).isna()
    names = dict.fromkeys(labelled(frame[unknown], "vision", styles))
    return f"not drawn, number of parameters unknown: {', '.join(names)}" if names else None


def _count_parameters(axes: plt.Axes, parameters: pd.Series) -> None:
    """A logarithmic axis in millions; within one power of ten its ticks are evenly spaced."""
    axes.set(xscale="log", xlabel="vision parameters, millions")
    if parameters.max() < 10 * parameters.min():
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda count, _: f"{count / 1e6:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _panel(axes: plt.Axes, part: pd.DataFrame, palette: dict, markers: dict) -> None:
    models = part.groupby(["vision_family", "series"], sort=False)[["parameters", "value"]].mean()
    for (_, name), (parameters, value) in models.iterrows():
        look = {"color": palette[name], "marker": markers[name]}
        axes.plot(parameters, value, linestyle="none", markersize=5, **look)
    for _, family in models.groupby("vision_family", sort=False):
        fit = fitted(family["parameters"], family["value"])
        if fit is not None:
            ends = np.array([family["parameters"].min(), family["parameters"].max()])
            line = fit.intercept + fit.slope * np.log10(ends)
            colours = {palette[name] for name in family.index.get_level_values("series")}
            colour = colours.pop() if len(colours) == 1 else "0.5"
            axes.plot(ends, line, color=colour, linewidth=1.2, alpha=0.7)


def fitted(parameters: pd.Series, values: pd.Series):
    """Least-squares line of values over log10 of parameters; None for fewer than three models."""
    if len(values) < _FEWEST or parameters.nunique() < 2:
        return None
    return linregress(np.log10(parameters), values)


def _legend(picture: Figure, order: list, palette: dict, markers: dict) -> None:
    """Every model with its marker."""
    handles = [
        plt.Line2D([], [], color=palette[name], marker=markers[name], linestyle="none", label=name)
        for name in order
    ]
    if len(order) > _MODELS_ABOVE:
        outer_legend(picture, handles, beside=True, fontsize=6.5)
    else:
        outer_legend(picture, handles, ncols=3)


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each pair of models and metric.

    Columns: family, parameters, similarity of the true pairs (mean); the slopes per tenfold number
    of parameters and the correlations r of the family's fits, and the number of models fitted; the
    columns of `summarise`.
    """
    rows = with_accuracy(frame)
    parameters = pd.to_numeric(frame["vision_parameters"])
    keys = ["dataset", "language", "metric", "solver", "selection", "size"]
    table = summarise(
        frame.assign(parameters=parameters),
        [*keys, "vision_family", "vision"],
        parameters=("parameters", "mean"),
    )
    table["similarity_mean"] = -table["true_cost_mean"]
    fits = table.groupby([*keys, "vision_family"], sort=False, dropna=False).apply(_fits)
    table = table.merge(fits.reset_index(), how="left", on=[*keys, "vision_family"])
    first = [*keys, "vision_family", "vision", "parameters", "n"]
    table = table[[*first, *(name for name in table if name not in first)]]
    unknown = list(dict.fromkeys(rows.loc[parameters[rows.index].isna(), "vision"]))
    if unknown:
        table.attrs["note"] = f"Number of parameters unknown: {', '.join(unknown)}"
    return table


def _fits(family: pd.DataFrame) -> pd.Series:
    known = family[family["parameters"].notna() & (family["n"] > 0)]
    numbers = {"models_fitted": len(known) if len(known) >= _FEWEST else 0}
    for name, column in (("accuracy", "accuracy_percent_mean"), ("similarity", "similarity_mean")):
        fit = fitted(known["parameters"], known[column])
        numbers[f"{name}_slope"] = fit.slope if fit else np.nan
        numbers[f"{name}_r"] = fit.rvalue if fit else np.nan
    return pd.Series(numbers)
