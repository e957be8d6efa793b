"""What would run, without running it."""

import re

import pytest
import yaml

from blindmatch.studies import KINDS, TABLES

SCALING = {
    "fetch_source": 1,
    "index_dataset": 1,
    "describe_classes": 1,
    "draw_halves": 1,
    "embed_vision": 3,
    "embed_language": 1,
    "compute_kernel_vision": 3,
    "compute_kernel_language": 1,
    "select_subsets": 30,
    "match": 30,
    "aggregate": 1,
    "figure_scaling": 1,
}

#: Vision and language models of the small scale; solvers of Tab. 7 and of Fig. 6.
VISION, LANGUAGE, SMALL, LARGE = 32, 27, 14, 8
#: Trained models, random vectors, random networks and pixels of the shuffling study.
TRAINED, VECTORS, NETWORKS, PIXELS = 3, 20, 20, 1
SHUFFLED_COCO = TRAINED + VECTORS + NETWORKS + PIXELS

PAPER = {
    # CIFAR-10, CIFAR-100, CINIC-10 and two files of COCO; ImageNet is the user's own.
    "fetch_source": 5,
    "index_dataset": 5,
    "describe_classes": 5,
    # Shuffling takes all images, so that COCO needs no halves.
    "draw_halves": 4,
    "embed_vision": 2 * VISION + 2 * (TRAINED + VECTORS) + SHUFFLED_COCO,
    "embed_language": 2 * LANGUAGE + 3,
    # Distances and inner products for the small scale; distances of Fig. 5 and the inner products
    # of LocalCKA in Fig. 6; those of the reference's CKA in Tab. 3.
    "compute_kernel_vision": 2 * 2 * VISION + 2 * TRAINED + 1 + 2,
    "compute_kernel_language": 2 * 2 * LANGUAGE + 2 + 1 + 2,
    # Fig. 4, 11 and Tab. 3 are a part of the small scale; so is the exact solver of Tab. 7, of
    # which Tab. 1 is a part.
    "match_all": 2 * VISION * LANGUAGE + (SMALL - 1) * 2 * TRAINED * 2,
    # Fig. 5 on two datasets, Fig. 6 on the first one's subsets.
    "select_subsets": 2 * TRAINED * 10,
    "match": 2 * TRAINED * 10 + LARGE * 10,
    "shuffle": 2 * (TRAINED + VECTORS) + SHUFFLED_COCO,
    "measure_ratios": NETWORKS,
    # Tab. 2 with three clusterings and one solver, Tab. 6 with one clustering and ten solvers.
    "cluster": 2 * TRAINED * 3,
    "classify": 2 * TRAINED * 2 * (3 + 10 - 1),
    # Tab. 4 and 5.
    "solve_ablation": 7 + 7,
    # Fig. 7, twice, and 8 show the same study.
    "aggregate": 19 - 1,
    "figure_shuffling": 4,
    "table_shuffling": 4,
    "figure_ratios": 1,
    "table_ratios": 1,
    "figure_accuracy": 2,
    "table_accuracy": 2,
    "figure_model_size": 1,
    "table_model_size": 1,
    "figure_heat_map": 2,
    "table_heat_map": 2,
    "figure_scaling": 2,
    "table_scaling": 2,
    "figure_solver_scaling": 1,
    "table_solver_scaling": 1,
    "table_metrics": 1,
    "table_solvers": 2,
    "table_classification": 2,
    "table_ablation": 2,
    "describe_run": 1,
    "paper": 1,
}


def section(project, name, file=None):
    """A section of the shipped configuration."""
    return yaml.safe_load((project.root / f"config/{file or name}.yaml").read_text())[name]


def test_the_cards_call_plans_the_expected_jobs(project):
    jobs = project.jobs("results/figures/cifar100_scaling.pdf")
    assert jobs == SCALING


def test_the_paper_target_plans_every_figure_and_table_of_the_paper(project):
    assert PAPER["match_all"] == 1728 + 156
    assert project.jobs("paper") == PAPER


def test_the_other_figures_are_targets_too(project):
    names = {name for name, entry in section(project, "figures").items() if "paper" not in entry}
    assert names == {
        "cifar100_selection",
        "emoji100_scaling",
        "trust",
        "phase_diagram",
        "phase_demo",
        "sotalign_perplexity",
        "blind_alignment",
    }
    jobs = project.jobs(
        *(f"results/figures/{name}.png" for name in names),
        *(f"results/tables/{name}.tex" for name in names),
    )
    drawn = {rule: n for rule, n in jobs.items() if rule.startswith(("figure_", "table_"))}
    assert drawn == {
        **{f"{what}_scaling": 2 for what in ("figure", "table")},
        **{f"{what}_trust": 1 for what in ("figure", "table")},
        **{f"{what}_phase": 2 for what in ("figure", "table")},
        **{f"{what}_perplexity": 1 for what in ("figure", "table")},
        **{f"{what}_blind_alignment": 1 for what in ("figure", "table")},
    }
    # Nine sizes selected in both ways for three models; ten sizes for the demo's three.
    assert jobs["select_subsets"] == jobs["match"] == 9 * 2 * 3 + 10 * 3
    assert jobs["match_all"] == 2 * 8
    assert jobs["solve_planted"] == 10 * 10 + 5 * 5
    # Three teachers; two datasets, three vision models, two language models, with and without KLOT.
    assert (jobs["measure_plan"], jobs["align_blindly"]) == (3, 2 * 3 * 2 * 2)


