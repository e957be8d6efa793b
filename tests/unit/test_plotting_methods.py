import json

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import draw_figure, write_table
from blindmatch.plotting.methods import tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import NAN, STYLES, alignment, classified, frame_of, learned


def rows():
    """Two draws of the same splits in both tasks."""
    return [
        row
        for draw in range(2)
        for row in (
            alignment(0.10 + 0.02 * draw, draw=draw),
            classified(0.30 + 0.10 * draw, draw=draw),
            learned(0.20 - 0.02 * draw, draw=draw, median_rank=5.0 + draw),
            classified(0.40 + 0.10 * draw, "sotalign", draw=draw),
        )
    ]


def table(rows):
    return tabulate(frame_of(rows)).set_index(["task", "method"])


def test_a_method_has_a_row_for_each_evaluation():
    found = tabulate(frame_of(rows()))
    assert found[["evaluation", "method"]].values.tolist() == [
        ["test", "sail"],
        ["test", "sotalign"],
        ["photos", "sail"],
        ["photos", "sotalign"],
    ]
    assert found["n"].tolist() == [2] * 4


def test_recalls_are_per_cents_over_draws():
    row = table(rows()).loc[("retrieval", "sotalign")]
    assert row["mean_r5_percent_mean"] == pytest.approx(19.0)
    assert row["mean_r5_percent_sd"] == pytest.approx(np.sqrt(2))
    for name in ("mean_r1", "i2t_r1", "i2t_r5", "t2i_r1", "t2i_r5"):
        assert row[f"{name}_percent_mean"] == pytest.approx(9.5)
    assert row["median_rank_mean"] == pytest.approx(5.5)
    assert row["chance_percent"] == pytest.approx(2.5)
    assert np.isnan(row["top1_percent_mean"])


def test_zero_shot_accuracies_are_per_cents_over_draws():
    row = table(rows()).loc[("zero-shot", "sail")]
    assert row["top1_percent_mean"] == pytest.approx(35.0)
    assert row["top5_percent_mean"] == pytest.approx(70.0)
    assert row["chance_percent"] == pytest.approx(10.0)
    assert np.isnan(row[["mean_r5_percent_mean", "median_rank_mean"]].astype(float)).all()


def test_differences_are_those_of_the_same_draw_to_the_first_method():
    found = table(rows())
    retrieval, zero_shot = (found.loc[(task, "sotalign")] for task in ("retrieval", "zero-shot"))
    # Of the draws: 10 and 6 in MeanR@5; 10 and 10 in top-1.
    assert retrieval["difference_percent_mean"] == pytest.approx(8.0)
    assert retrieval["difference_percent_low"] == pytest.approx(6.0)
    assert retrieval["difference_percent_high"] == pytest.approx(10.0)
    assert zero_shot["difference_percent_low"] == pytest.approx(10.0)
    assert found.loc[("retrieval", "sail")].filter(like="difference").isna().all()


def test_what_was_chosen_and_how_training_went_stands_beside():
    options = json.dumps({"beta": 10.0, "shuffled": False})
    found = table([alignment(0.1), learned(0.2, chosen=options)])
    row = found.loc[("retrieval", "sotalign")]
    assert row["chosen"] == "beta = 10.0, shuffled = False"
    assert (row["perplexity_mean"], row["seconds_median"]) == (4.0, 20.0)
    assert (row["divergence_start_mean"], row["divergence_end_mean"]) == (3.0, 1.0)
    assert found.loc[("retrieval", "sail"), ["chosen", "perplexity_mean"]].isna().all()


def test_draws_that_chose_otherwise_are_told_apart():
    given = [learned(0.2, draw=draw, chosen=json.dumps({"beta": draw})) for draw in range(2)]
    assert table(given)["chosen"].tolist() == ["beta = 0 or beta = 1"]


def test_rows_without_a_score_are_an_error():
    with pytest.raises(BlindmatchError, match="with a mean_r5, found none"):
        tabulate(frame_of([alignment(NAN)]))


def test_the_printed_table_leaves_diagnostics_to_the_full_one(tmp_path):
    given = [row for row in rows() if row["task"] == "retrieval"]
    write_rows(tmp_path / "a.parquet", given, {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    shown = {"title": "Methods_1", "styles": STYLES, "figure": {}}
    write_table("methods", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    assert "divergence_start_mean" in outputs[0].read_text()
    assert "divergence start" not in printed
    for part in (
        r"\caption{Methods\_1. Mean $\pm$ sd; difference to sail: mean over the same draws",
        "2 draws; seed 42",
        r"SAIL \& co & 5.5 $\pm$ 0.7 & 11.0 $\pm$ 1.4",
        r"5.5 $\pm$ 0.7 & 8.0 (6.0 to 10.0) & beta = 10.0 & 4 & 20 \\",
    ):
        assert part in printed
    with pytest.raises(BlindmatchError, match="'methods' is a table"):
        draw_figure("methods", tmp_path / "a.parquet", [tmp_path / "a.png"], **shown)
