"""The study of alignments (SOTAlign): from embeddings to figures, and what a change reruns."""

import copy

import numpy as np
import pytest
import yaml

from blindmatch.storage import read_table
from tests.workflow.conftest import Project

CONCEPTS = 60
STUDY = {
    "build": ["recall", "methods", "divergences", "perplexity", "gradient", "blind-alignment"],
    "training": {"dimension": 8, "steps": 20, "learning_rate": 0.003, "device": "cpu"},
    "datasets": {
        # One image of each concept, and many of six kinds.
        "things": {
            "loader": "embeddings",
            "embeddings": {"sight": "things.npy", "words": "names.npy"},
        },
        "kinds": {
            "loader": "embeddings",
            "labels": "labels.npy",
            "embeddings": {"sight": "kinds.npy", "words": "kind-names.npy"},
        },
    },
    "models": {
        "sight": {"modality": "vision", "family": "precomputed"},
        "words": {"modality": "language", "family": "precomputed"},
    },
    "solvers": {"exact": {"solver": "brute-force", "time_limit": 60}},
    "clusterings": {"means": {"clustering": "k-means", "options": {"starts": 2}}},
    "teachers": {"ridge": {"teacher": "cca", "options": {"ridge": 0.1}}},
    "methods": {
        "alone": {"method": "linear", "teacher": "ridge"},
        "supervised": {"method": "sail"},
        "ours": {"method": "sotalign", "teacher": "ridge", "tuned": {"beta": [1, 10]}},
        "blind": {"method": "sotalign", "teacher": "ridge"},
    },
    "splits": {
        "held-out": {"dataset": "things", "validation": 8, "test": 12, "zero_shot": ["kinds"]}
    },
    "alignments": {
        "few": {
            "splits": ["held-out"],
            "methods": ["alone", "supervised", "ours"],
            "vision": ["sight"],
            "language": ["words"],
            "pair_counts": [8, 16],
            "unpaired_counts": [20],
            "draws": 2,
        },
    },
    "plans": {
        "sharpness": {
            "splits": ["held-out"],
            "teachers": ["ridge"],
            "vision": ["sight"],
            "language": ["words"],
            "pair_counts": [16],
            "unpaired_counts": [20],
            "epsilons": [0.01, 0.1],
            "draws": 2,
        }
    },
    "gradients": {
        "gradients": {"ways": ["explicit", "unrolled"], "sizes": [50], "iterations": [5]}
    },
    "blind_alignments": {
        "kinds": {
            "datasets": ["kinds"],
            "metrics": ["gw"],
            "clusterings": ["means"],
            "solvers": ["exact"],
            "methods": ["blind"],
            "vision": ["sight"],
            "language": ["words"],
            "draws": 2,
            "rounds": 1,
        }
    },
    "figures": {
        kind: {"kind": kind, "experiment": study, "title": f"Tiny {kind}", **more}
        for kind, study, more in (
            ("recall", "few", {"against": "pairs"}),
            ("methods", "few", {}),
            ("divergences", "few", {}),
            ("perplexity", "sharpness", {}),
            ("gradient", "gradients", {}),
            ("blind-alignment", "kinds", {}),
        )
    },
}
FOLDER = "results/alignments/held-out"


def write_embeddings(project):
    """Names are things as they are seen, turned and with a little noise."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    things, kinds = rng.normal(size=(CONCEPTS, 6)), rng.normal(size=(6, 6))
    labels = np.repeat(np.arange(6), 20)
    for name, rows in {
        "things": things,
        "names": things @ turn,
        "kinds": kinds[labels],
        "kind-names": kinds @ turn,
    }.items():
        noisy = rows + 0.05 * rng.normal(size=rows.shape)
        np.save(project.root / f"{name}.npy", noisy.astype(np.float32))
    np.save(project.root / "labels.npy", labels)


def written(project, change=lambda study: None):
    study = copy.deepcopy(STUDY)
    change(study)
    (project.root / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return "--configfile", "study.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The study with all its results; tests leave them as they are."""
    pytest.importorskip("sklearn")
    project = Project(tmp_path_factory.mktemp("alignments"))
    write_embeddings(project)
    project.build(*written(project))
    return project


