"""`kill -9` of Snakemake and of jobs, in every stage: the next run ends as if nothing had been."""

import os
import signal

import pytest

from tests.faults.stopping import kill, leftovers, said, started, stop_before, stopped, wait_until
from tests.faults.study import STAGES, results

#: Stages whose jobs need nothing of each other here, so that one run of Snakemake holds them all.
TOGETHER = [
    "fetch_source index_dataset describe_classes solve_ablation solve_planted",
    "draw_halves embed_vision embed_language figure_phase table_phase",
    "compute_kernel_vision compute_kernel_language cluster shuffle measure_ratios aggregate",
    "select_subsets match match_all classify",
    "align measure_plan measure_gradient align_blindly",
]


def test_every_stage_is_killed_once():
    assert sorted(" ".join(TOGETHER).split()) == sorted(STAGES)


@pytest.mark.parametrize("stages", TOGETHER)
def test_jobs_and_then_snakemake_are_killed_in(stages, unfinished):
    project, call, before = unfinished(*stages.split())
    last = [STAGES[stage][-1] for stage in stages.split()]
    stop_before(project, last)
    with started(project, *call, "--cores", "32", "--retries", "1") as run:
        kill(stopped(project, run.pid, len(last)))
        stopped(project, run.pid, len(last))  # the second tries
        os.killpg(run.pid, signal.SIGKILL)
    output = said(project)
    for stage in stages.split():
        assert f"Error in rule {stage}:" in output
    assert "Killed" in output or "SIGKILL" in output
    published = results(project.root)
    assert published.items() <= before.items()
    assert not set(last) & set(published)

    stop_before(project)
    project.build("--unlock")
    project.build(*call)
    assert results(project.root) == before


def test_snakemake_alone_is_killed_and_its_job_meets_the_next_one(unfinished):
    project, call, before = unfinished("match_all")
    stop_before(project, STAGES["match_all"])
    with started(project, *call) as run:
        (old,) = stopped(project, run.pid)
        run.kill()
        run.wait()
        refusal = project.fail(*call)
        assert "caused by a kill signal" in refusal
        assert "removed with the --unlock argument" in refusal
        project.build("--unlock")
        with started(project, *call) as again:
            (new,) = stopped(project, again.pid)
            old.send_signal(signal.SIGCONT)
            wait_until(lambda: not old.is_running(), lambda: said(project))
            assert results(project.root) == before
            new.send_signal(signal.SIGCONT)
            assert again.wait() == 0
    assert results(project.root) == before
    assert not leftovers(project.root)
