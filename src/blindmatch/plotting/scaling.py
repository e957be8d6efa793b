"""Accuracy of the blind matching against the number of classes (paper, Fig. 5)."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns

from blindmatch.plotting.style import label_of, looks, new_figure, read_aggregate, save
from blindmatch.storage import publish


def draw_scaling(
    aggregate: str | Path,
    outputs: Iterable[str | Path],
    *,
    title: str,
    styles: Mapping[str, Mapping | None],
) -> None:
    """Mean and standard deviation of accuracy over ranks and draws for each pair of models.

    The random baseline is exact: a uniformly random permutation of N items has an accuracy of mean
    1 / N and standard deviation 1 / N.

    Parameters
    ----------
    aggregate : path-like
        Rows of an experiment.
    outputs : iterable of path-like
        One file for each, format by suffix.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    """
    frame = read_aggregate(aggregate)
    shown = ["vision", *(name for name in ("language", "metric", "solver") if varies(frame, name))]
    frame["series"] = [
        ", ".join(label_of(slug, styles) for slug in slugs)
        for slugs in frame[shown].itertuples(index=False)
    ]
    order = list(dict.fromkeys(frame["series"]))
    palette, markers = looks(order, [styles.get(slug) for slug in dict.fromkeys(frame["vision"])])

    figure, axes = new_figure()
    sizes = np.sort(frame["size"].unique())
    chance = 1 / sizes
    axes.plot(sizes, chance, color="0.45", linestyle="--", linewidth=1, label="random")
    axes.fill_between(sizes, 0, 2 * chance, color="0.45", alpha=0.15, linewidth=0)
    sns.lineplot(
        frame,
        x="size",
        y="accuracy",
        hue="series",
        style="series",
        hue_order=order,
        style_order=order,
        palette=palette,
        markers=markers,
        dashes=False,
        errorbar="sd",
        err_kws={"alpha": 0.15, "linewidth": 0},
        ax=axes,
    )
    axes.set(
        xlabel=f"number of classes N{_selection(frame)}",
        ylabel="matching accuracy",
        ylim=(-0.02, 1.02),
        xticks=sizes,
        title=f"{title}\n{_sample(frame)}",
    )
    axes.legend(title=_constant(frame, styles))
    save(figure, outputs)


def varies(frame: pd.DataFrame, column: str) -> bool:
    """Whether a column holds more than one value."""
    return frame[column].nunique() > 1


def _constant(frame: pd.DataFrame, styles: Mapping[str, Mapping | None]) -> str | None:
    """What all series share, for the head of the legend."""
    if varies(frame, "language"):
        return None
    return f"with {label_of(frame['language'].iloc[0], styles)}"


def _selection(frame: pd.DataFrame) -> str:
    return " (oracle-selected subsets)" if (frame["selection"] == "oracle").any() else ""


def _sample(frame: pd.DataFrame) -> str:
    """What a point is the mean of."""
    series = ["dataset", "metric", "solver", "vision", "language"]
    counts = frame.groupby([*series, "size"]).size().groupby("size").max()
    usual = int(counts.mode().iloc[0])
    others = [f"{n} at N = {size}" for size, n in counts.items() if n != usual]
    ranks, draws = frame["rank"].nunique(), frame["draw"].nunique()
    note = f"; {', '.join(others)}" if others else ""
    return f"mean $\\pm$ sd, n = {usual} a point ({ranks} subsets $\\times$ {draws} draws{note})"


def tabulate_scaling(aggregate: str | Path, csv: str | Path, tex: str | Path) -> None:
    """The numbers behind the figure, one row for each pair of models and size.

    Columns: n; mean and sd of accuracy; mean cost and mean cost of the true pairing in the metric's
    unit; share of matchings proved optimal; share in which a matching other than the truth is
    cheaper than the truth; median seconds of the solver; how the subsets were selected.
    """
    frame = read_aggregate(aggregate)
    frame["truth_beaten"] = frame["cost"] < frame["true_cost"] - 1e-9 * frame["true_cost"].abs()
    keys = ["dataset", "metric", "solver", "vision", "language", "size", "selection"]
    table = frame.groupby(keys, sort=False).agg(
        n=("accuracy", "size"),
        accuracy_mean=("accuracy", "mean"),
        accuracy_sd=("accuracy", "std"),
        cost_mean=("reported_cost", "mean"),
        true_cost_mean=("reported_true_cost", "mean"),
        proved_optimal=("optimal", "mean"),
        truth_beaten=("truth_beaten", "mean"),
        seconds_median=("seconds", "median"),
    )
    table = table.reset_index().round(4)
    publish(csv, table.to_csv(index=False, lineterminator="\n").encode())
    publish(tex, _latex(table).encode())


def _latex(table: pd.DataFrame) -> str:
    shown = table.drop(columns=[c for c in ("metric", "solver", "dataset") if not varies(table, c)])
    heads = {column: column.replace("_", " ") for column in shown}
    return shown.rename(columns=heads).to_latex(index=False, escape=True, float_format="%.3f")
