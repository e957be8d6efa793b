"""Disks that are full, read-only or gone: one sentence, nothing half-written, and on it goes."""

import signal

from tests.faults.disks import filled, mounted, read_only, small_disk, vanish
from tests.faults.stopping import leftovers, said, started, stop_before, stopped
from tests.faults.study import STAGES, results

NO_SPACE = "No space left on device"


def sentences(output: str) -> set[str]:
    return {line for line in output.splitlines() if line.startswith("error: ")}


def test_a_full_disk_keeps_no_part_of_a_cache_a_table_or_a_drawing(unfinished):
    stages = "compute_kernel_vision", "measure_ratios", "figure_phase", "table_phase"
    project, call, before = unfinished(*stages)
    with small_disk(project.root / "results"):
        with filled(project.root / "results"):
            output = project.fail(*call, "--keep-going")
            assert sentences(output) == {
                f"error: {STAGES[stage][0]}: cannot be written ({NO_SPACE}); nothing was kept"
                for stage in stages
            }
            assert "Traceback" not in output
            assert not any(target in results(project.root) for target in call)
            assert not leftovers(project.root)
        project.build(*call)
    assert results(project.root) == before


def test_an_embedding_on_a_full_disk_resumes_once_there_is_room(unfinished):
    project, call, before = unfinished("embed_vision")
    (target,) = STAGES["embed_vision"]
    with small_disk(project.root / "results"):
        with filled(project.root / "results", free=1 << 16):
            (sentence,) = sentences(project.fail(*call))
            assert sentence.startswith(f"error: {target}.partial: cannot be written ({NO_SPACE})")
            assert sentence.endswith("the same command resumes")
            assert target not in results(project.root)
        assert f"{target}.partial: resuming after " in project.build(*call)
    assert results(project.root) == before


def test_a_download_to_a_full_disk_publishes_nothing(unfinished):
    project, call, before = unfinished("fetch_source")
    (target,) = STAGES["fetch_source"]
    with small_disk(project.root / "resources"):
        with filled(project.root / "resources", free=1 << 16):
            (sentence,) = sentences(project.fail(*call))
            assert f"{target}.partial: cannot be written ({NO_SPACE})" in sentence
            assert target not in results(project.root)
        project.build(*call)
    assert results(project.root) == before


def test_a_log_on_a_full_disk_fails_the_job_by_name(unfinished):
    project, call, before = unfinished("match_all")
    log = "logs/match_all/birds/exact/near/words.log"
    (project.root / log).unlink()
    with small_disk(project.root / "logs"):
        with filled(project.root / "logs"):
            assert f"tee: {log}: {NO_SPACE}" in project.fail(*call)
            assert STAGES["match_all"][0] not in results(project.root)
        project.build(*call)
    assert results(project.root) == before


def test_read_only_results_are_refused_before_any_job(unfinished):
    project, call, before = unfinished("measure_ratios", "match_all")
    with read_only(project.root / "results"):
        output = project.fail(*call)
        assert "results: cannot be written to, it is read-only or not yours" in output
        assert "Traceback" not in output
        assert "Finished jobid" not in output
    project.build(*call)
    assert results(project.root) == before


def test_results_that_vanish_in_mid_job_are_named_and_come_back(unfinished):
    project, call, before = unfinished("match_all", "measure_ratios")
    folder = project.root / "results"
    store = folder.rename(project.root / "store")
    folder.mkdir()
    files = STAGES["match_all"] + STAGES["measure_ratios"]
    stop_before(project, files)
    with mounted(store, folder), started(project, *call) as run:
        jobs = stopped(project, run.pid, len(files))
        vanish(folder)
        for job in jobs:
            job.send_signal(signal.SIGCONT)
        assert run.wait() != 0
    reason = "No such file or directory"
    assert sentences(said(project)) == {
        f"error: {file}: cannot be written ({reason}); nothing was kept" for file in files
    }
    stop_before(project)
    with mounted(store, folder):
        project.build(*call)
        assert results(project.root) == before
