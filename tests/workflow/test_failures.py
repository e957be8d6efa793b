"""Studies of which a part cannot run: what is drawn, and what is said."""

import csv

import numpy as np
import pytest

from tests.workflow.conftest import Project
from tests.workflow.tiny import CLASSES, DRAWS, PAIR, write_embeddings, write_study

NEEDY = '''
"""A solver that needs what is not there."""

import dataclasses

from blindmatch.registry import absent
from blindmatch.solvers import Solver, Unavailable, solvers
from blindmatch.solvers.random import Random


@solvers.register("needy")
@dataclasses.dataclass(frozen=True)
class Needy(Solver):
    requires = {"crystal_ball": "crystal-ball"}
    refuses = ("asymmetric",)
    modules = ("blindmatch.solvers.needy",)

    def solve(self, problem, *, seed=0, time_limit=None, progress=None):
        if absent(Needy):
            raise Unavailable(absent(Needy))
        return Random().solve(problem, seed=seed)
'''
REASON = "crystal_ball is not installed (pip install crystal-ball)"


def build(study, *figures):
    """Leave only some figures in a study."""
    study["build"] = list(figures)
    study["figures"] = {name: study["figures"][name] for name in figures}


def sentences(output):
    return [line for line in output.splitlines() if line.startswith("error: ")]


def test_one_failed_job_among_many_leaves_the_figure_undrawn(tmp_path):
    project = Project(tmp_path)
    write_embeddings(project)
    many = np.random.default_rng(5).normal(size=(CLASSES + 1, 4)).astype(np.float32)
    np.save(tmp_path / "many.npy", many)

    def add_a_dataset_that_is_too_large(study):
        files = {"near": "many.npy", "words": "many.npy"}
        study["datasets"]["fish"] = {"loader": "embeddings", "embeddings": files}
        study["solvers"]["small"] = {"solver": "brute-force", "options": {"max_size": CLASSES}}
        changes = {"datasets": ["birds", "fish"], "vision": ["near"], "solvers": ["small"]}
        study["experiments"]["all"].update(changes, draws=1, nulls=0)
        build(study, "accuracy", "solvers")

    call = write_study(project, change=add_a_dataset_that_is_too_large)
    output = project.fail(*call, "--keep-going")
    failed, made = (
        f"results/matchings/{dataset}/small/near/words/all.parquet" for dataset in ("fish", "birds")
    )
    assert set(sentences(output)) == {
        f"error: brute-force: expected at most max_size={CLASSES} items, found {CLASSES + 1}; "
        "use hahn-grant"
    }
    assert output.count("Error in rule ") == output.count("Error in rule match_all:") > 0
    assert f"output: {failed}" in output
    assert (tmp_path / made).exists()
    for part in (failed, "results/aggregates", "results/figures", "results/tables"):
        assert not (tmp_path / part).exists()
    # What is done stays done; the figure waits for what is not.
    assert project.jobs(*call) == {
        "match_all": 1,
        "aggregate": 1,
        "figure_accuracy": 1,
        "table_accuracy": 1,
        "table_solvers": 1,
        "describe_run": 1,
        "all": 1,
    }


@pytest.fixture(scope="module")
def needy(tmp_path_factory):
    """A project with one solver more, which its contributor wrote into one file."""
    project = Project(tmp_path_factory.mktemp("needy"), own_package=True)
    write_embeddings(project)
    (project.root / "src/blindmatch/solvers/needy.py").write_text(NEEDY)
    return project


def study_of(needy, solvers, figure, metric="gw"):
    def change(study):
        study["solvers"]["needy"] = {"solver": "needy"}
        pair = {**PAIR, "vision": ["near"], "metrics": [metric]}
        study["experiments"]["all"] = {**pair, "solvers": solvers, "draws": DRAWS}
        build(study, figure)

    return write_study(needy, change=change)


def test_metrics_that_a_solver_refuses_are_refused_before_anything_runs(needy):
    output = needy.fail("--dry-run", *study_of(needy, ["needy"], "solvers", "cka-reference"))
    assert (
        "experiments.all: metric 'cka-reference' compares asymmetric matrices, solver 'needy' "
        "needs symmetric ones" in output
    )
    assert "Traceback" not in output


def test_a_table_says_which_solver_was_skipped_and_it_runs_once_it_can(needy):
    call = study_of(needy, ["chance", "needy"], "solvers")
    assert f"skipped: {REASON}" in needy.build(*call)
    lines = table(needy)
    assert (lines["chance"]["n"], lines["chance"]["skipped"]) == (f"{DRAWS}", "")
    assert (lines["needy"]["n"], lines["needy"]["skipped"]) == ("0", REASON)
    assert lines["needy"]["accuracy_percent_mean"] == ""
    caption = (needy.root / "results/tables/solvers.tex").read_text().replace(r"\_", "_")
    assert f"skipped: needy ({REASON})" in caption
    assert needy.jobs(*call) == {}

    package = needy.root / "src/crystal_ball.py"
    package.write_text("")
    assert needy.jobs(*call) == {
        "match_all": 1,
        "aggregate": 1,
        "table_solvers": 1,
        "describe_run": 1,
        "all": 1,
    }
    needy.build(*call)
    assert table(needy)["needy"]["n"] == f"{DRAWS}"
    package.unlink()


def table(project):
    with open(project.root / "results/tables/solvers.csv", newline="") as stream:
        return {
            line["solver"]: line | {"skipped": line.get("skipped")}
            for line in csv.DictReader(stream)
        }


@pytest.mark.parametrize("figure", ["accuracy", "solvers"])
def test_a_study_that_was_skipped_entirely_is_not_drawn_and_says_why(needy, figure):
    output = needy.fail(*study_of(needy, ["needy"], figure))
    aggregate = "results/aggregates/experiments/all.parquet"
    assert set(sentences(output)) == {
        f"error: {aggregate}: expected matchings to show, found none (skipped: {REASON})"
    }
    assert "Traceback" not in output
