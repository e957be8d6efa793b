import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import write_table
from blindmatch.plotting.perplexity import draw, tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import NAN, frame_of
from tests.matchings import notes

STYLES = {"cca": {"label": "CCA_r", "color": "#123456", "marker": "s"}}


def plan(perplexity, epsilon=0.01, teacher="cca", **changed):
    row = {
        "split": "toys",
        "teacher": teacher,
        "vision": "net",
        "language": "words",
        "pair_count": 100,
        "unpaired_count": 50,
        "draw": 0,
        "epsilon": epsilon,
        "perplexity": perplexity,
        "marginal_error": 1e-5,
        "iterations": 300,
        "rows": 50,
        "columns": 60,
        "spread": 0.06,
    }
    return row | changed


def study(**changed):
    return [
        plan(20 * place + draw, epsilon, teacher, draw=draw, **changed)
        for teacher in ("procrustes", "cca")
        for place, epsilon in ((0.1, 0.005), (2, 0.1))
        for draw in range(3)
    ]


def drawn(rows):
    return draw(frame_of(rows), title="Plans", styles=STYLES, figure={})


def test_a_line_is_the_mean_and_its_band_the_range_of_the_draws():
    (axes,) = drawn(study()).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    cca = next(line for line in axes.lines if line.get_label() == "cca")
    assert cca.get_color() == "#123456"
    assert cca.get_xdata().tolist() == [0.005, 0.1]
    assert cca.get_ydata().tolist() == pytest.approx([3.0, 41.0])
    band = [y for x, y in axes.collections[0].get_paths()[0].vertices if x == 0.1]
    assert (min(band), max(band)) == (40.0, 42.0)


def test_the_ends_of_the_range_are_drawn_and_named():
    figure = drawn(study())
    (axes,) = figure.axes
    levels = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert levels == [1, 60]
    assert [text.get_text() for text in axes.texts] == ["1", "60"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["procrustes", "CCA_r", "1 and number of texts"]


def test_the_note_tells_n_the_spread_and_the_error():
    said = notes(drawn([*study(), plan(5.0, 0.02, marginal_error=2e-3)]))
    for part in (
        "n = 1 to 3 draws a point",
        "sd of the affinities: procrustes 0.06, CCA_r 0.06",
        "largest marginal error 0.002",
        "100 pairs",
        "50 unpaired rows a side",
        "seed 42",
    ):
        assert part in said


def test_each_problem_has_its_panel():
    figure = drawn(study() + study(unpaired_count=1000, columns=1000))
    assert [axes.get_title() for axes in figure.axes] == [
        "50 unpaired rows a side",
        "1,000 unpaired rows a side",
    ]
    assert [text.get_text() for text in figure.axes[1].texts] == ["1", "1,000"]


def test_plans_without_a_perplexity_are_an_error():
    for kind in (drawn, lambda rows: tabulate(frame_of(rows))):
        with pytest.raises(BlindmatchError, match="perplexity: expected plans"):
            kind([plan(NAN)])


def test_the_table_holds_the_numbers_of_the_figure():
    rows = study()
    rows[3] |= {"marginal_error": 0.5, "iterations": 5000}
    table = tabulate(frame_of(rows))
    assert table["teacher"].tolist() == ["procrustes"] * 2 + ["cca"] * 2
    row = table.loc[1]
    assert (row["n"], row["epsilon"], row["rows"], row["columns"]) == (3, 0.1, 50, 60)
    assert row["perplexity_mean"] == pytest.approx(41.0)
    assert row["perplexity_sd"] == pytest.approx(1.0)
    assert row["perplexity_percent"] == pytest.approx(100 * 41 / 60)
    assert (row["marginal_error_max"], row["iterations_max"]) == (0.5, 5000)


def test_the_printed_table_is_latex(tmp_path):
    write_rows(tmp_path / "a.parquet", study(), {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    shown = {"title": "Plans", "styles": STYLES, "figure": {}}
    write_table("perplexity", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    assert r"CCA\_r & 0.100 & 50 & 60 & 41.0 $\pm$ 1.0 & 68.3 &" in printed
    assert "pair count 100, unpaired count 50, n 3" in printed
