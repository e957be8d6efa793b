"""What a change reruns: only what hangs on it."""

import os
import re
import time

import pytest
import yaml

from blindmatch.storage import read_table
from tests.datafiles import write_image_zip
from tests.workflow.conftest import ROOT, Project

STUDY = {
    "build": ["toys_scaling"],
    "subsets": {"time_limit": 5},
    "datasets": {
        "toys": {"loader": "image-folder", "path": "toys.zip", "prompts": ["a photo of a {}."]}
    },
    "models": {
        "pixels-8": {"modality": "vision", "family": "pixels", "resolution": 8},
        "pixels-16": {"modality": "vision", "family": "pixels", "resolution": 16},
    },
    "experiments": {
        "toys_scaling": {
            "datasets": ["toys"],
            "vision": ["pixels-8"],
            "language": ["all-minilm-l6-v2"],
            "metrics": ["gw"],
            "solvers": ["brute-force", "random"],
            "sizes": [4, 6],
            "ranks": 2,
            "draws": 2,
        }
    },
    "figures": {"toys_scaling": {"kind": "scaling", "experiment": "toys_scaling", "title": "Toys"}},
    "plotting": {"pixels-8": {"label": "8 pixels", "color": "#0072b2"}},
}
CALL = ("--configfile", "study.yaml")
HEAVY = {"embed_vision", "embed_language", "select_subsets", "match"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("study"), own_package=True)
    write_image_zip(project.root / "toys.zip", classes=8, images_per_class=8)
    project.write_config("study.yaml", STUDY)
    project.build(*CALL)
    return project


@pytest.fixture
def edited(study):
    """Hand out a function that edits a file of the project; undone after the test."""
    before = {}

    def edit(name, change):
        path = study.root / name
        if name not in before:
            before[name] = (path.read_bytes(), path.stat())
        path.write_text(change(path.read_text()))

    yield edit
    for name, (content, status) in before.items():
        (study.root / name).write_bytes(content)
        os.utime(study.root / name, ns=(status.st_atime_ns, status.st_mtime_ns))


def changed_config(edited, change):
    def rewrite(text):
        content = yaml.safe_load(text)
        change(content)
        return yaml.safe_dump(content, sort_keys=False)

    edited("study.yaml", rewrite)


def test_a_second_run_does_nothing(study):
    assert "Nothing to be done" in study.build(*CALL)


def test_adding_a_model_runs_only_its_own_jobs(study, edited):
    changed_config(edited, lambda c: c["experiments"]["toys_scaling"]["vision"].append("pixels-16"))
    assert study.jobs(*CALL) == {
        "embed_vision": 1,
        "compute_kernel_vision": 1,
        "select_subsets": 2,
        "match": 4,
        "aggregate": 1,
        "figure_scaling": 1,
        "table_scaling": 1,
        "describe_run": 1,
        "all": 1,
    }


def test_touching_every_script_reruns_nothing_heavy(study, edited):
    for script in sorted((study.root / "workflow/scripts").glob("*.py")):
        edited(f"workflow/scripts/{script.name}", lambda text: text)
        os.utime(script, (time.time(), time.time()))
    assert HEAVY.isdisjoint(study.jobs(*CALL))


def test_a_comment_in_the_package_reruns_nothing(study, edited):
    for module in ("embed", "matching", "subsets", "qap", "kernels", "solvers/brute_force"):
        edited(f"src/blindmatch/{module}.py", lambda text: f"# A remark.\n{text}\n# Another.\n")
    assert study.jobs(*CALL) == {}


def test_a_solvers_logic_reruns_its_matchings_and_what_hangs_on_them(study, edited):
    edited("src/blindmatch/solvers/random.py", lambda text: f"{text}\nCHANGED = True\n")
    assert study.jobs(*CALL) == {
        "match": 2,
        "aggregate": 1,
        "figure_scaling": 1,
        "table_scaling": 1,
        "describe_run": 1,
        "all": 1,
    }


def test_a_solvers_option_reruns_its_matchings_only(study, edited):
    changed_config(edited, lambda c: c.update(solvers={"random": {"time_limit": 7}}))
    assert study.jobs(*CALL)["match"] == 2


def test_a_colour_redraws_the_figure_and_its_table_only(study, edited):
    changed_config(edited, lambda c: c["plotting"]["pixels-8"].update(color="#d55e00"))
    assert study.jobs(*CALL) == {
        "figure_scaling": 1,
        "table_scaling": 1,
        "describe_run": 1,
        "all": 1,
    }


def test_a_prompt_embeds_language_again_and_no_image(study, edited):
    changed_config(edited, lambda c: c["datasets"]["toys"].update(prompts=["one {}.", "the {}."]))
    jobs = study.jobs(*CALL)
    assert jobs["embed_language"] == 1
    assert "embed_vision" not in jobs
    assert "index_dataset" not in jobs


def test_one_more_draw_embeds_nothing(study, edited):
    changed_config(edited, lambda c: c["experiments"]["toys_scaling"].update(draws=3))
    assert study.jobs(*CALL) == {
        "match": 4,
        "aggregate": 1,
        "figure_scaling": 1,
        "table_scaling": 1,
        "describe_run": 1,
        "all": 1,
    }


def test_every_heavy_rule_says_which_code_it_depends_on():
    rules = re.split(r"\n(?=rule )", "\n".join(p.read_text() for p in ROOT.glob("rules/*.smk")))
    for rule in rules[1:]:
        name = rule.split()[1].rstrip(":")
        assert "    code=" in rule or name in {"fetch_source"}, name


def test_the_rows_hold_what_was_asked_for(study):
    rows, metadata = read_table(study.root / "results/aggregates/experiments/toys_scaling.parquet")
    assert len(rows) == 2 * 2 * 2 * 2
    assert metadata["study"] == "toys_scaling"
    exact = [row for row in rows if row["solver"] == "brute-force"]
    assert all(row["optimal"] and row["cost"] >= row["bound"] for row in exact)
    assert {row["status"] for row in rows if row["solver"] == "random"} == {"heuristic"}
