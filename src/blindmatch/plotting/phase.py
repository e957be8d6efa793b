"""Phase diagrams of planted problems: where optima are proved, and where they are the truth."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.plotting._notes import conditions
from blindmatch.plotting.style import describe, new_figure

#: Column of the rows and head of each panel; the first gets the time limit.
_PANELS = {
    "optimal": "optimum proved{within}",
    "truth_found": "matching is the truth",
    "truth_beaten": "truth is not optimal",
}


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Three panels over size and noise, each cell with its count of problems.

    Counts stand for what was found: a truth that is not beaten here may still not be optimal where
    the optimum is not proved.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of a phase diagram.
    title : str
    styles : mapping
        Slug -> {label, ...} or None.
    figure : mapping
        Not needed.
    """
    cells = frame.groupby(["noise", "size"])
    limit = frame["time_limit"].iloc[0]
    within = "" if pd.isna(limit) else f" within {limit:g} s"
    picture, axes = new_figure(1, 3, size=(7.2, 3.0), sharey=True)
    for each, (column, head) in zip(axes, _PANELS.items(), strict=True):
        image = _panel(each, cells[column].sum().unstack(), cells.size().unstack())
        each.set(title=head.format(within=within), xlabel="number of points N")
        each.spines[:].set_visible(True)
    axes[0].set_ylabel("noise, % of the points' sd")
    bar = picture.colorbar(image, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("share of the problems")
    sample = _sample(cells.size(), frame.attrs["dimension"])
    describe(picture, title, f"{sample}; {conditions(frame, styles)}")
    return picture


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


def _sample(totals: pd.Series, dimension: int) -> str:
    """What a digit is counted of."""
    usual = int(totals.mode().iloc[0])
    others = ", ".join(
        f"{n} at N = {size}, {noise} %" for (noise, size), n in totals.items() if n != usual
    )
    return (
        f"digits: how many of n = {usual} problems{f' ({others})' if others else ''}; "
        f"points of {dimension} coordinates"
    )


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the diagram, one row for each size and noise.

    Columns: n; share of optima proved; share of matchings that are the truth, and of those that are
    the truth and proved; share of problems whose truth is not optimal; mean accuracy; median gap;
    mean costs of the matching and of the truth in the metric's unit; median seconds of the solver,
    time limit.
    """
    rows = frame.assign(truth_proved=frame["optimal"] & frame["truth_found"])
    rows["time_limit"] = pd.to_numeric(rows["time_limit"])
    table = rows.groupby(["size", "noise"]).agg(
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
        time_limit=("time_limit", "max"),
    )
    return table.reset_index()
