"""Jobs that stop just before they publish a file, so that a fault meets them there.

A test names the files; the jobs' Python reads `sitecustomize.py` at its start and stops itself by a
signal, as Ctrl-Z would, with all of its output written and none of it under its final name.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

from tests.workflow.conftest import Project

_PATIENCE_SECONDS = 240
_HOOK = """
import os
import signal

publish = os.replace


def stop_and_publish(source, target, **options):
    with open(os.path.join(os.path.dirname(__file__), "stop_before")) as stream:
        named = stream.read().split()
    if str(target) in named:
        os.kill(os.getpid(), signal.SIGSTOP)
    publish(source, target, **options)


os.replace = stop_and_publish
"""


def stop_before(project: Project, targets: Iterable[str] = ()) -> None:
    """Make the jobs of a project stop before they publish one of some files."""
    folder = project.root / "src"  # where the project's Python looks first
    folder.mkdir(exist_ok=True)
    (folder / "stop_before").write_text("\n".join(targets))
    (folder / "sitecustomize.py").write_text(_HOOK)


@contextlib.contextmanager
def started(project: Project, *arguments: str) -> Iterator[psutil.Popen]:
    """Snakemake while it runs; nothing of it lives on afterwards."""
    with open(project.root / "said.txt", "a") as stream:
        run = project.start(*arguments, stdout=stream, stderr=stream)
    try:
        yield run
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def said(project: Project) -> str:
    """What every Snakemake that was started has said."""
    return (project.root / "said.txt").read_text()


def stopped(project: Project, group: int, count: int = 1) -> list[psutil.Process]:
    """Wait until so many processes of a process group have stopped themselves."""

    def found():
        return [
            process
            for process in psutil.process_iter()
            if _in_group(process, group) and process.status() == psutil.STATUS_STOPPED
        ]

    wait_until(lambda: len(found()) == count, lambda: said(project))
    return found()


def kill(jobs: list[psutil.Process]) -> None:
    """`kill -9`, and wait until they are gone."""
    for job in jobs:
        job.kill()
    psutil.wait_procs(jobs, timeout=_PATIENCE_SECONDS)


def _in_group(process: psutil.Process, group: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(process.pid) == group
    return False


def wait_until(holds: Callable[[], bool], explain: Callable[[], str]) -> None:
    """Poll; after minutes, fail with an explanation."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.1)


def leftovers(root: Path) -> list[Path]:
    """Temporary files of killed jobs: never under a final name."""
    return sorted(root.glob("results/**/.*.tmp"))
