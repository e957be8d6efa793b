"""Memory and time of three ways to the gradient of KLOT (SOTAlign, Fig. 3)."""

import itertools
from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._alignments import legend_handles, thin_ticks
from blindmatch.plotting._notes import conditions
from blindmatch.plotting._rows import reason
from blindmatch.plotting._summary import in_blocks
from blindmatch.plotting.style import describe, label_of, looks, new_figure, outer_legend

#: The way that others are compared with.
_REFERENCE = "explicit"
_KEYS = ["size", "iteration", "way"]
_PANELS = {"megabytes": "memory beyond the inputs, MB", "seconds": "time, s"}
#: Of numbers of iterations, the largest first.
_DASHES = ["-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]

#: Why there is no measurement, where the status is too short to say it.
_REASONS = {"skipped": "more memory than is free"}

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """Peak memory and seconds against the number of rows, all logarithmic; medians over runs.

    A colour for each way to the gradient, a line style for each number of Sinkhorn iterations; bars
    reach from the smallest to the largest run. What did not run is named below the figure.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of gradients.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        Not needed.

    Raises
    ------
    BlindmatchError
        If nothing ran; with the reasons.
    """
    rows = _measured(frame)
    ways = list(dict.fromkeys(frame["way"]))
    palette, markers = looks(ways, [styles.get(way) for way in ways])
    iterations = sorted(set(rows["iteration"]), reverse=True)
    dashes = dict(zip(iterations, itertools.cycle(_DASHES), strict=False))
    picture, grid = new_figure(1, 2, size=(7.2, 3.7))
    for axes, (column, name) in zip(grid, _PANELS.items(), strict=True):
        for (way, iteration), line in rows.groupby(["way", "iteration"], sort=False):
            runs = line.groupby("size")[column].agg(["median", "min", "max"])
            axes.errorbar(
                runs.index,
                runs["median"],
                yerr=[runs["median"] - runs["min"], runs["max"] - runs["median"]],
                color=palette[way],
                marker=markers[way],
                linestyle=dashes[iteration],
                markersize=4,
                linewidth=1.3,
                elinewidth=0.8,
            )
        axes.set(xscale="log", yscale="log", xlabel="rows of each modality n", ylabel=name)
        axes.yaxis.set_major_formatter("{x:,g}")
        thin_ticks(axes, sorted(set(rows["size"])), "{:,}".format)
    runs = rows.groupby(_KEYS).size()
    counted = f"{runs.min()}" + (f" to {runs.max()}" if runs.max() > runs.min() else "")
    notes = [
        f"median, bars from the smallest to the largest run, n = {counted} "
        f"run{'s' if runs.max() > 1 else ''} a point; T: Sinkhorn iterations",
        _not_run(frame, styles),
        conditions(frame, styles),
    ]
    describe(picture, title, "; ".join(filter(None, notes)))
    handles = legend_handles(ways, styles, (palette, markers))
    handles += [
        plt.Line2D([], [], color="0.3", linestyle=dashes[count], label=f"T = {count:,}")
        for count in reversed(iterations)
    ]
    outer_legend(picture, handles, ncols=min(len(handles), 6))
    return picture


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that were measured.

    Raises
    ------
    BlindmatchError
        If there is none; with the reasons.
    """
    rows = frame[frame["status"] == "ok"]
    if rows.empty:
        reasons = "; ".join(sorted(set(frame["status"])))
        raise BlindmatchError(f"expected gradients that were measured, found none ({reasons})")
    return rows


def _not_run(frame: pd.DataFrame, styles: Styles) -> str | None:
    """What did not run, and why; of many reasons of a way, the first."""
    said = []
    for way, rows in frame[frame["status"] != "ok"].groupby("way", sort=False):
        where = ", ".join(
            f"n = {size:,} (T = {', '.join(map(str, dict.fromkeys(part['iteration'])))})"
            for size, part in rows.groupby("size")
        )
        reasons = _reasons(rows).unique()
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        said.append(f"{label_of(way, styles)} at {where}: {reasons[0]}{more}")
    return f"not run: {'; '.join(said)}" if said else None


def _reasons(rows: pd.DataFrame) -> pd.Series:
    return rows["status"].map(lambda status: _REASONS.get(status, reason(status)))


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each number of rows, of iterations and way.

    Columns: n (runs); medians of the peak of memory beyond the inputs in megabytes, of all memory
    in n × n float32 matrices, of seconds and of the relative error to a converged gradient;
    memory_ratio and seconds_ratio, medians of what a run took divided by what the explicit gradient
    of the same rows took. Where a way did not run, n is 0 and `skipped` says why.

    Raises
    ------
    BlindmatchError
        If nothing ran; with the reasons.
    """
    rows = _measured(frame)
    same = ["size", "iteration", "draw"]
    explicit = rows.loc[rows["way"] == _REFERENCE, [*same, *_PANELS]]
    paired = rows.merge(explicit, "left", on=same, suffixes=("", "_explicit"), validate="m:1")
    for column in _PANELS:
        paired[f"{column}_ratio"] = paired[column] / paired[f"{column}_explicit"]
    table = paired.groupby(_KEYS, sort=False).agg(
        n=("draw", "size"),
        megabytes_median=("megabytes", "median"),
        matrices_median=("matrices", "median"),
        seconds_median=("seconds", "median"),
        error_median=("error", "median"),
        memory_ratio=("megabytes_ratio", "median"),
        seconds_ratio=("seconds_ratio", "median"),
    )
    table = table.reindex(frame.groupby(_KEYS, sort=False).size().index)
    table["n"] = table["n"].fillna(0).astype(int)
    missing = frame[frame["status"] != "ok"]
    if len(missing):
        reasons = _reasons(missing).groupby([missing[key] for key in _KEYS])
        table["skipped"] = reasons.agg(lambda each: "; ".join(dict.fromkeys(each)))
    table = in_blocks(table.reset_index(), _KEYS).rename(columns={"iteration": "iterations"})
    said = "Ratios: to the explicit gradient of the same rows, measured in the same study; medians"
    table.attrs["note"] = "; ".join(filter(None, [said, _not_run(frame, {})]))
    return table
