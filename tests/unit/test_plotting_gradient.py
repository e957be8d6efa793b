import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import write_table
from blindmatch.plotting.gradient import draw, tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import frame_of
from tests.matchings import notes

NAN = float("nan")
STYLES = {"explicit": {"label": "P − P* & co", "color": "#123456", "marker": "s"}}


def gradient(way, size=100, iteration=10, draw=0, **changed):
    """Unrolling takes a matrix an iteration; runs become slower and larger from draw to draw."""
    matrices = {"explicit": 5.0, "unrolled": 10.0 + 2 * iteration}[way]
    row = {
        "way": way,
        "dimension": 64,
        "size": size,
        "iteration": iteration,
        "draw": draw,
        "status": "ok",
        "seconds": (1.0 + draw) * (3.0 if way == "unrolled" else 1.0),
        "megabytes": (matrices + draw - 2) * 4e-6 * size**2,
        "matrices": matrices + draw,
        "error": 1e-3,
    }
    return row | changed


def absent(status, **changed):
    missing = dict.fromkeys(("seconds", "megabytes", "matrices", "error"), NAN)
    return gradient("unrolled", **missing, status=status, **changed)


def study():
    rows = [
        gradient(way, size, iteration, draw)
        for way in ("unrolled", "explicit")
        for size, iteration in itertools.product((100, 200), (10, 50))
        for draw in range(3)
        if (way, size, iteration) != ("unrolled", 200, 50)
    ]
    return rows + [absent("skipped", size=200, iteration=50, draw=draw) for draw in range(3)]


def drawn(rows):
    return draw(frame_of(rows), title="Gradient", styles=STYLES, figure={})


def test_memory_and_time_are_medians_on_logarithmic_axes():
    memory, time = drawn(study()).axes
    assert [axes.get_xscale() + axes.get_yscale() for axes in (memory, time)] == ["loglog"] * 2
    assert memory.get_ylabel() == "memory beyond the inputs, MB"
    curves = {
        (line.get_color(), line.get_linestyle(), len(line.get_xdata())): line.get_ydata().tolist()
        for line in memory.lines
    }
    assert curves[("#123456", "-", 2)] == pytest.approx([4 * 0.04, 4 * 0.16])
    assert len(curves) == 4
    assert {len(line.get_xdata()) for line in memory.lines} == {1, 2}
    assert time.lines[-1].get_ydata().tolist() == pytest.approx([2.0, 2.0])


def test_bars_reach_from_the_smallest_to_the_largest_run():
    time = drawn(study()).axes[1]
    explicit = next(bars for bars in time.collections if len(bars.get_segments()) == 2)
    assert [point[1] for point in explicit.get_segments()[0]] in ([1.0, 3.0], [3.0, 9.0])


def test_the_legend_tells_ways_and_iterations():
    figure = drawn(study())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["unrolled", "P − P* & co", "T = 10", "T = 50"]
    styles = [line.get_linestyle() for line in figure.legends[0].get_lines()]
    assert styles[-1] == "-"
    assert styles[-2] != "-"


def test_what_did_not_run_is_said():
    said = notes(drawn(study()))
    assert "n = 3 runs a point" in said
    assert "not run: unrolled at n = 200 (T = 50): more memory than is free" in said
    more = [*study(), absent("out of memory", size=400, iteration=10)]
    assert "more memory than is free, and 1 more" in notes(drawn(more))
    assert "not run" not in notes(drawn([gradient("explicit")]))


def test_nothing_measured_is_an_error_with_the_reasons():
    for kind in (drawn, lambda rows: tabulate(frame_of(rows))):
        with pytest.raises(BlindmatchError, match=r"measured, found none \(out of memory\)"):
            kind([absent("out of memory")])


def test_ratios_are_those_to_the_explicit_gradient_of_the_same_draw():
    table = tabulate(frame_of(study())).set_index(["size", "iterations", "way"])
    row = table.loc[(100, 10, "unrolled")]
    assert (row["n"], row["seconds_ratio"]) == (3, pytest.approx(3.0))
    # Of the draws: 28 / 3, 29 / 4, 30 / 5.
    assert row["memory_ratio"] == pytest.approx(29 / 4)
    assert row["matrices_median"] == pytest.approx(31.0)
    explicit = table.loc[(100, 10, "explicit")]
    assert (explicit["memory_ratio"], explicit["seconds_ratio"]) == (1.0, 1.0)


def test_what_did_not_run_keeps_its_row_and_its_place():
    table = tabulate(frame_of(study()))
    assert table["way"].tolist() == ["unrolled", "explicit"] * 4
    row = table.set_index(["size", "iterations", "way"]).loc[(200, 50, "unrolled")]
    assert (row["n"], row["skipped"]) == (0, "more memory than is free")
    assert np.isnan(row["seconds_median"])


def test_without_an_explicit_gradient_there_are_no_ratios():
    table = tabulate(frame_of([gradient("unrolled")]))
    assert table[["memory_ratio", "seconds_ratio"]].isna().all(axis=None)


def test_the_printed_table_is_latex(tmp_path):
    write_rows(tmp_path / "a.parquet", study(), {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    shown = {"title": "Memory_1", "styles": STYLES, "figure": {}}
    write_table("gradient", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    assert r"\caption{Memory\_1. Ratios: to the explicit gradient of the same rows" in printed
    assert r"100 & 10 & P $-$ P* \& co & 3 & " in printed
    assert r"200 & 50 & unrolled & 0 & -- & --" in printed
