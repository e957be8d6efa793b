"""Two processes of Snakemake at once: the second is refused; where not, nothing is hurt."""

import shutil
import signal

from tests.faults.stopping import leftovers, said, started, stop_before, stopped, wait_until
from tests.faults.study import STAGES, copied, results


def go_on(jobs):
    for job in jobs:
        job.send_signal(signal.SIGCONT)


def test_a_second_snakemake_is_refused_while_the_first_runs(unfinished):
    project, call, before = unfinished("match_all")
    stop_before(project, STAGES["match_all"])
    with started(project, *call) as first:
        jobs = stopped(project, first.pid)
        refusal = project.fail(*call)
        assert "no other Snakemake process is trying to create the same files" in refusal
        assert str(project.root) in refusal
        go_on(jobs)
        assert first.wait() == 0
    assert results(project.root) == before


def test_two_that_ignore_the_lock_publish_the_same_whole_files(unfinished):
    stages = "compute_kernel_vision", "measure_ratios", "table_phase"
    project, (*call, option, study), before = unfinished(*stages)
    stop_before(project, [STAGES[stage][-1] for stage in stages])
    call = (*call, option, study, "--nolock", "--cores", "4")
    with started(project, *call) as first, started(project, *call) as second:
        ones, others = (stopped(project, run.pid, len(stages)) for run in (first, second))
        go_on(ones)
        assert first.wait() == 0
        assert results(project.root) == before
        go_on(others)
        assert second.wait() == 0
    assert results(project.root) == before
    assert not leftovers(project.root)


def test_two_projects_fetch_into_one_resources_folder(unfinished, tmp_path_factory):
    one, call, before = unfinished("fetch_source")
    other = copied(one, tmp_path_factory.mktemp("other"))
    shutil.rmtree(other.root / "resources")
    (other.root / "resources").symlink_to(one.root / "resources")
    stop_before(one, STAGES["fetch_source"])
    with started(one, *call) as first:
        jobs = stopped(one, first.pid)
        with started(other, *call) as second:
            waits = "notes.zip.partial: another process is writing it, waiting for its end"
            wait_until(lambda: waits in said(other), lambda: said(other))
            go_on(jobs)
            assert first.wait() == 0
            assert second.wait() == 0
    assert results(one.root) == results(other.root) == before
