"""A phase diagram from nothing to its figure, and what a change of it reruns."""

import pytest
import yaml

from blindmatch.storage import read_table

SMALL = {
    "build": ["small"],
    "phases": {
        "small": {
            "metric": "gw",
            "solver": "brute-force",
            "dimension": 3,
            "sizes": [4, 6],
            "noises": [0, 200],
            "draws": 2,
        }
    },
    "figures": {"small": {"kind": "phase", "experiment": "small", "title": "Small"}},
}
CALL = ("--configfile", "small.yaml")
DRAWN = {"aggregate": 1, "figure_phase": 1, "table_phase": 1, "describe_run": 1, "all": 1}


@pytest.fixture(scope="module")
def small(project):
    project.write_config("small.yaml", SMALL)
    project.build(*CALL)
    return project


def changed(project, **settings):
    content = yaml.safe_load(yaml.safe_dump(SMALL))
    content["phases"]["small"].update(settings)
    project.write_config("changed.yaml", content)
    return project.jobs("--configfile", "changed.yaml")


def test_every_cell_is_in_the_aggregate_and_the_figure_is_drawn(small):
    results = small.root / "results"
    rows, settings = read_table(results / "aggregates/phases/small.parquet")
    assert len(rows) == 2 * 2 * 2
    assert all(row["truth_found"] for row in rows if row["size"] == 6 and row["noise"] == 0)
    assert {row["time_limit"] for row in rows} == {None}
    assert (settings["dimension"], settings["seed"]) == (3, 42)
    assert (results / "figures/small.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "tables/small.csv").read_text().startswith("size,noise,n,proved_optimal")
    assert small.jobs(*CALL) == {}


def test_one_more_size_solves_its_own_cells_only(small):
    assert changed(small, sizes=[4, 5, 6]) == {"solve_planted": 2, **DRAWN}


def test_one_more_draw_solves_all_cells_again(small):
    assert changed(small, draws=3) == {"solve_planted": 4, **DRAWN}


def test_the_shipped_diagrams_are_targets_without_data(project):
    jobs = project.jobs("results/figures/phase_diagram.pdf", "results/figures/phase_demo.pdf")
    assert jobs == {"solve_planted": 100 + 25, "aggregate": 2, "figure_phase": 2}


def test_an_unknown_solver_or_diagram_is_named(project):
    project.write_config("odd.yaml", {"phases": {"phase_demo": {"solver": "auto-minut"}}})
    output = project.fail("--dry-run", "--configfile", "odd.yaml")
    assert "phases.phase_demo.solver: unknown solver 'auto-minut' (did you mean" in output
    project.write_config("odd.yaml", {"figures": {"phase_demo": {"experiment": "phase_dmo"}}})
    output = project.fail("--dry-run", "--configfile", "odd.yaml")
    assert "figures.phase_demo.experiment: unknown phase 'phase_dmo' (did you mean" in output
