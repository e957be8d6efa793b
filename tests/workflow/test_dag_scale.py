"""Planning of large studies: light, repeatable, and no job too many."""

import importlib
import re
import subprocess
import sys

import pytest
import yaml

from tests.workflow.conftest import ROOT, Project

OFFLINE = ("--configfile", "config/study-offline.yaml")
#: What only jobs may import. Snakemake itself imports pandas for some of its plugins.
HEAVY = (
    *("torch", "torchvision", "timm", "open_clip", "transformers", "sentence_transformers"),
    *("pandas", "matplotlib", "seaborn", "numba", "scipy", "sklearn", "umap", "joblib", "h5py"),
    *("gurobipy", "pylibmgm", "ot", "PIL"),
)
#: Snakemake, in which nothing can import those any more.
WITHOUT_HEAVY = f"""
import sys
from snakemake.cli import main
sys.modules.update(dict.fromkeys({HEAVY!r}))
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def dag():
    """The benchmark of planning, which knows how a finished run is made without its jobs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("dag")


@pytest.fixture(scope="module")
def finished(dag, tmp_path_factory):
    """The offline study, as if all of its jobs had run."""
    project = Project(tmp_path_factory.mktemp("finished"), own_package=True)
    planned = dag.finish(project.root, *OFFLINE)
    assert planned.jobs > 300
    return project


def test_a_finished_study_has_nothing_left_to_do(finished):
    assert "Nothing to be done" in finished.build(*OFFLINE)


def test_one_model_more_plans_its_own_jobs_only(finished):
    study = yaml.safe_load((finished.root / OFFLINE[1]).read_text())
    study["experiments"]["study_small_scale"]["vision"].append("dino-rn50")
    finished.write_config("one-more.yaml", study)
    output = finished.build("--dry-run", "--configfile", "one-more.yaml")
    files = re.findall(r"^    output: (\S+)", output, re.MULTILINE)
    ours = [file for file in files if re.match("results/(embeddings|kernels|matchings)", file)]
    # Two datasets; its distances and its inner products, centred and not.
    assert len(ours) == 2 * (1 + 3 + 1)
    assert all("/dino-rn50" in file for file in ours)
    others = set(files) - set(ours)
    assert {file.split("/")[1] for file in others} <= {"aggregates", "figures", "tables", "report"}


def test_no_rule_imports_anything_heavy_to_plan_its_jobs(finished):
    planned = set()
    for study in ("study", "alignment"):
        arguments = ("--forceall", "--cores", "2", "--configfile", f"config/{study}-offline.yaml")
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_HEAVY, "--dry-run", *arguments],
            cwd=finished.root,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        planned |= set(re.findall(r"^(?:local)?rule (\w+):$", done.stdout, re.MULTILINE))
    rules = "\n".join(path.read_text() for path in finished.root.glob("rules/*.smk"))
    assert set(re.findall(r"^rule (\w+):", rules, re.MULTILINE)) <= planned
