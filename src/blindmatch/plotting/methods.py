"""Alignment methods side by side on the same splits (SOTAlign)."""

import json

import pandas as pd

from blindmatch.plotting._alignments import (
    COUNTS,
    QUESTION,
    SCORES,
    differing_from,
    grouped,
    paired_difference,
    reference_of,
    scored,
    with_difference,
)
from blindmatch.plotting._summary import in_blocks

#: What methods are compared by, whichever the task of an evaluation is.
_COMPARED = {"retrieval": "mean_r5", "zero-shot": "top1"}
_UNPRINTED = ["marginal_error", "divergence_start", "divergence_end"]
_DIAGNOSTICS = ["perplexity", *_UNPRINTED]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each evaluation and method, in the order of the study.

    Columns: n (draws); mean and standard deviation of recalls or accuracies in per cent, and of the
    median rank; chance of the compared score; mean difference to the first method on the same
    draws, in MeanR@5 or, for zero-shot classification, top-1, with its bootstrap interval; options
    that were chosen on validation pairs; perplexity and marginal error of the teacher's plan,
    divergence at the start and at the end of training (means); median seconds.

    Raises
    ------
    BlindmatchError
        If no row has a score.
    """
    keys = [*QUESTION, "task", *COUNTS, "method"]
    rows = pd.concat([_compared(frame, task) for task in dict.fromkeys(frame["task"])])
    records = [known | _record(part) for known, part in grouped(rows, keys)]
    table = in_blocks(pd.DataFrame(records), keys)
    table.attrs["note"] = (
        f"Mean ± sd; {differing_from(reference_of(frame))}, of MeanR@5 or, for zero-shot "
        "classification, top-1"
    )
    table.attrs["decimals"] = {"median_rank": 1}
    table.attrs["unprinted"] = ["task", "chance_percent", *(f"{name}_mean" for name in _UNPRINTED)]
    return table


def _compared(frame: pd.DataFrame, task: str) -> pd.DataFrame:
    rows = scored(frame[frame["task"] == task], _COMPARED[task])
    return with_difference(rows, reference_of(frame))


def _record(part: pd.DataFrame) -> dict:
    """What a method reached in one evaluation."""
    record = {"n": part["draw"].nunique()}
    for score in SCORES:
        percent = 100 * pd.to_numeric(part[score])
        record |= {f"{score}_percent_mean": percent.mean(), f"{score}_percent_sd": percent.std()}
    rank = pd.to_numeric(part["median_rank"])
    record |= {"median_rank_mean": rank.mean(), "median_rank_sd": rank.std()}
    record |= {
        "chance_percent": 100 * pd.to_numeric(part["chance_r5"]).fillna(part["chance"]).mean()
    }
    record |= paired_difference(part["difference"])
    record["chosen"] = _chosen(part["chosen"])
    record |= {f"{name}_mean": pd.to_numeric(part[name]).mean() for name in _DIAGNOSTICS}
    return record | {"seconds_median": part["seconds"].median()}


def _chosen(options: pd.Series) -> str | None:
    """The options that were tuned, in words."""
    said = {
        text: ", ".join(f"{name} = {value}" for name, value in json.loads(text).items())
        for text in options.dropna()
    }
    return " or ".join(filter(None, said.values())) or None
