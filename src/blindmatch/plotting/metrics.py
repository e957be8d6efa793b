"""Metrics side by side on the same problems (paper, Tab. 3)."""

import pandas as pd

from blindmatch.plotting._rows import with_accuracy
from blindmatch.plotting._summary import summarise

#: Metrics that are not what their name says in the literature.
_REMARKS = {"cka-reference": "cka-reference is the reference code's, which centres rows only"}


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair of models and metric, in the study's order; columns: `summarise`.

    Costs are in the unit of each metric, which cannot be compared with another's. The note holds
    remarks on metrics.

    Raises
    ------
    BlindmatchError
        If no row holds a matching or an accuracy.
    """
    with_accuracy(frame)
    order = frame.attrs.get("metrics", list(frame["metric"]))
    ordered = frame.sort_values("metric", key=lambda slugs: slugs.map(order.index), kind="stable")
    keys = ["dataset", "vision", "language", "solver", "selection", "size", "metric"]
    table = summarise(ordered, keys)
    remarks = [_REMARKS[slug] for slug in dict.fromkeys(table["metric"]) if slug in _REMARKS]
    said = ["Cost and bound in each metric's own unit, smaller is more alike", *remarks]
    table.attrs["note"] = "; ".join(said)
    return table
