"""What of a study exists, what is missing, what failed and why: Snakemake's summary, explained.

Snakemake's summary says what exists and what would run again. What was tried before stands in the
logs of its runs (.snakemake/log), what was begun and not ended in .snakemake/incomplete.
"""

import base64
import dataclasses
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from blindmatch.errors import BlindmatchError

DONE = "done"
STALE = "out of date"
TO_DO = "to do"
NOT_NEEDED = "not needed"
STARTED = "running or killed"
FAILED = "failed"
#: In the order of the table's columns; only those that occur are shown.
STATES = (DONE, STALE, TO_DO, NOT_NEEDED, STARTED, FAILED)

_COLUMNS = ("output_file", "date", "rule", "log-file(s)", "status", "plan")
_ABSENT = "-"

# What Snakemake writes into the log of a run when a job begins, ends or fails.
_EVENT = re.compile(
    r"^\[(?P<time>\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})\]\n"
    r"(?:Finished jobid: (?P<finished>\d+)\b"
    r"|(?P<failed>Error in )?(?:local)?(?:rule|checkpoint) \S+:\n(?P<fields>(?: {4}.*\n)*))",
    re.MULTILINE,
)
_FIELD = re.compile(r"^ {4}(\w+): (.*)$", re.MULTILINE)
_LOG_NOTE = " (check log file(s) for error details)"


@dataclasses.dataclass(frozen=True)
class Try:
    """The last try to make some files.

    Attributes
    ----------
    outputs, logs : tuple of str
    started : float
        Seconds since 1970.
    ended : float or None
        None while it runs, and if it was killed.
    failed : bool
    message : str
        What Snakemake said about a failure, if anything.
    """

    outputs: tuple[str, ...]
    logs: tuple[str, ...]
    started: float
    ended: float | None = None
    failed: bool = False
    message: str = ""


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a study.

    Attributes
    ----------
    path, rule : str
    state : str
        One of `STATES`.
    why : str
        Snakemake's reason where the file is out of date.
    last : Try or None
        The last try to make it, as far as it is known.
    """

    path: str
    rule: str
    state: str
    why: str
    last: Try | None


def read_summary(text: str) -> list[dict[str, str]]:
    """Lines of `snakemake --summary` or `--detailed-summary`, by column.

    Raises
    ------
    BlindmatchError
        If the text is no such summary.
    """
    lines = text.splitlines()
    titles = next((line for line in lines if line.startswith(_COLUMNS[0] + "\t")), None)
    if titles is None:
        found = repr(lines[0][:60]) if lines else "nothing"
        raise BlindmatchError(
            f"standard input: expected the output of snakemake --summary, found {found}"
        )
    columns = titles.split("\t")
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise BlindmatchError(
            f"standard input: expected a column {missing[0]!r} as snakemake --summary has, "
            f"found {', '.join(columns)}"
        )
    rows = []
    for line in lines[lines.index(titles) + 1 :]:
        values = line.split("\t")
        if len(values) != len(columns):
            raise BlindmatchError(
                f"standard input: expected {len(columns)} columns as in the first line, "
                f"found {len(values)} in {line[:60]!r}"
            )
        rows.append(dict(zip(columns, values, strict=True)))
    return rows


def judge_files(
    rows: Iterable[Mapping[str, str]], tries: Mapping[str, Try], begun: set[str]
) -> list[File]:
    """The state of each file of a summary.

    Parameters
    ----------
    rows : iterable of mapping
        From `read_summary`.
    tries : mapping of str to Try
        From `read_tries`.
    begun : set of str
        From `read_begun`.
    """
    files = []
    for row in rows:
        path = row["output_file"]
        last = tries.get(path)
        logs = tuple(log for log in row["log-file(s)"].split(",") if log != _ABSENT)
        # Snakemake notes the log of a job at its end, be it a good one or not.
        if last is None and logs and row["date"] == _ABSENT:
            last = Try((path,), logs, started=0.0, failed=True)
        state = _state(row, last, begun)
        why = row["status"] if row["status"] != "ok" else "an input is made again"
        files.append(File(path, row["rule"], state, why if state == STALE else "", last))
    return files


def _state(row: Mapping[str, str], last: Try | None, begun: set[str]) -> str:
    if row["output_file"] in begun:
        return STARTED
    pending = row["plan"] != "no update"
    if row["date"] != _ABSENT:
        return STALE if pending else DONE
    if not pending:
        return NOT_NEEDED
    if last is None:
        return TO_DO
    if last.failed:
        return FAILED
    return STARTED if last.ended is None else TO_DO


def read_tries(folder: str | Path) -> dict[str, Try]:
    """The last try to make each file, from the logs of all Snakemake runs in a folder.

    Runs with `--quiet` leave less, or nothing.
    """
    tries: dict[str, Try] = {}
    for path in sorted((Path(folder) / ".snakemake/log").glob("*.snakemake.log")):
        jobs: dict[str, Try] = {}
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        for event in _EVENT.finditer("".join(_without_repeated_logs(lines))):
            moment = time.mktime(time.strptime(event["time"]))
            fields = dict(_FIELD.findall(event["fields"] or ""))
            number = event["finished"] or fields.get("jobid", "")
            if number not in jobs or not (event["finished"] or event["failed"]):
                jobs[number] = Try(_listed(fields, "output"), _listed(fields, "log"), moment)
            if event["finished"]:
                jobs[number] = dataclasses.replace(jobs[number], ended=moment)
            elif event["failed"]:
                message = fields.get("message", "None")
                jobs[number] = dataclasses.replace(
                    jobs[number],
                    logs=_listed(fields, "log") or jobs[number].logs,
                    ended=moment,
                    failed=True,
                    message="" if message == "None" else message,
                )
            tries.update(dict.fromkeys(jobs[number].outputs, jobs[number]))
    return tries


def _without_repeated_logs(lines: Iterable[str]) -> Iterator[str]:
    """Leave out the logs of failed jobs, which stand between double rules.

    The log of a job on a cluster is itself the log of a Snakemake, and repeats logs in its turn.
    """
    rules = []
    before = ""
    for line in lines:
        if set(line) == {"=", "\n"}:
            if before.startswith("Logfile ") and before.endswith(":\n"):
                rules.append(line)
            elif rules and line == rules[-1]:
                rules.pop()
        elif not rules:
            yield line
        before = line


def _listed(fields: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = fields.get(name, "").removesuffix(_LOG_NOTE)
    return tuple(text.split(", ")) if text else ()


def read_begun(folder: str | Path) -> set[str]:
    """Files that a job began and has not ended: Snakemake marks each by a file named in base64."""
    marks = Path(folder) / ".snakemake/incomplete"
    begun = set()
    for path in marks.rglob("*"):
        if path.is_file():
            # Long names are cut into folders that begin with "@".
            name = "".join(part.removeprefix("@") for part in path.relative_to(marks).parts)
            try:
                begun.add(base64.b64decode(name, altchars=b"-_", validate=True).decode())
            except ValueError:
                continue  # not a mark of a job
    return begun


def is_locked(folder: str | Path) -> bool:
    """Whether a Snakemake holds the lock of a folder, or was killed while it did."""
    return any((Path(folder) / ".snakemake/locks").glob("*.lock"))
