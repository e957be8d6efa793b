import itertools

import numpy as np
import pytest
from scipy import stats

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import write_table
from blindmatch.plotting.recall import draw, tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import STYLES, alignment, classified, frame_of, learned
from tests.matchings import notes

SHARES = {"sail": (0.10, 0.14, 0.12), "sotalign": (0.20, 0.18, 0.28)}
COUNTS = (10, 30, 200)


def study(counts=COUNTS, column="pair_count", **changed):
    """Three draws of two methods; each further number of rows adds a tenth of a per cent."""
    return [
        make(share + place / 1000, method, draw=draw, **({column: count} | changed))
        for method, make in (("sail", alignment), ("sotalign", learned))
        for place, count in enumerate(counts)
        for draw, share in enumerate(SHARES[method])
    ]


def drawn(rows, **figure):
    return draw(frame_of(rows), title="Recall", styles=STYLES, figure=figure)


def lines(axes):
    """Label of each line of a method -> its points."""
    return {
        line.get_label(): line.get_xydata()
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_a_line_is_the_mean_over_draws_and_its_band_students_interval():
    (axes,) = drawn(study()).axes
    sail = lines(axes)["sail"]
    assert sail[:, 0].tolist() == list(COUNTS)
    assert sail[:, 1] == pytest.approx([12.0, 12.1, 12.2])
    assert axes.lines[0].get_color() == "#123456"
    assert axes.get_ylabel() == "MeanR@5, %"
    low, high = stats.t.interval(0.95, 2, 12.0, stats.sem([10.0, 14.0, 12.0]))
    at_first = [y for x, y in axes.collections[0].get_paths()[0].vertices if x == COUNTS[0]]
    assert (min(at_first), max(at_first)) == pytest.approx((low, high))


def test_what_the_numbers_mean_stands_around_the_panel():
    figure = drawn(study())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["SAIL & co", "SOTAlign", "chance"]
    for said in (
        "n = 3 draws a point",
        "Student's 95 % interval",
        "held-out rows: 200 images, 1,400 texts",
        "50 unpaired rows a side",
        "seed 42",
    ):
        assert said in notes(figure)
    chance = figure.axes[0].lines[-1]
    assert chance.get_ydata()[0] == pytest.approx(2.5)


def test_missing_draws_are_counted():
    assert "n = 2 to 3 draws a point" in notes(drawn(study()[1:]))


@pytest.mark.parametrize(
    ("counts", "scale"),
    [((10, 30, 200), "log"), ((0, 10, 200), "symlog"), ((10, 20, 100), "linear"), ((7,), "linear")],
)
def test_numbers_over_more_than_a_decade_stand_on_a_logarithmic_axis(counts, scale):
    rows = study(counts, "unpaired_count")
    (axes,) = drawn(rows, against="unpaired").axes
    assert axes.get_xscale() == scale
    assert axes.get_xticks().tolist() == list(counts)
    assert axes.get_xlabel() == "unpaired rows a side"
    ends = [(count, 0) for count in (counts[0], counts[-1])]
    left, right = axes.transAxes.inverted().transform(axes.transData.transform(ends))[:, 0]
    assert left == pytest.approx(1 - right)
    assert 0 < left <= 0.5


def test_many_numbers_keep_their_ticks_but_not_all_names():
    counts = [round(10 ** (place / 6)) for place in range(6, 37)]
    (axes,) = drawn(study(counts)).axes
    figure = axes.figure
    figure.draw_without_rendering()
    assert len(axes.get_xticks()) == len(counts)
    shown = [text for text in axes.get_xticklabels() if text.get_text()]
    assert shown[0].get_text() == "10"
    ends = [text.get_window_extent() for text in shown]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(ends))


def test_models_and_the_other_number_of_rows_are_panels():
    def heads(rows, **figure):
        return [axes.get_title() for axes in drawn(rows, **figure).axes if axes.get_visible()]

    assert heads(study() + study(language="more")) == ["words", "more"]
    assert heads(study() + study(unpaired_count=2000)) == [
        "50 unpaired rows a side",
        "2,000 unpaired rows a side",
    ]
    elsewhere = study(evaluation="photos")
    assert heads(study() + elsewhere) == ["held-out rows", "photos"]


