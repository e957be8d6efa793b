"""The state of a study, told from what real runs left: failed, running, killed, done."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.workflow.conftest import Project
from tests.workflow.tiny import write_study

SOLVED = "results/ablations/inner-product/{}/d16/n5.parquet"


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def study_of(project, *solvers):
    """A table of few jobs; the arguments that make Snakemake take it."""

    def change(study):
        study["build"] = ["ablation"]
        study["figures"] = {"ablation": study["figures"]["ablation"]}
        study["ablations"]["steps"].update(solvers=list(solvers), draws=1)
        study["solvers"]["small"] = {"solver": "brute-force", "options": {"max_size": 4}}
        study["solvers"]["endless"] = {"solver": "faq", "options": {"starts": 10**8}}

    return write_study(project, change=change)


def status(project, call):
    """What the command says when Snakemake's summary is sent to it."""
    snakemake = project.start(*call, "--summary", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    summary, errors = snakemake.communicate(timeout=300)
    assert snakemake.returncode == 0, errors.decode()
    run = subprocess.run(
        [sys.executable, "-m", "blindmatch.cli", "status"],
        cwd=project.root,
        input=summary,
        capture_output=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode()


def counts(text):
    """Rule -> state -> files, from the table."""
    lines = text.split("\n\n")[0].splitlines()
    names = [name for name in lines[0].split("  ") if name][1:]
    # Numbers end where the titles of their columns end.
    ends = [lines[0].index(name) + len(name) for name in names]
    table = {}
    for line in lines[1:]:
        cells = [line[max(0, end - 6) : end].strip() for end in ends]
        states = dict(zip((name.strip() for name in names), cells, strict=True))
        table[line.split()[0]] = {name: int(cell) for name, cell in states.items() if cell}
    return table


def test_a_failed_job_is_told_until_it_is_done_and_the_report_tells_what_all_took(project):
    call = study_of(project, "exact", "small")
    project.fail(*call, "--keep-going")
    text = status(project, call)
    assert counts(text)["solve_ablation"] == {"done": 1, "failed": 1}
    assert counts(text)["aggregate"] == {"to do": 1}
    told = text.split("Failed at the last try, and not tried since:\n")[1]
    assert told.startswith(f"  solve_ablation: {SOLVED.format('small')}\n    failed ")
    assert "logs/solve_ablation/inner-product/small/d16/n5.log, last written" in told
    assert "| error: brute-force: expected at most max_size=4 items, found 5" in told

    # What failed is no part of this study any more.
    call = study_of(project, "exact")
    project.build(*call)
    text = status(project, call)
    assert text.endswith("\n\nNothing is to be done.\n")
    assert set().union(*counts(text).values()) == {"done"}

    folder = project.root / "results/report/all"
    with open(folder / "run_times.csv", newline="") as stream:
        rows = {row["rule"]: row for row in csv.DictReader(stream)}
    assert {rule: int(row["jobs"]) for rule, row in rows.items()} == {
        "solve_ablation": 1,
        "aggregate": 1,
        "table_ablation": 1,
    }
    assert float(rows["solve_ablation"]["seconds_total"]) > 0
    with open(folder / "machine.csv", newline="") as stream:
        facts = {row["name"]: row["value"] for row in csv.DictReader(stream)}
    assert (facts["seed"], facts["commit"], len(facts["configuration"])) == ("42", "none", 64)
    project.build(*call, "--report", "report.html")
    report = (project.root / "report.html").read_text()
    for name in ("run.html", "run_times.csv", "machine.csv"):
        assert f'"results/report/all/{name}"' in report


def test_a_running_job_is_told_with_its_progress_and_so_is_a_killed_one(project):
    call = study_of(project, "endless")
    log = project.root / "logs/solve_ablation/inner-product/endless/d16/n5.log"
    output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = project.start(*call, **output)
    try:
        end = time.monotonic() + 300
        while not (log.exists() and "searches" in log.read_text()):
            assert run.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
        running = status(project, call)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    killed = status(project, call)
    for text in (running, killed):
        assert counts(text)["solve_ablation"] == {"running or killed": 1}
        told = text.split("Begun and not ended:\n")[1]
        assert told.startswith(f"  solve_ablation: {SOLVED.format('endless')}\n    begun ")
        assert " searches: cost " in told
        assert told.endswith(
            "The lock of this folder is held: a Snakemake runs here, or was killed.\n"
        )
