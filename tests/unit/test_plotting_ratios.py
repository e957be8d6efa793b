import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from blindmatch.plotting.ratios import draw, tabulate
from blindmatch.ratios import measure_ratios

STYLES = {
    "noise-0": {"label": "Noise", "color": "#000000"},
    "noise-1": {"label": "Noise", "color": "#000000"},
    "pixels": {"label": "Pixels"},
}


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    images = random.normal(size=(30, 8))
    models = {
        "noise-0": random.normal(size=(30, 8)),
        "noise-1": random.normal(size=(30, 8)),
        "scaled": 2 * images,
    }
    rows = [
        {"dataset": "toys", "model": name, "reference": "pixels", **row}
        for name, embeddings in models.items()
        for row in measure_ratios(embeddings, images, bins=20)
    ]
    return pd.DataFrame(rows)


def test_both_forms_of_embeddings_have_a_panel_that_says_n_and_what_lies_beyond(frame):
    picture = draw(frame, title="Ratios", styles=STYLES, figure={})
    left, right = picture.axes
    assert (left.get_xlabel(), right.get_xlabel()) == (
        "ratio, embeddings of length 1",
        "ratio / mean ratio, raw embeddings",
    )
    noise, scaled = (text.get_text() for text in left.get_legend().get_texts())
    assert noise.startswith("Noise, n = 2: ")
    assert scaled == "scaled, n = 1: none ≥ 2, largest 1"
    note = " ".join(" ".join(text.get_text() for text in picture.findobj(Text)).split())
    assert "distances relative to those of Pixels" in note
    assert "435 pairs of images a model" in note
    plt.close(picture)


def test_histograms_are_densities(frame):
    picture = draw(frame[frame["model"] == "scaled"], title="Ratios", styles={}, figure={})
    for axes in picture.axes:
        values, edges, _ = axes.patches[0].get_data()
        assert np.sum(values * np.diff(edges)) == pytest.approx(1)
    plt.close(picture)


def test_the_table_has_a_row_for_each_model_and_form(frame):
    table = tabulate(frame)
    assert len(table) == 6
    raw = table[(table["model"] == "scaled") & (table["embeddings"] == "raw")].iloc[0]
    assert raw["unit"] == pytest.approx(2)
    assert raw["largest_ratio"] == pytest.approx(2)
    assert raw["above_percent"] == 0
    noise = table[(table["model"] == "noise-0") & (table["embeddings"] == "normalised")].iloc[0]
    counted = frame[(frame["model"] == "noise-0") & (frame["embeddings"] == "normalised")]
    beyond = 1 - counted["count"].sum() / 435
    assert noise["above_percent"] == pytest.approx(100 * beyond)
