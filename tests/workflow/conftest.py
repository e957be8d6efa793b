"""A private copy of the project, so that tests may edit it and see what Snakemake reruns."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.workflow.tiny import write_embeddings, write_study

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "rules", "workflow", "config", "envs", "profiles")


class Project:
    """A copy of the workflow in which Snakemake runs.

    With `own_package` the package is copied too and may be edited; otherwise the installed one is
    used, whose solvers are compiled already.
    """

    def __init__(self, root: Path, *, own_package: bool = False) -> None:
        self.root = root
        for part in (*PARTS, "src") if own_package else PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, root / part, ignore=ignored)
            else:
                shutil.copy2(source, root / part)

    def write_config(self, name: str, content: dict) -> None:
        (self.root / name).write_text(yaml.safe_dump(content, sort_keys=False))

    def start(self, *arguments: str, **options) -> subprocess.Popen:
        """Start Snakemake in the copy, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "src")},
            start_new_session=True,
            **options,
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake to its end; standard error comes with the output."""
        run = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = run.communicate(timeout=600)
        return subprocess.CompletedProcess(run.args, run.returncode, output)

    def build(self, *arguments: str) -> str:
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fail(self, *arguments: str) -> str:
        done = self.snakemake(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stdout

    def jobs(self, *arguments: str) -> Counter:
        """How many jobs of each rule a dry run lists."""
        output = self.build("--dry-run", *arguments)
        if "Nothing to be done" in output:
            return Counter()
        table = output.split("Job stats:")[1].split("total")[0]
        return Counter({rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.M)})


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Project:
    """The tiny study with all its results; tests leave them as they are."""
    pytest.importorskip("sklearn")
    project = Project(tmp_path_factory.mktemp("tiny"))
    write_embeddings(project)
    project.build(*write_study(project))
    return project
