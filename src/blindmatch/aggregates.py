"""Files of a study -> one tidy table."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.paths import names_in
from blindmatch.provenance import text_digest
from blindmatch.script import canonical
from blindmatch.storage import advising, read_table

#: Columns that hold measured time and memory, which differ from run to run.
MEASURED = frozenset({"seconds", "building", "megabytes", "matrices"})


def gather(
    paths: Iterable[str | Path], asked: Mapping[str, object], *, pattern: str | None = None
) -> tuple[list[dict], list[dict]]:
    """The rows of a study, each with the names of its file in front, and the files' metadata.

    Parameters
    ----------
    paths : iterable of path-like
        Tables whose metadata hold `names`: what is the same for all of their rows.
    asked : mapping
        Settings of the study. Rows of higher `ranks` or `draws`, or of other `metrics`, made for
        another study, are left out.
    pattern : str, optional
        How the paths are made, as `blindmatch.studies.Study.path` says it: files must hold what
        their paths say.

    Raises
    ------
    BlindmatchError
        If a file is missing or damaged, was made for something else, or holds nothing of what was
        asked.
    """
    gathered, described = [], []
    for path in paths:
        rows, metadata = read_table(path)
        with advising(Path(path)):
            if "names" not in metadata:
                raise BlindmatchError(f"{path}: expected the results of a job, found other rows")
            named = [metadata["names"] | row for row in rows]
            if pattern is not None:
                _check_names(path, names_in(path, pattern), named)
            kept = [each for each, row in zip(named, rows, strict=True) if _wanted(row, asked)]
            if not kept:
                raise BlindmatchError(
                    f"{path}: expected rows of this study, found none of {len(rows)}"
                )
        gathered += kept
        described.append(metadata)
    if not gathered:
        raise BlindmatchError("aggregate: expected the files of a study, found none")
    return gathered, described


def _check_names(
    path: str | Path, said: Mapping[str, str], rows: Iterable[Mapping[str, object]]
) -> None:
    """Refuse rows of anything else than what their path says."""
    for row in rows:
        for name, value in {"selection": "none", **said}.items():
            found = str(row.get(name, "none"))
            # All classes need no selection, whatever the path says.
            if found != value and (name, found) != ("selection", "none"):
                raise BlindmatchError(f"{path}: made for {name}={found!r}, expected {value!r}")


def results_digest(rows: Sequence[Mapping[str, object]]) -> str:
    """Digest of rows without what was measured: equal where two runs found the same."""
    lasting = ({name: row[name] for name in row if name not in MEASURED} for row in rows)
    return text_digest(*map(canonical, lasting))[:16]


def _wanted(row: Mapping[str, object], asked: Mapping[str, object]) -> bool:
    return (
        row.get("rank", 0) < asked.get("ranks", 1)
        and row.get("draw", 0) < asked.get("draws", 1)
        and ("metric" not in row or row["metric"] in asked["metrics"])
    )
