"""Alignment without any pair: plain matching of clusters, its refinement, and oracles beside."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._alignments import (
    constant,
    counted,
    grouped,
    paired_difference,
    panel_grid,
    question_panels,
)
from blindmatch.plotting._intervals import t_margin
from blindmatch.plotting._notes import conditions
from blindmatch.plotting._summary import in_blocks
from blindmatch.plotting.style import describe, looks, outer_legend

_PROBLEM = ["dataset", "metric", "clustering", "solver", "vision", "language", "method"]
#: What a draw reaches -> how it is called below the axis; of `_draws`.
_STAGES = {
    "plain": "plain",
    "refined": "refined",
    "oracle_names": "oracle:\nnames",
    "oracle_start": "oracle:\nstart",
}
#: What the oracles are, for the note.
_ORACLES = {
    "oracle_names": "oracle names: the best names of the plain clusters",
    "oracle_start": "oracle start: the same refinement, started from the oracle's names",
}
#: Differences in accuracy below this are none.
_SAME = 1e-12

Styles = Mapping[str, Mapping | None]


def draw(frame: pd.DataFrame, *, title: str, styles: Styles, figure: Mapping) -> Figure:
    """Accuracy of each draw, plain, refined and with oracles; lines join plain and refined.

    Large marks are means with Student's 95 % interval. Plain: clusters named by the matching.
    Refined: the round that the stop rule keeps, which sees no label. Oracles see the labels: the
    best names of the plain clusters, and the refinement started from these names. A panel for each
    dataset, metric, clustering, solver, pair of models and method, where they vary.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of blind alignments.
    title : str
    styles : mapping
        Slug -> {label, ...} or None.
    figure : mapping
        Not needed.

    Raises
    ------
    BlindmatchError
        If a draw has not exactly one plain and one kept round.
    """
    draws = _draws(frame)
    stages = [stage for stage in _STAGES if draws[stage].notna().any()]
    palette, _ = looks(stages, [])
    parts = question_panels(draws, _PROBLEM, styles)
    picture, grid, columns = panel_grid(parts, alone=4.2, height=1.7, sharey=True)
    for axes, (_, part) in zip(grid, parts, strict=True):
        _panel(axes, part, stages, palette)
    for axes in grid[::columns]:
        axes.set_ylabel("images named rightly, %")
    notes = [
        f"a point a draw, {counted(draws, _PROBLEM)}; large marks: mean, Student's 95 % interval; "
        "above: mean difference of the same draws, 95 % bootstrap interval",
        *(_ORACLES[stage] for stage in stages if stage in _ORACLES),
        f"images: {', '.join(f'{count:,}' for count in sorted(set(draws['images'])))}",
        *constant(draws, _PROBLEM, styles),
        conditions(frame, styles),
    ]
    describe(picture, title, "; ".join(filter(None, notes)))
    outer_legend(picture, _handles(), ncols=2 if columns == 1 else 4)
    return picture


def _draws(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each draw, accuracies in per cent.

    Columns: those of the problem, draw, images, chance; plain, refined, aligned (images named
    directly by the aligned spaces), oracle_names, oracle_start, oracle_round (the best of all
    rounds); kept (which round), rounds (how many there were).

    Raises
    ------
    BlindmatchError
        If a draw has not exactly one plain and one kept round.
    """
    records = []
    for known, part in grouped(frame, [*_PROBLEM, "draw"]):
        plain, kept = part[part["round"] == 0], part[part["kept"].astype(bool)]
        if len(plain) != 1 or len(kept) != 1:
            raise BlindmatchError(
                f"round: expected one round 0 and one that is kept in draw {known['draw']}, found "
                f"{len(plain)} and {len(kept)}"
            )
        first, last = plain.iloc[0], kept.iloc[0]
        shares = {
            "plain": first["accuracy"],
            "refined": last["accuracy"],
            "aligned": last["aligned_accuracy"],
            "oracle_names": last["oracle_accuracy"],
            "oracle_start": last["ceiling_accuracy"],
            "oracle_round": part["accuracy"].max(),
            "chance": last["chance"],
        }
        records.append(
            known
            | {name: 100 * float(share) for name, share in shares.items()}
            | {"images": last["images"], "kept": last["round"], "rounds": part["round"].max()}
        )
    return pd.DataFrame(records)


