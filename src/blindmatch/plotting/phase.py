"""Phase diagrams of planted problems: where optima are proved, and where they are the truth."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from blindmatch.plotting.style import LOOK, save
from blindmatch.storage import publish, read_table

#: Column of the rows and head of each panel; the first gets the time limit.
_PANELS = {
    "optimal": "optimum proved{within}",
    "truth_found": "matching is the truth",
    "truth_beaten": "truth is not optimal",
}


def draw_phase(aggregate: str | Path, outputs: Iterable[str | Path], *, title: str) -> None:
    """Three panels over size and noise, each cell with its count of problems.

    Counts stand for what was found: a truth that is not beaten here may still not be optimal where
    the optimum is not proved.

    Parameters
    ----------
    aggregate : path-like
        Rows of a phase diagram.
    outputs : iterable of path-like
        One file for each, format by suffix.
    title : str
    """
    rows, settings = read_table(aggregate)
    cells = pd.DataFrame(rows).groupby(["noise", "size"])
    limit = settings["time_limit"]
    within = "" if limit is None else f" within {limit:g} s"
    with matplotlib.rc_context({**LOOK, "axes.spines.top": True, "axes.spines.right": True}):
        figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.0), sharey=True, layout="constrained")
        for each, (column, head) in zip(axes, _PANELS.items(), strict=True):
            image = _panel(each, cells[column].sum().unstack(), cells.size().unstack())
            each.set(title=head.format(within=within), xlabel="number of points N")
        axes[0].set_ylabel("noise, % of the points' sd")
        bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.01)
        bar.set_label("share of the problems")
        figure.suptitle(f"{title}\n{_sample(cells.size(), settings)}", fontsize=9)
        save(figure, outputs)


def _panel(axes: plt.Axes, counts: pd.DataFrame, totals: pd.DataFrame):
    """A grid of shares in colour with the counts in digits; smallest noise at the bottom."""
    shares = counts / totals
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, origin="lower", aspect="auto")
    axes.set_xticks(range(len(counts.columns)), counts.columns, fontsize=7)
    axes.set_yticks(range(len(counts.index)), counts.index, fontsize=7)
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        if not np.isnan(count):
            colour = "white" if shares.iat[row, column] > 0.6 else "black"
            axes.text(
                column, row, f"{count:.0f}", color=colour, fontsize=6.5, ha="center", va="center"
            )
    return image


def _sample(totals: pd.Series, settings: dict) -> str:
    """What a digit is counted of."""
    usual = int(totals.mode().iloc[0])
    others = ", ".join(
        f"{n} at N = {size}, {noise} %" for (noise, size), n in totals.items() if n != usual
    )
    return (
        f"digits: how many of n = {usual} problems{f' ({others})' if others else ''}; "
        f"points of {settings['dimension']} coordinates"
    )


def tabulate_phase(aggregate: str | Path, csv: str | Path, tex: str | Path) -> None:
    """The numbers behind the diagram, one row for each size and noise.

    Columns: n; share of optima proved; share of matchings that are the truth, and of those that are
    the truth and proved; share of problems whose truth is not optimal; mean accuracy; median gap;
    mean costs of the matching and of the truth in the metric's unit; median seconds of the solver.
    """
    frame = pd.DataFrame(read_table(aggregate)[0])
    frame["truth_proved"] = frame["optimal"] & frame["truth_found"]
    table = frame.groupby(["size", "noise"]).agg(
        n=("draw", "size"),
        proved_optimal=("optimal", "mean"),
        truth_found=("truth_found", "mean"),
        truth_proved=("truth_proved", "mean"),
        truth_beaten=("truth_beaten", "mean"),
        accuracy_mean=("accuracy", "mean"),
        gap_median=("gap", "median"),
        cost_mean=("reported_cost", "mean"),
        true_cost_mean=("reported_true_cost", "mean"),
        seconds_median=("seconds", "median"),
    )
    table = table.reset_index().round(4)
    heads = {column: column.replace("_", " ") for column in table}
    latex = table.rename(columns=heads).to_latex(index=False, escape=True, float_format="%.3f")
    publish(csv, table.to_csv(index=False, lineterminator="\n").encode())
    publish(tex, latex.encode())
