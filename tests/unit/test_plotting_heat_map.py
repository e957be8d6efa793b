import numpy as np
import pytest

from blindmatch.plotting.heat_map import draw, tabulate
from tests.matchings import figure_entry, frame_of, matching, notes

ROWS = [
    matching(vision=vision, language=language, draw=draw, accuracy=accuracy + 0.1 * draw)
    for vision, row in (("a-net", (0.1, 0.3, 0.5)), ("b-net", (0.9, 0.0, None)))
    for language, accuracy in zip(("words", "prose", "verse"), row, strict=True)
    if accuracy is not None
    for draw in range(2)
]


def test_cells_hold_means_in_per_cent_and_the_scale_marks_chance():
    styles = {"verse": {"label": "Verse"}}
    figure = draw(frame_of(ROWS), title="Toys", styles=styles, figure=figure_entry())
    panel, bar = figure.axes
    assert [text.get_text() for text in panel.texts] == ["15", "35", "55", "95", "5", "–"]
    means = np.ma.filled(panel.images[0].get_array(), np.nan).ravel()
    assert means == pytest.approx([15, 35, 55, 95, 5, np.nan], nan_ok=True)
    assert [text.get_text() for text in panel.get_xticklabels()] == ["words", "prose", "Verse"]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["a-net", "b-net"]
    ticks = dict(zip(bar.get_yticks(), (t.get_text() for t in bar.get_yticklabels()), strict=True))
    assert ticks[10.0] == "chance"
    assert "mean, n = 2 a cell (2 draws)" in notes(figure)


def test_the_table_is_long_form():
    table = tabulate(frame_of(ROWS))
    assert len(table) == 5
    assert table["accuracy_percent_mean"].tolist() == pytest.approx([15, 35, 55, 95, 5])
