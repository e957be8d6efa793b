"""How well what is known without labels predicts what is right: null, margin, stability."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._notes import conditions
from blindmatch.plotting._rows import called, of_metric, varying, with_accuracy
from blindmatch.plotting._summary import summarise
from blindmatch.plotting.style import describe, label_of, looks, new_figure
from blindmatch.trust import stability

_KEYS = ["dataset", "metric", "solver", "vision", "language", "selection", "size"]
#: What can be known of a pair, and how it is called in print.
_CLUES = {"margin": "margin", "stability": "stability"}
_TENTHS = 10
#: Axes of shares, with room for a legend above.
_SHARES = {"yticks": np.linspace(0, 1, 6), "ylim": (-0.03, 1.4)}


def draw(
    frame: pd.DataFrame, *, title: str, styles: Mapping[str, Mapping | None], figure: Mapping
) -> Figure:
    """Accuracy against the null's z-score, and share of right pairs against margin and stability.

    Left: a point is the mean over the draws of a subset. Right: all pairs of all matchings, from
    the tenth that is trusted least to the one that is trusted most; pairs that are trusted equally
    stay together.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of matchings with nulls.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        `metric`: which is shown; None: the study's first.

    Raises
    ------
    BlindmatchError
        If no row holds an accuracy or nulls.
    """
    chosen = of_metric(frame, figure.get("metric"))
    rows = _judged(chosen)
    points = _points(rows)
    pairs = matched_pairs(rows)
    picture, (left, right) = new_figure(1, 2, size=(7.2, 3.8))
    handles = _scatter(left, points, styles)
    left.legend(handles=handles, loc="upper left", ncols=2, fontsize=7, columnspacing=1.0)
    left.set(
        xlabel="z: standard deviations below null problems",
        ylabel="matching accuracy",
        **_SHARES,
        title=f"rank correlation {_rank_correlations(points)}",
    )
    palette, markers = looks(list(_CLUES), [])
    for clue, name in _CLUES.items():
        curve = _reliability(pairs, clue)
        if len(curve):
            known = pairs[clue].notna().sum()
            score = f"{name}, n = {known:,}: AUC {_scores(pairs, clue)}"
            look = {"color": palette[clue], "marker": markers[clue], "markersize": 4}
            right.plot(curve["tenth"], curve["correct"], label=score, **look)
    right.axhline(pairs["correct"].mean(), color="0.45", linestyle=":", label="all pairs")
    right.set(
        xlabel="least to most trusted pairs, in tenths",
        ylabel="share of right pairs",
        xticks=range(1, _TENTHS + 1),
        **_SHARES,
        title="reliability of pairs",
    )
    right.legend(loc="upper left", fontsize=7)
    describe(picture, title, _note(rows, chosen, styles))
    return picture


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows whose accuracy and z are known."""
    rows = with_accuracy(frame)
    rows = rows.assign(z=pd.to_numeric(rows["z"]))
    rows = rows[rows["z"].notna()].reset_index(drop=True)
    if rows.empty:
        raise BlindmatchError("nulls: expected matchings that were compared with nulls, found none")
    return rows


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean z and accuracy over the draws of each subset."""
    return rows.groupby([*_KEYS, "rank"], sort=False)[["z", "accuracy"]].mean().reset_index()


def matched_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each pair of each matching.

    Parameters
    ----------
    rows : pd.DataFrame
        Rows of matchings.

    Returns
    -------
    pd.DataFrame
        matching (label of the row), correct, margin (in the metric's unit), stability (share of the
        other draws that agree); NaN where it is unknown.
    """
    rows = rows.reset_index(drop=True)
    names = pd.Series(
        [
            np.take(faced, permutation)
            for faced, permutation in zip(
                rows["language_classes"], rows["permutation"], strict=True
            )
        ]
    )
    agreement = pd.Series(index=rows.index, dtype=object)
    alike = rows[["classes", "language_classes"]].map(tuple)
    for _, same in names.groupby(
        [rows[key] for key in _KEYS] + [alike[key] for key in alike], sort=False
    ):
        for index, shares in zip(same.index, stability(np.stack(list(same))), strict=True):
            agreement[index] = shares
    parts = [
        pd.DataFrame(
            {
                "matching": index,
                "correct": np.asarray(rows["classes"][index]) == names[index],
                "margin": rows["margins"][index] if len(rows["margins"][index]) else np.nan,
                "stability": agreement[index],
            }
        )
        for index in rows.index
    ]
    return pd.concat(parts, ignore_index=True)


