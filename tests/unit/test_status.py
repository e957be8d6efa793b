"""Snakemake's summary, its marks and its logs, read as they are written."""

import base64
import os
import subprocess
import sys
import time

import pytest

from blindmatch.cli_status import describe, end_of_log
from blindmatch.errors import BlindmatchError
from blindmatch.status import judge_files, read_begun, read_summary, read_tries

TITLES = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan"
NEVER = "-\tmatch\t-\tmissing\tupdate pending"

RUN = """Building DAG of jobs...

[Sun Nov 22 15:00:00 2026]
localrule match:
    input: in.h5
    output: failed.parquet
    log: logs/match/failed.log
    jobid: 1
    wildcards: size=3

[Sun Nov 22 15:00:01 2026]
rule draw:
    output: one.pdf, one.png
    log: logs/draw/one.log
    jobid: 2
[Sun Nov 22 15:00:02 2026]
Error in rule match:
    message: None
    jobid: 1
    output: failed.parquet
    log: logs/match/failed.log, slurm/7.log (check log file(s) for error details)
    shell:
        python match.py
        (command exited with non-zero exit code)
Logfile logs/match/failed.log:
================
error: no such N
================
Logfile slurm/7.log:
====================================
[Sun Nov 22 15:00:02 2026]
rule match:
    output: failed.parquet
    jobid: 0
Logfile logs/match/failed.log:
====================================
[Sun Nov 22 15:00:02 2026]
Finished jobid: 2 (Rule: draw)
====================================
[Sun Nov 22 15:00:02 2026]
rule match:
    output: failed.parquet
    jobid: 0
====================================
[Sun Nov 22 15:00:03 2026]
rule match:
    output: done.parquet
    log: logs/match/done.log
    jobid: 3
[Sun Nov 22 15:00:04 2026]
Finished jobid: 3 (Rule: match)
"""


def moment(text):
    return time.mktime(time.strptime(f"Sun Nov 22 {text} 2026"))


@pytest.fixture
def folder(tmp_path):
    """A folder in which Snakemake ran once."""
    logs = tmp_path / ".snakemake/log"
    logs.mkdir(parents=True)
    (logs / "2026-11-22T150000.000000.snakemake.log").write_text(RUN)
    return tmp_path


def states(folder, *lines):
    rows = read_summary("\n".join([TITLES, *lines]))
    files = judge_files(rows, read_tries(folder), read_begun(folder))
    return {file.path: file.state for file in files}


