"""A cluster for the session, and projects that run on it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster, require_slurm
from tests.slurm.demanding import SOLVER, ask_for
from tests.workflow.conftest import Project
from tests.workflow.tiny import write_embeddings

SNAKEMAKE = Path(sys.executable).parent / "snakemake"
HOUR = 3600


class ClusterProject(Project):
    """A copy of the workflow that runs under a profile, as a user types it.

    With `like` it is a copy of another project, with its results.

    The environment of Python is not activated: Snakemake is called by its path.
    """

    def __init__(
        self, root: Path, cluster: Cluster, *profile: str, like: Path | None = None
    ) -> None:
        if like is None:
            super().__init__(root)
        else:
            shutil.copytree(like, root, dirs_exist_ok=True)
            self.root = root
        self.cluster = cluster
        self.profile = profile
        self.started = []

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        outside = [
            folder
            for folder in self.cluster.environment["PATH"].split(os.pathsep)
            if folder != str(SNAKEMAKE.parent)
        ]
        paths = {"PATH": os.pathsep.join(outside), "PYTHONPATH": str(self.root / "src")}
        run = subprocess.Popen(
            [SNAKEMAKE, *self.profile, *arguments],
            cwd=self.root,
            env={**self.cluster.environment, **paths},
            start_new_session=True,
            # Ctrl-C counts, also where a shell started the tests in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **options,
        )
        self.started.append(run)
        return run

    def begin(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake, its output in a file."""
        with open(self.root / "output.txt", "ab") as stream:
            return self.start(*arguments, stdout=stream, stderr=subprocess.STDOUT)

    def output(self) -> str:
        """All that Snakemake has said so far."""
        return (self.root / "output.txt").read_text()

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake to its end."""
        (self.root / "output.txt").unlink(missing_ok=True)
        run = self.begin(*arguments)
        code = run.wait(timeout=HOUR)
        return subprocess.CompletedProcess(run.args, code, self.output())

    def stop(self) -> None:
        """End what runs still: Snakemake first, then its jobs."""
        for run in self.started:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        self.cluster.cancel_all()

    def tries(self, rule: str) -> list[dict[str, str]]:
        """The jobs of a rule that the scheduler got from this project, in order."""
        ours = [job for job in self.cluster.jobs() if job["WorkDir"] == str(self.root)]
        named = [job for job in ours if rule in job.get("Comment", "") + job["JobName"]]
        return sorted(named, key=lambda job: int(job["JobId"]))

    def states(self, rule: str) -> list[str]:
        """How they stand."""
        return [job["JobState"] for job in self.tries(rule)]


@pytest.fixture(scope="session")
def cluster():
    """munged, slurmctld and slurmd, stopped at the end."""
    require_slurm()
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A project in which nothing is left to do but matching, by solvers with demands."""
    project = Project(tmp_path_factory.mktemp("prepared"), own_package=True)
    write_embeddings(project)
    (project.root / "src/blindmatch/solvers/demanding.py").write_text(SOLVER)
    project.build(*ask_for(project, "sleepy"), "--omit-from", "match_all")
    return project.root


@pytest.fixture
def project_on(cluster, tmp_path):
    """Hand out a function that makes a project; what it started is stopped after the test."""
    projects = []

    def make(*profile: str, like: Path | None = None) -> ClusterProject:
        projects.append(ClusterProject(tmp_path, cluster, *profile, like=like))
        return projects[-1]

    yield make
    for project in projects:
        project.stop()
