import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from blindmatch.plotting.shuffling import draw, tabulate

STYLES = {
    "net": {"label": "Net", "color": "#123456", "marker": "s"},
    "noise-0": {"label": "Noise", "color": "#000000", "marker": "o"},
    "noise-1": {"label": "Noise", "color": "#000000", "marker": "o"},
    "gw-raw": {"label": "GW"},
    "toys": {"label": "Toys"},
}
LEVELS = (0.0, 0.5, 1.0)


def study(*, datasets=("toys",), metrics=("gw-raw", "cka")):
    rows = [
        {
            "dataset": dataset,
            "vision": vision,
            "language": "words",
            "size": 40,
            "metric": metric,
            "distance": metric == "gw-raw",
            "level": level,
            "draw": draw,
            "similarity": (-1.0 if metric == "gw-raw" else 0.8)
            - 0.3 * level * (1 + number)
            - 0.01 * draw,
        }
        for dataset in datasets
        for metric in metrics
        for number, vision in enumerate(("net", "noise-0", "noise-1"))
        for level in LEVELS
        for draw in range(4)
    ]
    frame = pd.DataFrame(rows)
    frame.attrs = {"seed": 42}
    return frame


@pytest.fixture
def drawn():
    figures = []

    def drawing(frame, **figure):
        figures.append(draw(frame, title="Shuffled toys", styles=STYLES, figure=figure))
        return figures[-1], [axes for axes in figures[-1].axes if axes.get_visible()]

    yield drawing
    for figure in figures:
        plt.close(figure)


def test_there_is_a_panel_for_each_metric_and_a_curve_for_each_label(drawn):
    picture, axes = drawn(study())
    heads = [each.get_title() for each in axes]
    assert heads == ["GW,\nflipped, min–max scaled", "cka"]
    assert [len(each.lines) for each in axes] == [2, 2]
    names = [text.get_text() for text in picture.legends[0].get_texts()]
    assert names == ["Net", "Noise (2 models)"]
    assert axes[1].lines[0].get_color() == "#123456"
    note = " ".join(" ".join(text.get_text() for text in picture.findobj(Text)).split())
    assert "4 draws" in note
    assert "n = 4 to 8 a point" in note
    assert "N = 40 pairs" in note
    assert "seed 42" in note


def test_panels_stand_in_the_order_of_the_study(drawn):
    frame = study()
    frame.attrs["metrics"] = ["cka", "gw-raw"]
    _, axes = drawn(frame)
    assert [each.get_title().split(",")[0] for each in axes] == ["cka", "GW"]


def test_similarities_are_means_over_draws_and_the_models_of_a_label(drawn):
    _, axes = drawn(study(metrics=["cka"]))
    net, noise = (line.get_ydata().tolist() for line in axes[0].lines)
    assert net == pytest.approx([0.785, 0.635, 0.485])
    assert noise == pytest.approx([0.785, 0.785 - 0.3 * 0.5 * 2.5, 0.785 - 0.3 * 2.5])


def test_each_curve_of_a_distance_reaches_from_0_to_1_and_falls(drawn):
    frame = study(metrics=["gw-raw"])
    frame = frame[frame["draw"] == 0]
    _, axes = drawn(frame)
    for line in axes[0].lines:
        values = line.get_ydata()
        assert values[0] == pytest.approx(1)
        assert values[0] > values[1] > values[2]
    assert axes[0].lines[0].get_ydata()[2] == pytest.approx(0)


def test_a_zoom_puts_a_magnified_panel_beside_a_similarity(drawn):
    _, axes = drawn(study(), zoom=0.25)
    heads = [each.get_title() for each in axes]
    assert heads == ["GW,\nflipped, min–max scaled", "cka", "cka,\nmagnified"]
    assert axes[2].get_ylim() == (0, 0.25)


def test_datasets_are_panels_of_their_own(drawn):
    _, axes = drawn(study(datasets=("toys", "tools"), metrics=["cka"]))
    assert [each.get_title() for each in axes] == ["Toys,\ncka", "tools,\ncka"]


def test_the_table_has_the_unscaled_numbers_of_each_model_and_level():
    table = tabulate(study())
    assert len(table) == 2 * 3 * len(LEVELS)
    row = table[(table["metric"] == "gw-raw") & (table["vision"] == "noise-0")].iloc[2]
    assert (row["level"], row["n"], row["size"]) == (1.0, 4, 40)
    assert row["similarity_mean"] == pytest.approx(-1.0 - 0.6 - 0.015)
    assert row["similarity_sd"] == pytest.approx(pd.Series([0.0, 0.01, 0.02, 0.03]).std())
    assert table.attrs["note"] == "The similarity of gw-raw is the negative of a distance."
