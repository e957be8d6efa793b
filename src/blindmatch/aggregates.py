"""Files of a study -> one tidy table."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.storage import read_table


def gather(paths: Iterable[str | Path], asked: Mapping[str, object]) -> list[dict]:
    """The rows of a study, each with the names of its file in front.

    Parameters
    ----------
    paths : iterable of path-like
        Tables whose metadata hold `names`: what is the same for all of their rows.
    asked : mapping
        Settings of the study. Rows of higher `ranks` or `draws`, or of other `metrics`, made for
        another study, are left out.

    Raises
    ------
    BlindmatchError
        If a file is missing or damaged, or holds nothing of what was asked.
    """
    gathered = []
    for path in paths:
        rows, metadata = read_table(path)
        kept = [metadata["names"] | row for row in rows if _wanted(row, asked)]
        if not kept:
            raise BlindmatchError(f"{path}: expected rows of this study, found none of {len(rows)}")
        gathered += kept
    if not gathered:
        raise BlindmatchError("aggregate: expected the files of a study, found none")
    return gathered


def _wanted(row: Mapping[str, object], asked: Mapping[str, object]) -> bool:
    return (
        row.get("rank", 0) < asked.get("ranks", 1)
        and row.get("draw", 0) < asked.get("draws", 1)
        and ("metric" not in row or row["metric"] in asked["metrics"])
    )
