import pandas as pd
import pytest

from blindmatch.plotting import draw_figure
from blindmatch.plotting.phase import draw, tabulate
from blindmatch.storage import write_table
from tests.matchings import notes

#: Marks of each draw: proved, truth found, truth beaten.
FOUND = {(10, 20): "PT T", (10, 80): "PB B", (20, 20): "T T", (20, 80): "B"}
ROWS = [
    {
        "solver": "auto",
        "time_limit": 60.0,
        "size": size,
        "noise": noise,
        "draw": draw,
        "optimal": "P" in marks,
        "status": "optimal" if "P" in marks else "time limit",
        "truth_found": "T" in marks,
        "truth_beaten": "B" in marks,
        "accuracy": 1.0 if "T" in marks else 0.5,
        "gap": 0.0 if "P" in marks else 0.25,
        "reported_cost": 0.1,
        "reported_true_cost": 0.1,
        "seconds": 0.5 + draw,
    }
    for (size, noise), draws in FOUND.items()
    for draw, marks in enumerate(draws.split())
]


@pytest.fixture
def frame():
    rows = pd.DataFrame(ROWS)
    rows.attrs = {"dimension": 20, "seed": 42}
    return rows


def test_the_figure_counts_each_cell_and_tells_its_n_and_limit(frame):
    figure = draw(frame, title="Clouds", styles={}, figure={})
    panels, said = figure.axes[:3], notes(figure)
    assert said.startswith("Clouds ")
    assert "n = 2 problems (1 at N = 20, 80 %)" in said
    assert "20 coordinates; seed 42; time limit 60 s a problem" in said
    assert panels[0].get_title() == "optimum proved within 60 s"
    # Smallest noise first, as the rows stand from bottom to top.
    digits = [[text.get_text() for text in panel.texts] for panel in panels]
    assert digits == [["1", "0", "1", "0"], ["2", "2", "0", "0"], ["0", "0", "2", "1"]]
    shares = panels[2].images[0].get_array().tolist()
    assert shares == [[0.0, 0.0], [1.0, 1.0]]


def test_files_are_the_same_bytes_every_time(tmp_path):
    write_table(tmp_path / "phase.parquet", ROWS, {"dimension": 20})
    for name in ("a.png", "b.png"):
        shown = {"title": "T", "styles": {}, "figure": {}}
        draw_figure("phase", tmp_path / "phase.parquet", [tmp_path / name], **shown)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_table_holds_the_shares_of_each_cell(frame):
    table = tabulate(frame).set_index(["size", "noise"])
    assert len(table) == 4
    first = table.loc[10, 20]
    assert (first["n"], first["proved_optimal"], first["truth_found"]) == (2, 0.5, 1.0)
    assert (first["truth_proved"], first["truth_beaten"]) == (0.5, 0.0)
    assert (first["gap_median"], first["seconds_median"], first["time_limit"]) == (0.125, 1.0, 60.0)
    assert (table.loc[20, 80]["n"], table.loc[20, 80]["truth_beaten"]) == (1, 1.0)
