"""The state of a study as text: what the command `blindmatch status` prints."""

import collections
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from blindmatch.status import DONE, FAILED, NOT_NEEDED, STALE, STARTED, STATES, File, Try, is_locked

#: How much of a log's end is looked at.
_END_BYTES = 16384


def describe(files: list[File], folder: str | Path, *, lines: int = 5, jobs: int = 20) -> str:
    """The state of a study as text: a table by rule, then each job that failed or was begun.

    Parameters
    ----------
    files : list of File
    folder : path-like
        Where Snakemake runs; logs are looked up from there.
    lines : int
        How many lines of the log of a failed job are shown.
    jobs : int
        How many jobs of a kind are told one by one.
    """
    parts = [_table(files)]
    stale = collections.Counter((file.rule, file.why) for file in files if file.state == STALE)
    if stale:
        said = [f"  {rule}: {why} ({count})" for (rule, why), count in stale.items()]
        parts.append("\n".join(["Out of date, and why:", *said]))
    failed = _jobs(files, FAILED)
    if failed:
        title = "Failed at the last try, and not tried since:"
        parts.append("\n".join([title, *_told(failed, folder, lines, jobs)]))
    begun = _jobs(files, STARTED)
    if begun:
        title = "Begun and not ended:"
        lock = (
            "The lock of this folder is held: a Snakemake runs here, or was killed."
            if is_locked(folder)
            else "No Snakemake holds the lock of this folder: these were probably killed."
        )
        parts.append("\n".join([title, *_told(begun, folder, 1, jobs), lock]))
    if all(file.state in (DONE, NOT_NEEDED) for file in files):
        parts.append("Nothing is to be done.")
    return "\n\n".join(parts) + "\n"


def _table(files: list[File]) -> str:
    counts = collections.Counter((file.rule, file.state) for file in files)
    totals = collections.Counter(file.state for file in files)
    states = [state for state in STATES if totals[state]]
    rules = list(dict.fromkeys(file.rule for file in files))
    width = max(map(len, ["files of rule", *rules]))
    table = [f"{'files of rule':<{width}}" + "".join(f"  {state}" for state in states)]
    for rule in rules:
        cells = (f"  {counts[rule, state] or '':>{len(state)}}" for state in states)
        table.append(f"{rule:<{width}}" + "".join(cells).rstrip())
    cells = (f"  {totals[state]:>{len(state)}}" for state in states)
    return "\n".join([*table, f"{'all':<{width}}" + "".join(cells)])


def _jobs(files: Iterable[File], state: str) -> list[File]:
    """One file of each job in a state."""
    chosen = [file for file in files if file.state == state]
    return list({(file.last.outputs if file.last else file.path): file for file in chosen}.values())


def _told(chosen: list[File], folder: str | Path, lines: int, jobs: int) -> Iterator[str]:
    for file in chosen[:jobs]:
        yield f"  {file.rule}: {file.path}"
        yield from (f"    {line}" for line in _tale(file.last, Path(folder), lines))
    if len(chosen) > jobs:
        yield f"  and {len(chosen) - jobs} more; --jobs {len(chosen)} shows all"


def _tale(last: Try | None, folder: Path, lines: int) -> Iterator[str]:
    """When a job was tried, what Snakemake said, and what its log says at the end."""
    if last is None:
        yield "when it was begun and where its log is, is not known"
        return
    if last.started:
        word, moment = ("failed", last.ended) if last.failed else ("begun", last.started)
        yield f"{word} {time.ctime(moment)}"
    else:
        yield "it ran and left no file, or the file was deleted since"
    if last.message:
        yield last.message
    written = [log for log in last.logs if end_of_log(folder / log, 1)]
    if not written:
        yield f"{', '.join(last.logs) or 'no log'}: nothing was written"
    for log in written:
        moment = (folder / log).stat().st_mtime
        # A log keeps the time of the file system, whose clock may be cut to whole seconds.
        note = ", before this try" if moment < last.started - 1 else ""
        yield f"{log}, last written {_ago(time.time() - moment)} ago{note}:"
        yield from (f"  | {line}" for line in end_of_log(folder / log, lines))


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def end_of_log(path: str | Path, lines: int) -> list[str]:
    """Last lines of a log, and before them its `error:` sentence if it stands further up."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.path.getsize(path) - _END_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    found = [
        "".join(character if character.isprintable() else " " for character in line).rstrip()
        for line in text.splitlines()
        if line.strip()
    ]
    end = found[-lines:]
    sentences = [line for line in found if line.startswith("error: ")]
    return end if not sentences or sentences[-1] in end else [sentences[-1], *end]
