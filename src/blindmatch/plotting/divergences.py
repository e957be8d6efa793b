"""Teachers against divergences: which target helps a student most (SOTAlign, Tab. 1)."""

import pandas as pd

from blindmatch.errors import BlindmatchError
from blindmatch.plotting._alignments import COUNTS, QUESTION, SCORES, grouped, scored
from blindmatch.plotting._summary import in_blocks

#: Of those scores that rows have.
_TABULATED = ("mean_r1", "mean_r5", "top1")
#: Column of the teacher without a student.
ALONE = "alone"


def tabulate(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each score and teacher; a column for the teacher alone and each divergence.

    Columns: n (draws); mean and standard deviation in per cent of the teacher itself (`alone`) and
    of students that learn from it by each divergence.

    Raises
    ------
    BlindmatchError
        If no row has a teacher or a score, or two methods share a teacher and a divergence.
    """
    taught = frame[frame["teacher"].notna()]
    if taught.empty:
        raise BlindmatchError("teacher: expected methods with a teacher, found none")
    taught = taught.assign(column=taught["divergence"].fillna(ALONE))
    _one_method_a_cell(taught)
    columns = sorted(dict.fromkeys(taught["column"]), key=lambda name: name != ALONE)
    known = [score for score in _TABULATED if taught[score].notna().any()] or [_TABULATED[0]]
    rows = pd.concat([scored(taught, score).assign(score=SCORES[score]) for score in known])
    keys = [*QUESTION, *COUNTS, "score", "teacher"]
    records = [
        values | {"n": part["draw"].nunique()} | _cells(part, columns)
        for values, part in grouped(rows, keys)
    ]
    table = in_blocks(pd.DataFrame(records), keys)
    table.attrs["note"] = (
        "Mean ± sd over draws; alone: the teacher itself, others: students that learn from it, by "
        "divergence"
    )
    return table


def _one_method_a_cell(taught: pd.DataFrame) -> None:
    """Refuse to average over methods."""
    for (teacher, column), part in taught.groupby(["teacher", "column"], sort=False):
        methods = list(dict.fromkeys(part["method"]))
        if len(methods) > 1:
            raise BlindmatchError(
                f"method: expected one method with teacher {teacher!r} and "
                f"{'no divergence' if column == ALONE else f'divergence {column!r}'}, found "
                f"{', '.join(methods)}"
            )


def _cells(part: pd.DataFrame, columns: list[str]) -> dict[str, float]:
    scores = part.groupby("column")["percent"]
    mean, sd = scores.mean(), scores.std()
    return {
        f"{name}_percent_{statistic}": values.get(name)
        for name in columns
        for statistic, values in (("mean", mean), ("sd", sd))
    }
