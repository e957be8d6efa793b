import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from blindmatch.kernels import euclidean, standardise
from blindmatch.metrics import metrics
from blindmatch.phase import gather_phases, planted, solve_planted
from blindmatch.plotting.phase import draw_phase, tabulate_phase
from blindmatch.solvers import solvers
from blindmatch.storage import write_table

GW = metrics["gw"]()
EXACT = solvers["brute-force"]()


def problem(noise, seed=0, size=9, dimension=3):
    rng = np.random.default_rng(seed)
    return planted(size, noise, metric=GW, dimension=dimension, rng=rng)


def test_without_noise_the_truth_costs_nothing_and_is_no_trivial_permutation():
    qap, truth = problem(0.0)
    assert sorted(truth) == list(range(9))
    assert truth.tolist() != list(range(9))
    assert qap.cost(truth) == pytest.approx(0.0, abs=1e-9)
    assert qap.cost(np.roll(truth, 1)) > 1.0


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_the_truth_pairs_each_point_with_its_noisy_copy(noise):
    qap, truth = problem(noise)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(9, 3))
    copies = points + noise * rng.normal(size=(9, 3))
    loss = (standardise(euclidean(points)) - standardise(euclidean(copies))) ** 2
    assert qap.cost(truth) == pytest.approx(loss.sum())


def rows(size, noise, draws=3, solver=EXACT, **changed):
    settings = {"dimension": 3, "seed": 7, "metric": GW, "solver": solver, **changed}
    return list(solve_planted(size, noise, draws=draws, **settings))


def same(first, second):
    return [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]


def test_a_row_tells_whether_the_truth_was_found_or_beaten():
    easy, hopeless = rows(8, 5), rows(8, 300)
    assert all(row["truth_found"] and row["accuracy"] == 1.0 for row in easy)
    assert not any(row["truth_beaten"] for row in easy)
    assert all(row["cost"] < row["true_cost"] and row["truth_beaten"] for row in hopeless)
    assert not any(row["truth_found"] for row in hopeless)
    assert all(row["optimal"] for row in easy + hopeless)
    for row in hopeless:
        assert row["reported_true_cost"] == row["true_cost"] / 64


def test_a_solver_worse_than_the_truth_neither_finds_nor_beats_it():
    for row in rows(8, 5, solver=solvers["random"]()):
        assert not row["truth_found"]
        assert not row["truth_beaten"]
        assert not row["optimal"]


def test_problems_depend_on_seed_size_noise_and_draw_alone():
    assert same(rows(6, 50), rows(6, 50))
    assert same(rows(6, 50, draws=2), rows(6, 50, draws=3)[:2])
    first = rows(6, 50)
    assert len({row["true_cost"] for row in first}) == 3
    assert not same(first, rows(6, 50, seed=8))
    assert not same(first, rows(6, 51))


def test_cells_are_gathered_with_names_from_their_paths_and_no_more_draws_than_asked(tmp_path):
    paths = [tmp_path / f"d3/n{size}/noise{noise}.parquet" for size in (4, 6) for noise in (0, 40)]
    for path in paths:
        write_table(path, [{"draw": draw, "cost": 1.0} for draw in range(3)], {})
    gathered = gather_phases(paths, draws=2)
    assert len(gathered) == 8
    assert gathered[2] == {"size": 4, "noise": 40, "draw": 0, "cost": 1.0}


@pytest.fixture
def aggregate(tmp_path):
    """Marks of each draw: proved, truth found, truth beaten."""
    found = {(10, 20): "PT T", (10, 80): "PB B", (20, 20): "T T", (20, 80): "B"}
    path = tmp_path / "phase.parquet"
    written = [
        {
            "size": size,
            "noise": noise,
            "draw": draw,
            "optimal": "P" in marks,
            "truth_found": "T" in marks,
            "truth_beaten": "B" in marks,
            "accuracy": 1.0 if "T" in marks else 0.5,
            "gap": 0.0 if "P" in marks else 0.25,
            "reported_cost": 0.1,
            "reported_true_cost": 0.1,
            "seconds": 0.5 + draw,
        }
        for (size, noise), draws in found.items()
        for draw, marks in enumerate(draws.split())
    ]
    write_table(path, written, {"time_limit": 60.0, "dimension": 20})
    return path


def test_the_figure_counts_each_cell_and_tells_its_n_and_limit(aggregate, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    draw_phase(aggregate, [tmp_path / "a.png"], title="Clouds")
    panels, title = drawn[0].axes[:3], drawn[0].get_suptitle()
    assert title.startswith("Clouds\n")
    assert "n = 2 problems (1 at N = 20, 80 %)" in title
    assert "20 coordinates" in title
    assert panels[0].get_title() == "optimum proved within 60 s"
    # Smallest noise first, as the rows stand from bottom to top.
    digits = [[text.get_text() for text in panel.texts] for panel in panels]
    assert digits == [["1", "0", "1", "0"], ["2", "2", "0", "0"], ["0", "0", "2", "1"]]
    shares = panels[2].images[0].get_array().tolist()
    assert shares == [[0.0, 0.0], [1.0, 1.0]]


def test_files_are_the_same_bytes_every_time(aggregate, tmp_path):
    for name in ("a", "b"):
        draw_phase(aggregate, [tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"], title="T")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_table_holds_the_shares_of_each_cell(aggregate, tmp_path):
    tabulate_phase(aggregate, tmp_path / "t.csv", tmp_path / "t.tex")
    table = pd.read_csv(tmp_path / "t.csv").set_index(["size", "noise"])
    assert len(table) == 4
    first = table.loc[10, 20]
    assert (first["n"], first["proved_optimal"], first["truth_found"]) == (2, 0.5, 1.0)
    assert (first["truth_proved"], first["truth_beaten"]) == (0.5, 0.0)
    assert (first["gap_median"], first["seconds_median"]) == (0.125, 1.0)
    assert (table.loc[20, 80]["n"], table.loc[20, 80]["truth_beaten"]) == (1, 1.0)
    assert r"\begin{tabular}" in (tmp_path / "t.tex").read_text()
