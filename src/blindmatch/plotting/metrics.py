"""Metrics side by side on the same problems (paper, Tab. 3)."""

import pandas as pd

from blindmatch.plotting._rows import with_accuracy
from blindmatch.plotting._summary import summarise

#: Metrics that are not what their name says in the literature.
_REMARKS = {"cka-reference": "variant of the reference code: rows centred only"}


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair of models and metric; columns: `summarise`, and remarks on metrics.

    Costs are in the unit of each metric, which cannot be compared with another's.

    Raises
    ------
    BlindmatchError
        If no row holds a matching or an accuracy.
    """
    with_accuracy(frame)
    keys = ["dataset", "vision", "language", "solver", "selection", "size", "metric"]
    table = summarise(frame, keys)
    remarks = table["metric"].map(_REMARKS)
    if remarks.notna().any():
        table.insert(len(keys), "remark", remarks)
    table.attrs["note"] = "Cost and bound in each metric's own unit, smaller is more alike"
    return table
