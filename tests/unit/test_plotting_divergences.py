import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import write_table
from blindmatch.plotting.divergences import tabulate
from blindmatch.storage import write_table as write_rows
from tests.alignments import NAN, STYLES, alignment, classified, frame_of, learned


def rows():
    """Teachers after their students, and a method without a teacher."""
    students = [
        learned(share + 0.02 * draw, f"{teacher}-{divergence}", teacher, divergence, draw=draw)
        for teacher, share in (("procrustes", 0.2), ("cca", 0.3))
        for divergence in ("klot", "info-nce")
        for draw in range(2)
        if (teacher, divergence) != ("cca", "info-nce")
    ]
    alone = [
        alignment(0.1, teacher, teacher=teacher, draw=draw)
        for teacher in ("cca", "procrustes")
        for draw in range(2)
    ]
    return [*students, *alone, alignment(0.9)]


def test_teachers_are_rows_and_divergences_columns_the_teacher_alone_first():
    table = tabulate(frame_of(rows()))
    means = [name for name in table if name.endswith("_mean")]
    assert means == ["alone_percent_mean", "klot_percent_mean", "info-nce_percent_mean"]
    assert table["score"].tolist() == ["MeanR@1", "MeanR@1", "MeanR@5", "MeanR@5"]
    assert table["teacher"].tolist() == ["procrustes", "cca"] * 2
    cca = table.loc[3]
    assert cca["n"] == 2
    assert cca["alone_percent_mean"] == pytest.approx(10.0)
    assert cca["klot_percent_mean"] == pytest.approx(31.0)
    assert cca["klot_percent_sd"] == pytest.approx(np.sqrt(2))
    assert np.isnan(cca["info-nce_percent_mean"])
    assert table.loc[1, "klot_percent_mean"] == pytest.approx(15.5)


def test_zero_shot_evaluations_have_rows_of_their_own():
    more = [classified(0.4, "cca", teacher="cca", draw=draw) for draw in range(2)]
    table = tabulate(frame_of(rows() + more))
    (row,) = table[table["evaluation"] == "photos"].to_dict("records")
    assert (row["score"], row["teacher"]) == ("top-1", "cca")
    assert row["alone_percent_mean"] == pytest.approx(40.0)


def test_no_cell_is_a_mean_over_methods():
    shuffled = learned(0.1, "cca-shuffled", "cca", "klot")
    with pytest.raises(BlindmatchError, match=r"'cca' and divergence 'klot', found cca-klot, cca-"):
        tabulate(frame_of([*rows(), shuffled]))
    other = alignment(0.1, "cca-tuned", teacher="cca")
    with pytest.raises(BlindmatchError, match=r"'cca' and no divergence, found cca, cca-tuned"):
        tabulate(frame_of([*rows(), other]))


def test_methods_without_teachers_or_scores_are_an_error():
    with pytest.raises(BlindmatchError, match="teacher: expected methods with a teacher"):
        tabulate(frame_of([alignment(0.1)]))
    with pytest.raises(BlindmatchError, match="with a mean_r1, found none"):
        tabulate(frame_of([learned(NAN)]))


def test_the_printed_table_is_latex(tmp_path):
    write_rows(tmp_path / "a.parquet", rows(), {"seed": 42})
    outputs = tmp_path / "t.csv", tmp_path / "t.tex"
    styles = STYLES | {"cca": {"label": "CCA_r", "color": None, "marker": None}}
    shown = {"title": "Teachers", "styles": styles, "figure": {}}
    write_table("divergences", tmp_path / "a.parquet", *outputs, **shown)
    printed = outputs[1].read_text()
    assert r"score & teacher & alone \% & klot \% & info-nce \% \\" in printed
    assert r"MeanR@5 & CCA\_r & 10.0 $\pm$ 0.0 & 31.0 $\pm$ 1.4 & -- \\" in printed
