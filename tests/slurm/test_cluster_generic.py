"""profiles/cluster-generic, whose three scripts speak SLURM as they stand."""

import os
import signal
import subprocess

import pytest

from tests.slurm.cluster import wait_until
from tests.slurm.demanding import TABLE, ask_for, wake
from tests.workflow.conftest import ROOT
from tests.workflow.tiny import write_embeddings, write_study

pytestmark = pytest.mark.slurm
PROFILE = ("--profile", "profiles/cluster-generic")
FIGURE = "results/figures/ratios.pdf"


def status(cluster, job: str) -> str:
    done = subprocess.run(
        [ROOT / "profiles/cluster-generic/status.sh", job],
        env=cluster.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_tiny_study_reaches_its_figure_with_what_its_rules_ask_for(project_on):
    project = project_on(*PROFILE)
    write_embeddings(project)
    call = write_study(project)
    project.build(FIGURE, *call)
    assert (project.root / FIGURE).read_bytes().startswith(b"%PDF")

    embeddings = project.tries("embed_vision")
    assert len(embeddings) == 2
    for job in embeddings:
        assert "cpu=8,mem=16000M" in job["TRES"]
        assert job["TimeLimit"] == "12:00:00"
        assert job["TresPerNode"] == "gres:gpu:1"
        assert "embed_vision" in (project.root / job["StdOut"]).read_text()
        assert status(project.cluster, job["JobId"]) == "success"
    assert "TresPerNode" not in project.tries("index_dataset")[0]
    assert "Nothing to be done" in project.build(FIGURE, *call)


def test_a_job_killed_for_memory_is_tried_again_with_more(project_on, prepared):
    project = project_on(*PROFILE, like=prepared)
    call = ask_for(project, "hungry")
    project.build(*call, "--set-resources", "match_all:mem_mb=1000*attempt**3")
    killed, done = project.tries("match_all")
    assert [killed["MinMemoryNode"], done["MinMemoryNode"]] == ["1000M", "8000M"]
    with open(killed["StdOut"]) as log:
        assert "memory limit" in log.read()
    assert status(project.cluster, killed["JobId"]) == "failed"
    assert done["JobState"] == "COMPLETED"


def test_an_interrupted_run_cancels_its_jobs_and_a_killed_one_resumes(project_on, prepared):
    project = project_on(*PROFILE, like=prepared)
    call = ask_for(project, "sleepy")
    run = project.begin(*call)
    wait_until(lambda: project.states("match_all") == ["RUNNING"], "the job runs", 400)
    assert status(project.cluster, project.tries("match_all")[0]["JobId"]) == "running"
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=300) != 0
    wait_until(lambda: not project.cluster.active(), "its jobs are cancelled")

    run = project.begin(*call)
    running = ["CANCELLED", "RUNNING"]
    wait_until(lambda: project.states("match_all") == running, "the job runs again", 400)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    # As docs/clusters.md says: cancel what still runs, remove the lock, run again.
    project.cluster.ask("scancel", project.tries("match_all")[1]["JobId"])
    wait_until(lambda: not project.cluster.active(), "its jobs are cancelled")
    project.build("--unlock", *call)
    wake(project)
    project.build(*call)
    assert project.states("match_all") == ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert (project.root / TABLE).exists()