def test_the_figures_of_sotalign_are_one_target(project):
    jobs = project.jobs("sotalign")
    numbered = {
        name: entry["kind"]
        for name, entry in section(project, "figures").items()
        if entry.get("article") == "sotalign"
    }
    assert len(numbered) == 8
    tables = sum(n for rule, n in jobs.items() if rule.startswith("table_"))
    drawn = sum(n for rule, n in jobs.items() if rule.startswith("figure_"))
    assert (tables, drawn) == (8, sum(kind not in TABLES for kind in numbered.values()))
    # Nothing of the other paper.
    assert not {"match", "match_all", "classify", "cluster", "align_blindly"} & set(jobs)


def test_the_demo_needs_no_download(project):
    jobs = project.jobs("--configfile", "config/demo.yaml")
    assert "fetch_source" not in jobs
    assert (jobs["embed_vision"], jobs["embed_language"], jobs["match"]) == (3, 1, 30)


def test_the_offline_studies_have_every_kind_and_draw_their_sources_themselves(project):
    output = "".join(
        project.build("--dry-run", "--configfile", f"config/{name}-offline.yaml")
        for name in ("study", "alignment")
    )
    planned = set(re.findall(r"^(?:local)?rule (\w+):$", output, re.MULTILINE))
    tables = {f"table_{kind.replace('-', '_')}" for kind in KINDS}
    figures = {f"figure_{kind.replace('-', '_')}" for kind in set(KINDS) - TABLES}
    assert {rule for rule in planned if rule.startswith(("figure_", "table_"))} == tables | figures
    sources = set(re.findall(r"^    output: (resources/\S+)", output, re.MULTILINE))
    synthetic = section(project, "datasets", "study-offline")
    assert sources == {
        f"resources/datasets/{slug}/{name}"
        for slug, entry in synthetic.items()
        for name, source in entry["sources"].items()
        if "synthetic" in source
    }


def test_every_kind_of_figure_has_a_caption(project):
    for kind in KINDS:
        assert (project.root / f"workflow/report/{kind.replace('-', '_')}.rst").read_text()


def test_every_dataset_and_model_of_the_config_has_its_target(project):
    models = section(project, "models")
    targets = [
        f"results/embeddings/cifar-10/{entry['modality']}/{slug}.h5"
        for slug, entry in models.items()
        if entry["family"] != "precomputed"
    ]
    targets += [f"results/datasets/{slug}/draws.h5" for slug in section(project, "datasets")]
    jobs = project.jobs(*targets)
    assert jobs["embed_vision"] + jobs["embed_language"] == len(targets) - jobs["draw_halves"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("models:\n  a: {modality: vision, famly: timm}\n", r"did you mean 'family'?"),
        ("models:\n  twin: {}\n  twin: {}\n", "'twin' stands twice, in lines 2 and 3"),
        ("build: [cifar100_scalign]\n", "unknown figure 'cifar100_scalign' (did you mean"),
        ("experiments: {emoji100_scaling: {sizes: [101]}}\n", "dataset 'emoji-100' has 100"),
        (
            "experiments: {emoji100_scaling: {vision: [efficientnet-lit0]}}\n",
            "experiments.emoji100_scaling.vision: unknown vision model 'efficientnet-lit0' "
            "(did you mean 'efficientnet-lite0'?)",
        ),
        (
            "figures: {solver_scaling: {bounds: [faq-90m]}}\n",
            "figures.solver_scaling.bounds: solver 'faq-90m' gives no bounds that could be drawn",
        ),
    ],
)
def test_a_mistake_in_the_config_ends_with_one_sentence(project, content, message):
    (project.root / "mistake.yaml").write_text(content)
    output = project.fail("--dry-run", "--configfile", "mistake.yaml")
    assert message in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("embeddings/emoji-100/vision/no-such-net.h5", "unknown model 'no-such-net'"),
        (
            "matchings/cifar-10/brute-force/dino-rn50/no-such-words/all.parquet",
            "none of the configured experiments asks for this file",
        ),
        (
            "aggregates/shuffles/gw_shufling.parquet",
            "unknown study 'gw_shufling' of shuffles in the path of a target (did you mean "
            "'gw_shuffling'?)",
        ),
    ],
)
def test_a_path_that_nothing_in_the_config_explains_is_named(project, target, message):
    output = project.fail("--dry-run", f"results/{target}")
    assert message in output