def mark(folder, path, cut=255):
    """Mark a file as begun, as Snakemake does."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    parts = [name[i : i + cut - 1] for i in range(0, len(name), cut - 1)]
    target = folder.joinpath(".snakemake/incomplete", *("@" + x for x in parts[:-1]), parts[-1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("{}")


def test_a_run_tells_what_failed_what_ended_and_what_did_not(folder):
    tries = read_tries(folder)
    failed = tries["failed.parquet"]
    assert failed.failed
    assert failed.logs == ("logs/match/failed.log", "slurm/7.log")
    assert (failed.started, failed.ended) == (moment("15:00:00"), moment("15:00:02"))
    # The repeated logs of a failed job say nothing about other jobs, nor about a later try of it.
    assert tries["one.pdf"] is tries["one.png"]
    assert tries["one.pdf"].ended is None
    assert tries["done.parquet"].ended == moment("15:00:04")
    assert not tries["done.parquet"].failed


def test_a_later_run_has_the_last_word(folder):
    later = "[Sun Nov 22 16:00:00 2026]\nrule match:\n    output: failed.parquet\n    jobid: 9\n"
    path = folder / ".snakemake/log/2026-11-22T160000.000000.snakemake.log"
    path.write_text(later)
    assert not read_tries(folder)["failed.parquet"].failed
    assert states(folder, f"failed.parquet\t{NEVER}") == {"failed.parquet": "running or killed"}
    path.write_text(later + "[Sun Nov 22 16:00:01 2026]\nFinished jobid: 9 (Rule: match)\n")
    # It was made, and deleted by somebody.
    assert states(folder, f"failed.parquet\t{NEVER}") == {"failed.parquet": "to do"}


def test_each_file_has_one_state(folder):
    mark(folder, "begun.h5")
    assert states(
        folder,
        "done.parquet\tSun Nov 22 15:00:04 2026\tmatch\tlogs/match/done.log\tok\tno update",
        "stale.h5\tSun Nov 22 15:00:04 2026\tmatch\t-\tparams changed\tupdate pending",
        f"failed.parquet\t{NEVER}",
        "quiet.h5\t-\tmatch\tlogs/quiet.log\tmissing\tupdate pending",
        f"one.pdf\t{NEVER}",
        f"begun.h5\t{NEVER}",
        f"never.h5\t{NEVER}",
        "spare.h5\t-\tmatch\t-\tmissing\tno update",
    ) == {
        "done.parquet": "done",
        "stale.h5": "out of date",
        "failed.parquet": "failed",
        "quiet.h5": "failed",
        "one.pdf": "running or killed",
        "begun.h5": "running or killed",
        "never.h5": "to do",
        "spare.h5": "not needed",
    }


def test_names_of_marks_may_be_cut_into_folders(tmp_path):
    paths = {"results/" + "a" * length + ".h5" for length in (1, 180, 181, 182, 500)}
    for path in paths:
        mark(tmp_path, path)
    (tmp_path / ".snakemake/incomplete/migration_underway").touch()
    assert read_begun(tmp_path) == paths


def test_a_folder_where_snakemake_never_ran_is_all_to_do(tmp_path):
    assert states(tmp_path, f"x.h5\t{NEVER}") == {"x.h5": "to do"}


def test_failed_jobs_are_told_with_the_end_of_their_log(folder):
    for name, text in {
        "logs/match/failed.log": "error: no such N\n" + "later\n" * 9 + "last\x1b[31m\n",
        "slurm/7.log": "slurmstepd: killed\n",
    }.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    os.utime(folder / "slurm/7.log", (moment("14:00:00"),) * 2)
    lines = (f"failed.parquet\t{NEVER}", f"one.pdf\t{NEVER}", f"one.png\t{NEVER}")
    rows = read_summary("\n".join([TITLES, *lines]))
    files = judge_files(rows, read_tries(folder), set())
    text = describe(files, folder, lines=2)
    assert "match: failed.parquet\n    failed Sun Nov 22 15:00:02 2026\n" in text
    assert "ago:\n      | error: no such N\n      | later\n      | last [31m\n" in text
    assert "ago, before this try:\n      | slurmstepd: killed\n" in text
    # Both files of a job make one entry.
    assert text.count("logs/draw/one.log: nothing was written") == 1
    assert "No Snakemake holds the lock" in text
    (folder / ".snakemake/locks").mkdir()
    (folder / ".snakemake/locks/0.output.lock").touch()
    assert "The lock of this folder is held" in describe(files, folder)


def test_no_more_jobs_are_told_than_asked_for(tmp_path):
    lines = [f"{n}.h5\t-\tmatch\tlogs/{n}.log\tmissing\tupdate pending" for n in range(5)]
    files = judge_files(read_summary("\n".join([TITLES, *lines])), {}, set())
    text = describe(files, tmp_path, jobs=2)
    assert "match: 1.h5" in text
    assert "match: 2.h5" not in text
    assert "and 3 more; --jobs 5 shows all" in text
    assert "it ran and left no file, or the file was deleted since" in text


def test_the_end_of_a_log_is_read_whatever_it_holds(tmp_path):
    log = tmp_path / "x.log"
    assert end_of_log(log, 3) == []
    log.write_bytes(b"\n\xff" + b"x" * 100_000 + b"\n10 %\r20 %\r30 %\n\n")
    assert end_of_log(log, 2) == ["20 %", "30 %"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "found nothing"),
        ("Job stats:\n", "found 'Job stats:'"),
        ("output_file\tdate\n", "expected a column 'rule'"),
        (f"{TITLES}\na\tb\n", "expected 6 columns"),
    ],
)
def test_what_is_no_summary_is_refused(text, found):
    with pytest.raises(BlindmatchError, match="standard input: .*" + found):
        read_summary(text)


def test_the_command_reads_the_summary_from_standard_input(folder):
    command = [sys.executable, "-m", "blindmatch.cli", "status", "--directory", str(folder)]
    summary = f"{TITLES}\nfailed.parquet\t{NEVER}\n".encode()
    run = subprocess.run(command, input=summary, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(b"files of rule  failed\nmatch               1\n")
    run = subprocess.run(command, input=b"\xff\xfe", capture_output=True, text=False)
    assert run.returncode == 1
    assert run.stderr.startswith(b"error: standard input: expected the output of snakemake")
    assert run.stderr.count(b"\n") == 1
