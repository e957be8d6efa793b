"""What stands in the figures and tables of the tiny study is what was matched."""

import csv
import re

import numpy as np
import pytest

from blindmatch.storage import read_table
from tests.workflow.tiny import CLASSES, DRAWS, IMAGES, STUDY

FIGURES = sorted(STUDY["figures"])
TABLES_ALONE = {"solvers", "classification", "ablation"}


def aggregate(project, section, study):
    return read_table(project.root / f"results/aggregates/{section}/{study}.parquet")


def table(project, figure):
    """The rows of a table as texts."""
    with open(project.root / f"results/tables/{figure}.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def caption(project, figure):
    text = (project.root / f"results/tables/{figure}.tex").read_text()
    return re.search(r"\\caption\{(.*)\}", text)[1]


def mean(rows, column):
    return np.mean([row[column] for row in rows])


def of(rows, **names):
    return [row for row in rows if all(row[key] == value for key, value in names.items())]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn_and_every_table_written(tiny, figure):
    drawing = tiny.root / f"results/figures/{figure}"
    assert drawing.with_suffix(".pdf").exists() == (figure not in TABLES_ALONE)
    if figure not in TABLES_ALONE:
        assert drawing.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert drawing.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert table(tiny, figure)
    assert caption(tiny, figure).startswith(f"Tiny {figure}. ")


def test_a_job_of_all_classes_holds_every_draw_and_the_aggregate_all_jobs(tiny):
    path = "results/matchings/birds/exact/near/words/all.parquet"
    rows, metadata = read_table(tiny.root / path)
    assert [row["draw"] for row in rows] == list(range(DRAWS))
    assert len({row["seed"] for row in rows}) == DRAWS
    assert metadata["names"]["selection"] == "none"
    everything, settings = aggregate(tiny, "experiments", "all")
    assert len(everything) == 2 * 2 * DRAWS
    assert (settings["study"], settings["seed"], settings["nulls"]) == ("all", 42, 4)
    assert of(everything, solver="exact", vision="near") == [
        metadata["names"] | row for row in rows
    ]


def test_structure_in_common_is_found_and_no_other(tiny):
    rows, _ = aggregate(tiny, "experiments", "all")
    for row in of(rows, solver="exact", vision="near"):
        assert row["accuracy"] == 1.0
        assert row["optimal"]
        assert row["cost"] == pytest.approx(row["true_cost"])
    assert all(
        row["accuracy"] < 1.0 for row in rows if (row["solver"], row["vision"]) != ("exact", "near")
    )
    for row in of(rows, vision="far"):
        assert row["bound"] <= row["cost"] < row["true_cost"]


@pytest.mark.parametrize("figure", ["accuracy", "heat-map", "solvers", "trust"])
def test_numbers_of_tables_are_means_over_the_matchings(tiny, figure):
    rows, _ = aggregate(tiny, "experiments", "all")
    lines = table(tiny, figure)
    assert len(lines) == 2 * 2
    for line in lines:
        mine = of(rows, solver=line["solver"], vision=line["vision"])
        assert int(line["n"]) == len(mine) == DRAWS
        assert float(line["accuracy_percent_mean"]) == pytest.approx(
            100 * mean(mine, "accuracy"), rel=1e-5
        )
        assert float(line["accuracy_percent_sd"]) == pytest.approx(
            100 * np.std([row["accuracy"] for row in mine], ddof=1), rel=1e-5
        )
        assert float(line["cost_mean"]) == pytest.approx(mean(mine, "reported_cost"), rel=1e-5)
        assert float(line["z_mean"]) == pytest.approx(mean(mine, "z"), rel=1e-5)
        assert float(line["margin_mean"]) == pytest.approx(
            np.mean([mean_margin for row in mine for mean_margin in row["margins"]]), rel=1e-5
        )
        if line["solver"] == "exact":
            assert float(line["bound_mean"]) == pytest.approx(
                mean(mine, "reported_bound"), rel=1e-5
            )
            assert (float(line["optimal_percent"]), float(line["time_limit"])) == (100, 60)
        else:
            assert (line["bound_mean"], line["time_limit"]) == ("", "")


def test_the_solvers_table_says_who_found_the_optimum(tiny):
    rows, _ = aggregate(tiny, "experiments", "all")
    for line in table(tiny, "solvers"):
        mine, best = (
            of(rows, solver=solver, vision=line["vision"]) for solver in (line["solver"], "exact")
        )
        found = [a["permutation"] == b["permutation"] for a, b in zip(mine, best, strict=True)]
        assert float(line["global_percent"]) == 100 * np.mean(found)


def test_subsets_are_selected_in_both_ways_and_all_classes_in_none(tiny):
    rows, _ = aggregate(tiny, "experiments", "some")
    assert {(row["selection"], row["size"]) for row in rows} == {
        ("oracle", 4),
        ("blind", 4),
        ("none", CLASSES),
    }
    # Two ranks and two draws of the subsets; all classes are one subset.
    counts = {(line["selection"], line["size"]): int(line["n"]) for line in table(tiny, "scaling")}
    assert counts == {("oracle", "4"): 4, ("blind", "4"): 4, ("none", f"{CLASSES}"): 2}
    for row in of(rows, selection="oracle"):
        assert row["classes"] == row["language_classes"]
        assert row["accuracy"] == np.mean([i == p for i, p in enumerate(row["permutation"])])


def test_captions_say_how_many_draws_which_limits_and_how_subsets_were_selected(tiny):
    said = caption(tiny, "accuracy")
    assert "3 draws; seed 42; time limit a problem: 60 s (exact), none (chance)" in said
    assert "all classes" in said
    assert "n 3" in said
    said = caption(tiny, "scaling")
    assert "2 draws; seed 42; time limit 60 s a problem" in said
    assert "oracle-selected" in said
    assert "blind-selected" in said
    assert f"(N = {CLASSES}: all classes)" in said
    assert "time limit 60 s a problem" in caption(tiny, "classification")


def test_the_most_similar_pairs_are_those_that_nobody_shuffled(tiny):
    rows, _ = aggregate(tiny, "shuffles", "shuffled")
    assert len(rows) == 2 * 3 * 2
    near = of(rows, vision="near")
    assert {row["shuffled"] for row in near} == {0, CLASSES // 2, CLASSES}
    whole = [row["similarity"] for row in near if row["level"] == 0]
    assert min(whole) > max(row["similarity"] for row in near if row["level"] == 1)
    lines = of(table(tiny, "shuffling"), vision="near", level="0")
    assert float(lines[0]["similarity_mean"]) == pytest.approx(whole[0], rel=1e-5)


def test_ratios_count_every_pair_of_images(tiny):
    rows, _ = aggregate(tiny, "ratios", "ratios")
    images = CLASSES * IMAGES
    for form in ("normalised", "raw"):
        bins = of(rows, embeddings=form)
        assert sum(row["count"] for row in bins) + bins[0]["above"] == images * (images - 1) // 2


def test_clusters_are_named_as_well_as_labels_could_name_them(tiny):
    rows, _ = aggregate(tiny, "classifications", "clusters")
    assert len(rows) == 2 * 2
    for row in of(rows, vision="near"):
        assert row["accuracy"] == row["oracle_accuracy"] == 1.0
    lines = table(tiny, "classification")
    assert [line["solver"] for line in lines] == ["exact", "ground truth (oracle)"] * 2
    far = of(rows, vision="far")
    assert float(lines[2]["accuracy_percent_mean"]) == pytest.approx(
        100 * mean(far, "accuracy"), rel=1e-5
    )
    assert all(row["accuracy"] < row["oracle_accuracy"] for row in far)


def test_an_ablation_gives_the_same_problems_to_each_of_its_solvers(tiny):
    rows, _ = aggregate(tiny, "ablations", "steps")
    exact, chance = (of(rows, solver=solver) for solver in ("exact", "chance"))
    assert len(exact) == len(chance) == 2
    for best, other in zip(exact, chance, strict=True):
        assert best["optimal"]
        assert best["cost"] <= other["cost"]
    assert {line["solver"] for line in table(tiny, "ablation")} == {"exact", "chance"}


def test_the_report_is_written(tiny, tmp_path):
    tiny.build("--configfile", "tiny.yaml", "--report", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    for figure in FIGURES:
        assert f"results/tables/{figure}.csv" in text
