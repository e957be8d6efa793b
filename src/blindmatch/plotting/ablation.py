"""Steps of a solver side by side on problems without structure (paper, Tab. 4 and 5)."""

import pandas as pd

from blindmatch.plotting._rows import reason, skipped

_KEYS = ["metric", "dimension", "size", "solver"]


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each solver and size, in the order of the study.

    Columns: n; mean and standard deviation of cost and bound in the metric's unit; mean cost, bound
    and gap in spreads, the standard deviation of the costs of random permutations (cost and bound
    less the mean of those costs); median sweeps and seconds; the time limit; how the runs ended.
    Where a solver could not run, n is 0 and `skipped` says why.
    """
    away = frame[["cost", "bound"]].sub(frame["random_cost"], axis=0).div(frame["spread"], axis=0)
    missing = skipped(frame)
    rows = frame.join(away.add_suffix("_in_spreads")).assign(
        time_limit=pd.to_numeric(frame["time_limit"]),
        solved=~missing,
        sweeps=frame["iterations"].mask(missing),
        ended=frame["status"].mask(missing),
        skipped=frame["status"].where(missing).map(reason, na_action="ignore"),
    )
    table = rows.groupby(_KEYS, sort=False).agg(
        n=("solved", "sum"),
        cost_mean=("reported_cost", "mean"),
        cost_sd=("reported_cost", "std"),
        bound_mean=("reported_bound", "mean"),
        bound_sd=("reported_bound", "std"),
        cost_in_spreads=("cost_in_spreads", "mean"),
        bound_in_spreads=("bound_in_spreads", "mean"),
        gap_in_spreads=("gap_in_spreads", "mean"),
        sweeps_median=("sweeps", "median"),
        seconds_median=("seconds", "median"),
        time_limit=("time_limit", "max"),
        ended=("ended", _counts),
        skipped=("skipped", lambda reasons: "; ".join(reasons.dropna().unique()) or None),
    )
    if not missing.any():
        table = table.drop(columns="skipped")
    # Costs are so much alike that their first decimals tell nothing.
    table.attrs["decimals"] = {"cost": 5, "bound": 5}
    table.attrs["note"] = "Spread: standard deviation of the costs of random permutations"
    return table.reset_index()


def _counts(ends: pd.Series) -> str | None:
    return ", ".join(f"{end} ({count})" for end, count in ends.value_counts().items()) or None
