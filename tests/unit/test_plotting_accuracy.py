import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.accuracy import draw, tabulate
from tests.matchings import figure_entry, frame_of, matching, notes

NOISE = [f"noise-{number}" for number in range(3)]
STYLES = {name: {"label": "Noise"} for name in NOISE}
STYLES["b-net"] = {"label": "B-Net", "color": "#123456", "marker": "s"}
ACCURACY = {"b-net": 0.7, "a-net": 0.2, **dict.fromkeys(NOISE, 0.1)}
ROWS = [
    matching(vision=vision, draw=draw, dataset=dataset, metric=metric, accuracy=accuracy)
    for dataset in ("toys", "games")
    for vision, accuracy in ACCURACY.items()
    for metric in ("gw", "cka")
    for draw in range(4)
]


def drawn(**changed):
    return draw(frame_of(ROWS), title="Toys", styles=STYLES, figure=figure_entry(**changed))


def points(axes):
    return [bars.lines[0].get_xdata()[0] for bars in axes.containers]


def test_models_stand_in_the_configured_order_and_those_of_one_label_together():
    figure = drawn()
    first, second = figure.axes
    names = [text.get_text() for text in first.get_yticklabels()]
    assert names == ["B-Net", "a-net", "Noise"]
    assert [axes.get_title() for axes in figure.axes] == ["toys\nwords", "games\nwords"]
    assert points(first) == points(second) == pytest.approx([0.7, 0.2, 0.1])
    assert first.get_yticklabels()[0].get_color() == "#123456"
    # The first line of a panel is chance.
    assert first.lines[0].get_xdata() == [0.1, 0.1]


def test_the_figure_tells_its_n_and_its_metric():
    note = notes(drawn())
    assert "n = 4 a point (4 draws; n = 4 to 12 at N = 10)" in note
    assert "metric gw; solver exact; seed 42; no time limit; all classes" in note
    assert "metric cka" in notes(drawn(metric="cka"))


def test_a_metric_outside_the_study_is_an_error():
    with pytest.raises(BlindmatchError, match="expected one of gw, cka, found 'kl'"):
        drawn(metric="kl")


def test_the_table_has_a_row_for_each_pair_of_models_and_metric():
    table = tabulate(frame_of(ROWS))
    assert len(table) == 2 * 5 * 2
    assert set(table["n"]) == {4}