def test_every_figure_and_table_is_made_once(made):
    results = made.root / "results"
    drawn = {path.name for path in (results / "figures").glob("*.pdf")}
    assert drawn == {
        f"{kind}.pdf" for kind in ("recall", "perplexity", "gradient", "blind-alignment")
    }
    assert {path.stem for path in (results / "tables").glob("*.csv")} == set(STUDY["build"])
    assert made.jobs(*written(made)) == {}
    assert not list(results.rglob(".*.runs"))


def test_a_file_holds_every_draw_and_evaluation(made):
    rows, metadata = read_table(made.root / FOLDER / "ours/sight/words/p16/u20.parquet")
    assert [(row["draw"], row["evaluation"]) for row in rows] == [
        (0, "test"),
        (0, "kinds"),
        (1, "test"),
        (1, "kinds"),
    ]
    assert metadata["names"]["divergence"] == "klot"
    assert rows[0]["mean_r5"] > rows[0]["chance_r5"]
    assert rows[1]["top1"] > rows[1]["chance"]


def test_blind_alignment_keeps_one_round_of_each_draw(made):
    path = "results/blind-alignments/kinds/gw/means/exact/blind/sight/words.parquet"
    rows, _ = read_table(made.root / path)
    kept = [row for row in rows if row["kept"]]
    assert [row["draw"] for row in kept] == [0, 1]
    assert min(row["accuracy"] for row in kept) > 0.9


END = {"aggregate": 1, "figure_recall": 1, "table_recall": 1, "table_methods": 1}
END |= {"table_divergences": 1, "describe_run": 1, "all": 1}


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        (lambda study: study["alignments"]["few"]["pair_counts"].append(24), {"align": 3, **END}),
        (lambda study: study["methods"]["ours"]["tuned"]["beta"].append(100), {"align": 2, **END}),
        (
            lambda study: study["teachers"]["ridge"]["options"].update(ridge=0.2),
            {"align": 4, "measure_plan": 1, "align_blindly": 1, **END, "aggregate": 3}
            | {"figure_perplexity": 1, "table_perplexity": 1}
            | {"figure_blind_alignment": 1, "table_blind_alignment": 1},
        ),
        (
            lambda study: study["figures"]["recall"].update(title="Another"),
            {"figure_recall": 1, "table_recall": 1, "describe_run": 1, "all": 1},
        ),
    ],
    ids=["more pairs", "more values of beta", "another ridge", "another title"],
)
def test_only_what_depends_on_a_change_runs_again(made, change, jobs):
    assert made.jobs(*written(made, change)) == jobs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda study: study["splits"]["held-out"].update(dataset="thing"),
            "splits.held-out: unknown dataset 'thing' (did you mean 'things'?)",
        ),
        (
            lambda study: study["methods"]["ours"].update(teacher="rigde"),
            "methods.ours.teacher: unknown teacher 'rigde' (did you mean 'ridge'?)",
        ),
        (
            lambda study: study["methods"]["ours"].update(teacher=None),
            "methods.ours.teacher: found None, expected the name of one",
        ),
        (
            lambda study: study["methods"]["supervised"].update(teacher="ridge"),
            "methods.supervised.teacher: found 'ridge', expected none",
        ),
        (
            lambda study: study["methods"]["ours"]["tuned"].update(betta=[1]),
            "alignment method 'sotalign' has no option 'betta' (did you mean 'beta'?)",
        ),
        (
            lambda study: study["splits"]["held-out"].update(test=0, zero_shot=[]),
            "expected test classes, or datasets for retrieval or zero_shot",
        ),
        (
            lambda study: study["figures"]["recall"].update(against=None),
            "figures.recall.against: expected for kind 'recall' and no other",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_runs(made, change, message):
    assert message in made.fail("--dry-run", *written(made, change))


def test_too_many_pairs_are_refused_by_the_job_with_the_most_that_there_are(made):
    def change(study):
        study["alignments"]["few"] |= {"pair_counts": [30], "methods": ["supervised"]}

    said = made.fail(f"{FOLDER}/supervised/sight/words/p30/u20.parquet", *written(made, change))
    assert "expected at most" in said
    assert "Traceback" not in said
