"""Classification without labels, and what labels could reach (paper, Tab. 2 and 6)."""

import numpy as np
import pandas as pd

from blindmatch.plotting._rows import usable
from blindmatch.plotting._summary import in_blocks, summarise

#: What stands in the column of solvers where labels decide.
ORACLE = "ground truth (oracle)"

_BLOCK = ["dataset", "metric", "vision", "language", "clustering"]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each block (dataset, metric, models, clustering) and solver, then the oracle's.

    Columns: those of `blindmatch.plotting._summary.summarise`, where accuracy is the share of
    images whose cluster is named as their class; `matching_accuracy_percent`, the share of clusters
    that are named as by the oracle; `chance_percent`. The oracle names clusters by the labels, so
    no solver has a higher accuracy on these clusters; `true_cost` is the cost of its names.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of a classification.

    Raises
    ------
    BlindmatchError
        If no solver could run.
    """
    usable(frame)
    judged = pd.concat([frame, _oracle(frame)], ignore_index=True)
    for column in ("matching_accuracy", "chance"):
        judged[f"{column}_percent"] = 100 * judged[column]
    # Apart, because the same classes are another problem with other clusters.
    parts = [
        summarise(
            rows,
            [*_BLOCK, "solver"],
            matching_accuracy_percent_mean=("matching_accuracy_percent", "mean"),
            matching_accuracy_percent_sd=("matching_accuracy_percent", "std"),
            chance_percent=("chance_percent", "mean"),
        )
        for _, rows in judged.groupby("clustering", sort=False)
    ]
    # Clusters have no number that would be the same in another draw: stability says nothing.
    table = pd.concat(parts, ignore_index=True).drop(columns="stability")
    accuracies = [name for name in table if "accuracy" in name]
    first = [*_BLOCK, "solver", "n", *accuracies, "chance_percent"]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    table = in_blocks(table, [*_BLOCK, "solver"])
    table.attrs["note"] = "The oracle names the clusters by the labels of their images"
    return table


def _oracle(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that a solver would have which names each draw's clusters as the oracle does."""
    rows = frame.drop_duplicates([*_BLOCK, "draw"])
    unknown = ["bound", "reported_bound", "gap", "optimal", "seconds", "building", "time_limit"]
    unknown += ["true_cost", "reported_true_cost", "z", "p_value"]
    return rows.assign(
        solver=ORACLE,
        status="oracle",
        accuracy=rows["oracle_accuracy"],
        matching_accuracy=1.0,
        permutation=rows["oracle"],
        cost=rows["true_cost"],
        reported_cost=rows["reported_true_cost"],
        margins=[[]] * len(rows),
        **dict.fromkeys(unknown, np.nan),
    )
