import numpy as np
import pytest
from scipy import stats

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import write_table
from blindmatch.plotting.blind_alignment import draw, tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import NAN, frame_of
from tests.matchings import notes

STYLES = {"net": {"label": "Net_50%", "color": None, "marker": None}}
#: Accuracies of each draw's rounds, and the round that is kept.
DRAWS = [([0.1, 0.3, 0.5], 1), ([0.4, 0.2, 0.3], 2), ([0.5, 0.6, 0.4], 0), ([0.2, 0.6, 0.4], 1)]


def study(ceiling=0.9, **changed):
    return [
        {
            "dataset": "toys",
            "metric": "gw",
            "clustering": "k-means",
            "solver": "exact",
            "method": "klot",
            "vision": "net",
            "language": "words",
            "draw": number,
            "round": place,
            "kept": place == kept,
            "accuracy": accuracy,
            "oracle_accuracy": 0.7 + 0.01 * place,
            "aligned_accuracy": accuracy - 0.1 if place else NAN,
            "ceiling_accuracy": ceiling,
            "cost": 0.5,
            "changed": 0.1 if place else NAN,
            "chance": 0.1,
            "images": 5000,
        }
        | changed
        for number, (accuracies, kept) in enumerate(DRAWS)
        for place, accuracy in enumerate(accuracies)
    ]


def drawn(rows):
    return draw(frame_of(rows), title="Blind", styles=STYLES, figure={})


def heads(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_visible()]


def test_a_point_is_a_draw_and_a_line_joins_plain_and_refined():
    (axes,) = drawn(study()).axes
    plain, refined, names, start = (each.get_offsets()[:, 1] for each in axes.collections[:8:2])
    assert plain.tolist() == pytest.approx([10, 40, 50, 20])
    assert refined.tolist() == pytest.approx([30, 30, 50, 60])
    assert names.tolist() == pytest.approx([71, 72, 70, 71])
    assert start.tolist() == pytest.approx([90] * 4)
    joined = [line.get_ydata().tolist() for line in axes.lines[:4]]
    assert joined == [pytest.approx(pair) for pair in ([10, 30], [40, 30], [50, 50], [20, 60])]


def test_means_stand_beside_with_students_interval():
    (axes,) = drawn(study()).axes
    means = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert means == pytest.approx([30.0, 42.5, 71.0, 90.0])
    plain = axes.collections[1].get_segments()[0][:, 1]
    expected = stats.t.interval(0.95, 3, 30.0, stats.sem([10, 40, 50, 20]))
    assert sorted(plain) == pytest.approx(expected)


def test_oracles_are_hollow_and_named_so():
    figure = drawn(study())
    (axes,) = figure.axes
    hollow = [len(each.get_facecolor()) == 0 for each in axes.collections[:8:2]]
    assert hollow == [False, False, True, True]
    stages = [text.get_text() for text in axes.get_xticklabels()]
    assert stages == ["plain", "refined", "oracle:\nnames", "oracle:\nstart"]
    assert "oracle: sees labels" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "oracle start: the same refinement, started from the oracle's names" in notes(figure)


def test_an_oracle_that_was_not_asked_for_is_left_out():
    figure = drawn(study(ceiling=NAN))
    assert len(figure.axes[0].get_xticks()) == 3
    assert "oracle start" not in notes(figure)


def test_the_figure_tells_n_and_the_difference():
    figure = drawn(study())
    said = notes(figure)
    for part in ("n = 4 draws", "images: 5,000", "gw; k-means; exact; Net_50%; words", "seed 42"):
        assert part in said
    assert heads(figure)[0].startswith("refined − plain: +12.5 (−")


def test_one_draw_has_no_interval():
    rows = [row for row in study() if row["draw"] == 0]
    figure = drawn(rows)
    assert heads(figure) == ["refined − plain: +20.0"]
    table = tabulate(frame_of(rows))
    assert table[["difference_percent_low", "plain_percent_sd"]].isna().all(axis=None)


def test_methods_and_models_are_panels():
    both = drawn(study() + study(method="linear"))
    assert [head.split("\n")[0] for head in heads(both)] == ["klot", "linear"]
    models = drawn(study() + study(vision="more"))
    assert [head.split("\n")[0] for head in heads(models)] == ["Net_50%", "more"]


@pytest.mark.parametrize(("wrong", "found"), [("kept", "1 and 2"), ("round", "0 and 1")])
def test_a_draw_without_one_plain_and_one_kept_round_is_an_error(wrong, found):
    rows = study()
    rows[0] |= {"kept": True} if wrong == "kept" else {"round": 3}
    for kind in (drawn, lambda rows: tabulate(frame_of(rows))):
        with pytest.raises(BlindmatchError, match=f"is kept in draw 0, found {found}"):
            kind(rows)


def test_the_table_counts_what_refinement_did():
    (row,) = tabulate(frame_of(study())).to_dict("records")
    assert (row["n"], row["kept_mean"], row["rounds_mean"]) == (4, 1.0, 2.0)
    assert row["plain_percent_mean"] == pytest.approx(30.0)
    assert row["refined_percent_mean"] == pytest.approx(42.5)
    assert row["oracle_names_percent_mean"] == pytest.approx(71.0)
    assert row["oracle_start_percent_mean"] == pytest.approx(90.0)
    assert row["oracle_round_percent_mean"] == pytest.approx(52.5)
    # Where round 0 is kept nothing was aligned.
    assert row["aligned_percent_mean"] == pytest.approx((20 + 20 + 50) / 3)
    assert row["chance_percent"] == pytest.approx(10.0)
    shares = [row[f"{name}_percent"] for name in ("improved", "unchanged", "worse")]
    assert shares == [50.0, 25.0, 25.0]


def test_the_difference_has_a_bootstrap_interval():
    (row,) = tabulate(frame_of(study())).to_dict("records")
    assert row["difference_percent_mean"] == pytest.approx(12.5)
    known = stats.bootstrap(
        ([20.0, -10.0, 0.0, 40.0],), np.mean, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    assert row["difference_percent_low"] == pytest.approx(known.low, abs=2.6)
    assert row["difference_percent_high"] == pytest.approx(known.high, abs=2.6)


def test_the_printed_table_is_latex(tmp_path):
    write_rows(tmp_path / "a.parquet", study() + study(vision="more"), {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    shown = {"title": "Blind & more", "styles": STYLES, "figure": {}}
    write_table("blind-alignment", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    for part in (
        r"\caption{Blind \& more. Accuracy, mean $\pm$ sd over draws",
        "oracles see the labels",
        "oracle names",
        "oracle round",
        r"Net\_50\% & 30.0 $\pm$ 18.3 & 42.5 $\pm$ 15.0",
        r"& 12.5 (-",
    ):
        assert part in printed