def _scatter(axes: plt.Axes, points: pd.DataFrame, styles: Mapping) -> list[plt.Line2D]:
    """Sizes, or models of one size, by colour; ways of selecting, or datasets, by marker.

    Returns what they mean.
    """
    points = points.sort_values("size", kind="stable")
    colour = "size" if varying(points, ["size"]) else "vision"
    shapes = varying(points, ["selection", "dataset"])
    points = points.assign(
        colour=_said(points, colour, styles),
        shape=_said(points, shapes[0], styles) if shapes else "",
    )
    palette, _ = looks(list(dict.fromkeys(points["colour"])), [])
    _, markers = looks(list(dict.fromkeys(points["shape"])), [])
    for (name, form), part in points.groupby(["colour", "shape"], sort=False):
        look = {"color": palette[name], "marker": markers[form]}
        axes.scatter(part["z"], part["accuracy"], s=14, alpha=0.7, linewidth=0, **look)
    axes.vlines(0, 0, 1, color="0.45", linestyle=":", linewidth=1)
    meanings = [(name, color, "s") for name, color in palette.items()]
    meanings += [(form, "0.3", marker) for form, marker in markers.items() if form]
    return [
        plt.Line2D([], [], color=color, marker=marker, label=name, linestyle="", markersize=4)
        for name, color, marker in meanings
    ]


def _said(points: pd.DataFrame, column: str, styles: Mapping) -> pd.Series:
    """The values of a column as they are said in print."""
    return points[column].map(lambda value: called(column, value, styles))


def _rank_correlations(points: pd.DataFrame) -> str:
    """Spearman's rank correlation of z and accuracy, over all subsets and within their sizes."""
    overall = points["z"].corr(points["accuracy"], method="spearman")
    ranks = points.groupby("size")[["z", "accuracy"]].rank()
    ranks -= ranks.groupby(points["size"]).transform("mean")
    said = f"{overall:.2f}"
    if len(varying(points, ["size"])):
        said += f" ({ranks['z'].corr(ranks['accuracy']):.2f} within a size)"
    return f"{said}, n = {len(points)}"


def _reliability(pairs: pd.DataFrame, clue: str) -> pd.DataFrame:
    """Share of right pairs in each tenth of what a clue says."""
    known = pairs[pairs[clue].notna()]
    place = known[clue].rank(pct=True)
    tenth = np.ceil(place * _TENTHS).astype(int).rename("tenth")
    return known.groupby(tenth)["correct"].mean().reset_index()


def _auc(pairs: pd.DataFrame, clue: str) -> float:
    """Chance that a right pair is trusted more than a wrong one; NaN without either."""
    known = pairs[pairs[clue].notna()]
    right = int(known["correct"].sum())
    wrong = len(known) - right
    if not right or not wrong:
        return np.nan
    ranks = known[clue].rank()
    return float((ranks[known["correct"]].sum() - right * (right + 1) / 2) / (right * wrong))


def _auc_within(pairs: pd.DataFrame, clue: str) -> float:
    """The same for right and wrong pairs of one matching; mean over matchings that have both."""
    return float(pd.Series([_auc(part, clue) for _, part in pairs.groupby("matching")]).mean())


def _scores(pairs: pd.DataFrame, clue: str) -> str:
    return f"{_auc(pairs, clue):.2f} ({_auc_within(pairs, clue):.2f} within a matching)"


def _note(rows: pd.DataFrame, frame: pd.DataFrame, styles: Mapping) -> str:
    nulls = sorted({len(each) for each in rows["null_costs"]})
    same = [
        f"{name} {label_of(rows[name].iloc[0], styles)}"
        for name in ("dataset", "metric", "solver")
        if rows[name].nunique() == 1
    ]
    counted = [
        f"n = {len(rows)} matchings",
        f"{rows['draw'].nunique()} draws",
        f"{' or '.join(map(str, nulls))} null problems a matching",
    ]
    return "; ".join([*counted, *same, conditions(frame, styles)])


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """What is known without labels beside the accuracy, one row for each kind of problem.

    Columns: `summarise`; auc_margin and auc_stability: the chance that a right pair of the same
    matchings has the larger margin, or stability, than a wrong one. The note holds both for all
    pairs together, and the rank correlation of z and accuracy.

    Raises
    ------
    BlindmatchError
        If no row holds an accuracy or nulls.
    """
    rows = _judged(frame)
    table = summarise(rows, _KEYS)
    pairs = matched_pairs(rows)
    keys = [rows[key].loc[pairs["matching"]].to_numpy() for key in _KEYS]
    groups = pairs.groupby(keys, sort=False)
    for clue in _CLUES:
        table[f"auc_{clue}"] = [_auc(part, clue) for _, part in groups]
    overall = ", ".join(f"{name} {_scores(pairs, clue)}" for clue, name in _CLUES.items())
    table.attrs["note"] = (
        f"Rank correlation of z and accuracy: {_rank_correlations(_points(rows))} subsets; chance "
        f"that a right pair is trusted more than a wrong one: {overall}, n = {len(pairs):,} pairs"
    )
    return table