def test_panels_of_one_evaluation_share_an_axis_that_holds_all_bands():
    rows = study() + [row | {"mean_r5": row["mean_r5"] * 2} for row in study(language="more")]
    low, high = drawn(rows).axes
    assert low.get_ylim() == high.get_ylim()
    top = max(path.vertices[:, 1].max() for each in high.collections for path in each.get_paths())
    assert high.get_ylim()[0] == 0
    assert top < high.get_ylim()[1]


def test_accuracy_of_zero_shot_classification_is_a_score_too():
    rows = study() + [classified(0.3, pair_count=count) for count in COUNTS]
    figure = drawn(rows, score="top1")
    (axes,) = figure.axes
    assert lines(axes)["sail"][:, 1] == pytest.approx([30.0] * 3)
    assert axes.lines[-1].get_ydata()[0] == pytest.approx(10.0)
    assert "photos: 1,000 images, 10 classes" in notes(figure)


def test_a_score_that_nothing_has_is_an_error():
    with pytest.raises(BlindmatchError, match=r"score: expected one of mean_r1, .* found 'gw'"):
        drawn(study(), score="gw")
    with pytest.raises(BlindmatchError, match=r"with a top1, found none \(tasks: retrieval\)"):
        drawn(study(), score="top1")
    with pytest.raises(BlindmatchError, match="with a mean_r5, found none"):
        drawn([classified(0.3)])


def test_the_table_holds_intervals_and_paired_differences_to_sail():
    table = tabulate(frame_of(study(column="pair_count")[::-1]))
    first = table[(table["score"] == "MeanR@5") & (table["pair_count"] == 10)]
    first = first.set_index("method")
    assert first["n"].tolist() == [3, 3]
    sail, sotalign = first.loc["sail"], first.loc["sotalign"]
    assert sail["score_percent_mean"] == pytest.approx(12.0)
    assert sail["score_percent_sd"] == pytest.approx(2.0)
    margin = stats.t.ppf(0.975, 2) * 2 / np.sqrt(3)
    assert sail["score_percent_low"] == pytest.approx(12 - margin)
    assert sail["score_percent_high"] == pytest.approx(12 + margin)
    assert sail["chance_percent"] == pytest.approx(2.5)
    # Differences of the draws: 10, 4, 16.
    assert sotalign["difference_percent_mean"] == pytest.approx(10.0)
    assert sotalign["difference_percent_low"] == pytest.approx(4.0)
    assert sotalign["difference_percent_high"] == pytest.approx(16.0)
    assert np.isnan(sail["difference_percent_mean"])
    assert set(table["score"]) == {"MeanR@1", "MeanR@5"}
    assert "difference to sail" in table.attrs["note"]


def test_differences_are_taken_where_both_methods_have_the_draw():
    rows = [row for row in study() if (row["method"], row["draw"]) != ("sail", 2)]
    table = tabulate(frame_of(rows)).set_index(["score", "pair_count", "method"])
    row = table.loc[("MeanR@5", 10, "sotalign")]
    assert row["n"] == 3
    assert row["difference_percent_mean"] == pytest.approx(7.0)


def test_without_sail_the_first_method_is_the_reference():
    rows = [row | {"method": row["method"].replace("sail", "other")} for row in study()]
    table = tabulate(frame_of(rows))
    assert "difference to other" in table.attrs["note"]
    alone = tabulate(frame_of([learned(0.1), classified(0.3, "sotalign")]))
    assert alone["score"].tolist() == ["MeanR@1", "MeanR@5", "top-1"]
    assert alone["difference_percent_mean"].isna().all()
    assert alone["score_percent_low"].isna().all()


def test_the_printed_table_is_latex(tmp_path):
    write_rows(tmp_path / "a.parquet", study(), {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    shown = {"title": "Few & many", "styles": STYLES, "figure": {}}
    write_table("recall", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    for part in (
        r"\caption{Few \& many. Score: mean $\pm$ sd, Student's 95 \% interval; difference to sail",
        r"in all rows: split Toys, vision Net\_50\%, language words, evaluation test, "
        "unpaired count 50, n 3.}",
        r"score \% & score \% interval & chance \% & difference \% \\",
        r"MeanR@5 & 10 & SAIL \& co & 12.0 $\pm$ 2.0 & 7.0 to 17.0 & 2.5 & -- \\",
        r"MeanR@5 & 10 & SOTAlign & 22.0 $\pm$ 5.3 & 8.9 to 35.1 & 2.5 & 10.0 (4.0 to 16.0) \\",
    ):
        assert part in printed
    assert outputs[0].read_text().count("\n") == 1 + 2 * 3 * 2
