"""Many matchings in one row of a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from blindmatch.plotting._rows import reason, skipped, usable

#: Share of a cost's scale by which another must be cheaper to count as cheaper.
TOLERANCE = 1e-9


def summarise(frame: pd.DataFrame, keys: Sequence[str], **more: tuple[str, str]) -> pd.DataFrame:
    """One row for each combination of `keys`; the first key varies slowest, as the rows name it.

    Parameters
    ----------
    frame : pd.DataFrame
        Rows of matchings.
    keys : sequence of str
        Columns that tell the rows of the table apart.
    **more
        Further columns: name = (column, aggregation).

    Returns
    -------
    pd.DataFrame
        Of each group: n; accuracy in per cent; what can be known without the pairing: cost and
        bound in the metric's unit, gap, share of proved optima, margin to the second-best
        assignment, stability (agreement of the draws of a subset), z and p of the null; cost of the
        true pairing, share in which a matching other than the truth is cheaper; seconds of solving
        and of building, time limit. NaN where it was not asked for. `skipped` says why a solver
        could not run, in a table where one could not.

    Raises
    ------
    BlindmatchError
        If no row holds a matching.
    """
    rows = usable(frame).copy()
    for column in ("reported_bound", "gap"):
        rows[column] = pd.to_numeric(rows[column]).replace([np.inf, -np.inf], np.nan)
    rows["accuracy_percent"] = 100 * rows["accuracy"]
    rows["optimal_percent"] = 100.0 * rows["optimal"].astype(float)
    rows["truth_beaten_percent"] = _truth_beaten(rows)
    rows["margin"] = [np.mean(each) if len(each) else np.nan for each in rows["margins"]]
    for column in ("z", "p_value", "time_limit"):
        rows[column] = pd.to_numeric(rows[column])
    keys = list(keys)
    groups = rows.groupby(keys, sort=False, dropna=False)
    table = groups.agg(
        n=("draw", "size"),
        accuracy_percent_mean=("accuracy_percent", "mean"),
        accuracy_percent_sd=("accuracy_percent", "std"),
        cost_mean=("reported_cost", "mean"),
        cost_sd=("reported_cost", "std"),
        bound_mean=("reported_bound", _mean_of_all),
        gap_mean=("gap", _mean_of_all),
        optimal_percent=("optimal_percent", "mean"),
        margin_mean=("margin", "mean"),
        z_mean=("z", "mean"),
        p_median=("p_value", "median"),
        true_cost_mean=("reported_true_cost", "mean"),
        truth_beaten_percent=("truth_beaten_percent", "mean"),
        seconds_median=("seconds", "median"),
        building_median=("building", "median"),
        time_limit=("time_limit", "max"),
        **more,
    )
    table.insert(table.columns.get_loc("z_mean"), "stability", groups.apply(_stability))
    return in_blocks(_with_skipped(table, frame, keys).reset_index(), keys)


def _mean_of_all(values: pd.Series) -> float:
    """The mean; NaN where one of them is unknown: a mean over some of the bounds misleads."""
    return values.mean(skipna=False)


def _truth_beaten(rows: pd.DataFrame) -> pd.Series:
    """100 where the truth is not optimal, 0 where nothing cheaper was found, NaN if unknown."""
    beaten = rows["cost"] < rows["true_cost"] - TOLERANCE * rows["true_cost"].abs()
    return (100.0 * beaten).where(rows["true_cost"].notna())


def _stability(rows: pd.DataFrame) -> float:
    """Agreement of the draws' permutations, averaged over the subsets of classes."""
    from blindmatch.trust import stability

    chosen = rows[["classes", "language_classes"]].map(tuple)
    subsets = rows["permutation"].groupby([chosen["classes"], chosen["language_classes"]])
    agreements = [
        float(np.mean(stability(np.stack(list(same))))) for _, same in subsets if len(same) > 1
    ]
    return float(np.mean(agreements)) if agreements else np.nan


def _with_skipped(table: pd.DataFrame, frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows of n = 0 for what was skipped entirely, and the reasons in words."""
    missing = frame[skipped(frame)]
    if missing.empty:
        return table
    everything = frame.groupby(keys, sort=False, dropna=False).size().index
    table = table.reindex(everything)
    table["n"] = table["n"].fillna(0).astype(int)
    reasons = missing["status"].map(reason).groupby([missing[key] for key in keys], dropna=False)
    table["skipped"] = reasons.agg(lambda each: "; ".join(dict.fromkeys(each)))
    return table


def in_blocks(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The rows in the order in which the values of their keys appear, by the first key first."""
    places = [pd.factorize(table[key], use_na_sentinel=False)[0] for key in reversed(keys)]
    return table.iloc[np.lexsort(places)].reset_index(drop=True)
