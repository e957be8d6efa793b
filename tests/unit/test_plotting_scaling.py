import pytest

from blindmatch.plotting.scaling import draw, tabulate
from tests.matchings import figure_entry, frame_of, matching, notes

STYLES = {"a-net": {"label": "A-Net", "color": "#123456", "marker": "s"}, "b-net": None}


def rows(**changed):
    return [
        matching(
            vision=vision,
            size=size,
            rank=rank,
            draw=draw,
            selection="oracle" if size < 30 else "none",
            accuracy=0.5 + 0.1 * draw,
            cost=3.0,
            true_cost=3.0 + rank,
            **changed,
        )
        for vision in ("a-net", "b-net")
        for size in (10, 20, 30)
        for rank in range(2 if size < 30 else 1)
        for draw in range(2)
    ]


def drawn(rows):
    return draw(frame_of(rows), title="Toys", styles=STYLES, figure=figure_entry())


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_figure_tells_its_n_its_selection_and_its_baseline():
    figure = drawn(rows())
    (axes,) = figure.axes
    note = notes(figure)
    assert "Toys" in note
    assert "n = 4 a point (2 subsets × 2 draws; n = 2 at N = 30)" in note
    assert "oracle-selected subsets (N = 30: all classes)" in note
    assert labels(figure) == ["A-Net", "b-net", "oracle-selected", "random: 1/N ± 1/N"]
    assert figure.legends[0].get_title().get_text() == "with words"
    chance, first, second = axes.lines
    assert chance.get_ydata().tolist() == pytest.approx([1 / 10, 1 / 20, 1 / 30])
    assert first.get_ydata().tolist() == pytest.approx([0.55, 0.55, 0.55])
    assert first.get_color() == "#123456"
    assert second.get_xdata().tolist() == [10, 20, 30]


def test_both_ways_of_selecting_end_where_all_classes_are_matched():
    blind = [row | {"selection": "blind", "accuracy": 0.2} for row in rows() if row["size"] < 30]
    figure = drawn(rows() + blind)
    assert labels(figure)[2:4] == ["oracle-selected", "blind-selected"]
    _, *lines = figure.axes[0].lines
    styles = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(styles) == len(lines) == 4
    assert [line.get_ydata().tolist() for line in lines[::2]] == [
        pytest.approx([0.55, 0.55, 0.55]),
        pytest.approx([0.2, 0.2, 0.55]),
    ]


def test_each_dataset_has_its_panel():
    figure = drawn(rows() + rows(dataset="games"))
    assert [axes.get_title() for axes in figure.axes] == ["toys", "games"]


def test_the_table_holds_the_numbers_of_the_figure():
    table = tabulate(frame_of(rows()))
    first = table.iloc[0]
    assert len(table) == 6
    assert (first["n"], first["selection"]) == (4, "oracle")
    assert first["accuracy_percent_mean"] == pytest.approx(55.0)
    assert first["accuracy_percent_sd"] == pytest.approx(5.7735, abs=1e-4)
    assert first["truth_beaten_percent"] == 50.0
