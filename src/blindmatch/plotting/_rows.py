"""Rows of matchings: which of them can be shown, and how they fall into panels and series."""

import re
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.style import label_of

#: What tells one problem from another; solvers are compared on the same problem.
PROBLEM = ["dataset", "vision", "language", "metric", "selection", "size", "rank", "draw"]

#: How it is said in print that subsets of classes were selected.
SELECTIONS = {"oracle": "oracle-selected", "blind": "blind-selected", "none": "all classes"}

#: What the numbers of these columns count.
_COUNTED = {"pair_count": "pairs", "unpaired_count": "unpaired rows a side"}

_SKIPPED = "skipped: "
#: Status of a solver that time ended before it had found anything: a random matching stands in.
_NOTHING = "stopped without a matching"


def usable(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold a matching, each problem of all classes once.

    Raises
    ------
    BlindmatchError
        If there is none; with the reasons.
    """
    # All classes need no selection: their problem is the same for each way of selecting.
    same = frame.duplicated([*PROBLEM, "solver"]) & (frame["selection"] == "none")
    rows = frame[~same & ~skipped(frame)]
    if rows.empty:
        reasons = "; ".join(sorted(set(frame["status"])))
        raise BlindmatchError(f"expected matchings to show, found none ({reasons or 'no rows'})")
    return rows


def skipped(frame: pd.DataFrame) -> pd.Series:
    """Which rows stand for a solver that could not run, or found nothing in time."""
    return frame["status"].str.startswith(_SKIPPED) | (frame["status"] == _NOTHING)


def reason(status: str) -> str:
    """Why a solver has no matching, from the status of a skipped row."""
    return status.removeprefix(_SKIPPED)


def with_accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    """The usable rows, of which each knows the true pairing.

    Raises
    ------
    BlindmatchError
        If a dataset does not, so that there is no accuracy to show.
    """
    rows = usable(frame)
    unpaired = rows.loc[rows["accuracy"].isna(), "dataset"].unique()
    if len(unpaired):
        raise BlindmatchError(
            f"the true pairing of these embeddings is unknown ({', '.join(unpaired)}), there is no "
            "accuracy to show"
        )
    return rows


def of_metric(frame: pd.DataFrame, metric: str | None) -> pd.DataFrame:
    """The rows of one metric, of the study's first if none is named.

    Raises
    ------
    BlindmatchError
        If the study does not have it.
    """
    known = list(dict.fromkeys(frame["metric"]))
    if metric is None:
        metric = next(iter(frame.attrs.get("metrics", known)))
    if metric not in known:
        raise BlindmatchError(f"metric: expected one of {', '.join(known)}, found {metric!r}")
    return frame[frame["metric"] == metric]


def family_of(slug: str, styles: Mapping[str, Mapping | None]) -> str:
    """The family of a model: the first word of its label (CLIP, ConvNeXt, DINOv2, ...)."""
    return re.split(r"[ -]", label_of(slug, styles), maxsplit=1)[0]


def by_way(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `way`: how subsets are selected in the series that they belong to.

    All classes need no selection, so they end the series of each way of selecting.
    """
    ways = [way for way in dict.fromkeys(rows["selection"]) if way != "none"] or ["none"]
    return pd.concat(
        [rows[rows["selection"].isin([way, "none"])].assign(way=way) for way in ways],
        ignore_index=True,
    )


def varying(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Those of some columns that hold more than one value."""
    return [column for column in columns if frame[column].nunique(dropna=False) > 1]


def labelled(frame: pd.DataFrame, column: str, styles: Mapping[str, Mapping | None]) -> pd.Series:
    """The labels of a column of slugs: rows of one label belong together."""
    return frame[column].map(lambda slug: label_of(slug, styles))


def panels(
    frame: pd.DataFrame,
    named: Sequence[str],
    others: Sequence[str],
    styles: Mapping[str, Mapping | None],
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each panel with its title: what is `named`, and of `others` what varies."""
    apart = [*named, *varying(frame, others)]
    for values, part in frame.groupby(apart, sort=False):
        yield ", ".join(called(*each, styles) for each in zip(apart, values, strict=True)), part


def called(column: str, value: object, styles: Mapping[str, Mapping | None]) -> str:
    """How a value of a column is said in print."""
    if column == "size":
        return f"N = {value}"
    if column in ("selection", "way"):
        return SELECTIONS[value]
    if column in _COUNTED:
        return f"{value:,} {_COUNTED[column]}"
    if (column, value) == ("evaluation", "test"):
        return "held-out rows"
    return label_of(value, styles)
