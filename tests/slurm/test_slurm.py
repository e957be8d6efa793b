"""profiles/slurm on a real scheduler: to the figure, through kills, after a cancelled run."""

import os
import signal

import pytest

from tests.slurm.cluster import wait_until
from tests.slurm.demanding import TABLE, ask_for, wake

pytestmark = pytest.mark.slurm
# As the README has it; the tests ask for news more often.
PROFILE = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2")
# Sixty short jobs are submitted ten at a time, as docs/clusters.md has it.
IN_GROUPS = (
    *("--groups", "select_subsets=subsets", "match=matchings"),
    *("--group-components", "subsets=10", "matchings=10"),
)


@pytest.fixture
def project(project_on, prepared):
    return project_on(*PROFILE, like=prepared)


def test_the_demo_reaches_its_figure_with_what_its_rules_ask_for(project_on):
    project = project_on(*PROFILE)
    project.build("--configfile", "config/demo.yaml", *IN_GROUPS)
    figure = project.root / "results/figures/emoji100_scaling.pdf"
    assert figure.read_bytes().startswith(b"%PDF")

    embeddings = project.tries("embed_vision")
    assert len(embeddings) == 3
    for job in embeddings:
        assert job["JobState"] == "COMPLETED"
        assert "cpu=8,mem=16000M" in job["TRES"]
        assert job["TimeLimit"] == "12:00:00"
        assert job["TresPerJob"] == "gres:gpu:1"
    kernels = project.tries("compute_kernel_language")
    assert [job["NumCPUs"] for job in kernels] == ["1"]
    assert "TresPerJob" not in kernels[0]
    # The rules' own logs are in their places, for each of the sixty grouped jobs too.
    assert len([*project.root.glob("logs/match/**/*.log")]) == 30
    log = project.root / "logs/embed_vision/emoji-100/efficientnet-lite0.log"
    assert "images" in log.read_text()
    # One GPU is the limit of profiles/default, for one machine: here the scheduler decides.
    begun = [job["SubmitTime"] for job in embeddings]
    assert begun[1] < min(job["EndTime"] for job in embeddings)

    assert "Nothing to be done" in project.build("--configfile", "config/demo.yaml")


def test_jobs_killed_for_memory_and_time_are_tried_again_with_more(project):
    call = ask_for(project, "hungry", "sleepy")
    more = ("match_all:mem_mb=1000*attempt**3", "match_all:runtime=attempt**6")
    run = project.begin(*call, "--set-resources", *more)
    wait_until(lambda: "TIMEOUT" in project.states("sleepy"), "a job is over its time", 400)
    wake(project)
    assert run.wait(timeout=600) == 0, project.output()
    assert (project.root / TABLE).exists()

    memory, time = project.tries("hungry"), project.tries("sleepy")
    # Without control groups SLURM kills the step inside the job, which then fails.
    assert memory[0]["JobState"] in ("FAILED", "OUT_OF_MEMORY")
    assert memory[1]["JobState"] == "COMPLETED"
    assert [job["MinMemoryNode"] for job in memory] == ["1000M", "8000M"]
    assert [job["JobState"] for job in time] == ["TIMEOUT", "COMPLETED"]
    assert [job["TimeLimit"] for job in time] == ["00:01:00", "01:04:00"]
    # Snakemake says what happened, and where the log is that tells more.
    for killed in (memory[0], time[0]):
        said = f"SLURM-job '{killed['JobId']}' failed, SLURM status is: '{killed['JobState']}'"
        assert said in project.output()
        assert killed["StdOut"] in project.output()
    for killed, reason in ((memory[0], "exceeded memory limit"), (time[0], "DUE TO TIME LIMIT")):
        with open(killed["StdOut"]) as log:
            assert reason in log.read()


def test_a_cancelled_job_is_tried_again_and_its_rule_asks_for_twice_as_much(project):
    run = project.begin(*ask_for(project, "sleepy"))
    wait_until(lambda: project.states("sleepy") == ["RUNNING"], "the job runs", 400)
    project.cluster.ask("scancel", project.tries("sleepy")[0]["JobId"])
    wake(project)
    assert run.wait(timeout=600) == 0, project.output()
    assert project.states("sleepy") == ["CANCELLED", "COMPLETED"]
    first, second = (int(job["MinMemoryNode"].rstrip("M")) for job in project.tries("sleepy"))
    assert second == 2 * first


def test_an_interrupted_run_cancels_its_jobs_and_resumes(project):
    call = ask_for(project, "sleepy")
    run = project.begin(*call)
    wait_until(lambda: project.states("sleepy") == ["RUNNING"], "the job runs", 400)
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=300) != 0
    wait_until(lambda: not project.cluster.active(), "its jobs are cancelled")
    assert project.states("sleepy") == ["CANCELLED"]

    wake(project)
    project.build(*call)
    assert project.states("sleepy") == ["CANCELLED", "COMPLETED"]
    assert not project.tries("embed_vision")


def test_a_killed_run_resumes_after_its_jobs_are_cancelled_and_its_lock_removed(project):
    call = ask_for(project, "sleepy")
    run = project.begin(*call)
    wait_until(lambda: project.states("sleepy") == ["RUNNING"], "the job runs", 400)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    # Its jobs run on, and the next run would start them a second time: the lock is in the way.
    assert "--unlock" in project.fail(*call)
    assert project.states("sleepy") == ["RUNNING"]

    # As docs/clusters.md says: the jobs are called like the run.
    project.cluster.ask("scancel", f"--name={project.tries('sleepy')[0]['JobName']}")
    wait_until(lambda: not project.cluster.active(), "its jobs are cancelled")
    project.build("--unlock", *call)
    wake(project)
    project.build(*call)
    assert project.states("sleepy") == ["CANCELLED", "COMPLETED"]
    assert not project.tries("embed_vision")