def _panel(axes: plt.Axes, part: pd.DataFrame, stages: list[str], palette: dict) -> None:
    """Draws side by side in each stage, joined from plain to refined; their means beside them."""
    places = np.arange(len(stages))
    spread = np.linspace(-0.14, 0.14, len(part)) if len(part) > 1 else np.zeros(1)
    before, after = places[0] + spread, places[1] + spread
    axes.plot([before, after], [part["plain"], part["refined"]], color="0.75", linewidth=0.6)
    for place, stage in zip(places, stages, strict=True):
        values, oracle = part[stage], stage.startswith("oracle")
        look = {"edgecolor": palette[stage], "facecolor": "none" if oracle else palette[stage]}
        axes.scatter(place + spread, values, s=10, linewidth=0.7, zorder=3, **look)
        axes.errorbar(
            place + 0.28,
            values.mean(),
            yerr=t_margin(values.dropna()),
            color=palette[stage],
            marker="D",
            markersize=5,
            markerfacecolor="white" if oracle else palette[stage],
            capsize=2.5,
            zorder=4,
        )
    axes.axhline(part["chance"].mean(), color="0.45", linestyle=":", linewidth=1.2)
    mean, low, high = paired_difference(part["refined"] - part["plain"]).values()
    change = f"refined − plain: {mean:+.1f}"
    if len(part) > 1:
        change += f" ({low:+.1f} to {high:+.1f})"
    head = f"{axes.get_title()}\n{change.replace('-', '−')}"
    axes.set_title(head.lstrip(), fontsize=8)
    axes.set_xticks(places, [_STAGES[stage] for stage in stages], fontsize=7.5)
    axes.set(xlim=(-0.4, len(stages) - 0.5), ylim=(-2, 102))


def _handles() -> list[plt.Line2D]:
    dots = {"linestyle": "", "marker": "o", "markersize": 3.5, "color": "0.3"}
    mean = {"linestyle": "", "marker": "D", "markersize": 5, "color": "0.3"}
    return [
        plt.Line2D([], [], **dots, label="a draw"),
        plt.Line2D([], [], **mean, label="mean, 95 % interval"),
        plt.Line2D([], [], **dots, markerfacecolor="none", label="oracle: sees labels"),
        plt.Line2D([], [], color="0.45", linestyle=":", label="chance"),
    ]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """The numbers behind the figure, a row for each problem and method.

    Columns: n (draws); mean and standard deviation in per cent of what `draw` shows, of aligned
    (images named directly by the aligned spaces, where a refined round is kept) and of oracle_round
    (the best of all rounds, by the labels); mean difference refined - plain of the same draws with
    its bootstrap interval; shares of draws that refinement made better, left unchanged and made
    worse; mean number of the round that is kept, and of rounds; chance.

    Raises
    ------
    BlindmatchError
        If a draw has not exactly one plain and one kept round.
    """
    records = [known | _record(part) for known, part in grouped(_draws(frame), _PROBLEM)]
    table = in_blocks(pd.DataFrame(records), _PROBLEM)
    table.attrs["note"] = (
        "Accuracy, mean ± sd over draws: share of images named rightly; difference: refined − "
        "plain on the same draws with a 95 % percentile bootstrap interval; oracles see the labels"
    )
    return table


def _record(part: pd.DataFrame) -> dict:
    """What the draws of a problem reached."""
    record = {"n": len(part)}
    for name in ("plain", "refined", "aligned", "oracle_names", "oracle_start", "oracle_round"):
        record |= {
            f"{name}_percent_mean": part[name].mean(),
            f"{name}_percent_sd": part[name].std(),
        }
    difference = part["refined"] - part["plain"]
    record |= paired_difference(difference)
    outcomes = {
        "improved": difference > _SAME,
        "unchanged": difference.abs() <= _SAME,
        "worse": difference < -_SAME,
    }
    record |= {f"{name}_percent": 100 * each.mean() for name, each in outcomes.items()}
    record |= {"kept_mean": part["kept"].mean(), "rounds_mean": part["rounds"].mean()}
    return record | {"chance_percent": part["chance"].mean()}
