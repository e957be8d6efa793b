import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.trust import draw, matched_pairs, tabulate
from tests.matchings import figure_entry, frame_of, matching, notes

STYLES = {"a-net": None}


def rows(**changed):
    """Two subsets of four classes in two draws; the second subset is matched worse."""
    return [
        matching(
            **{
                "size": 4,
                "rank": rank,
                "draw": draw,
                "selection": "oracle",
                "classes": [3, 5, 7, 9],
                "language_classes": [5, 3, 7, 9],
                "permutation": [1, 0, 2, 3] if rank == 0 else [1, 2, 0, 3],
                "accuracy": 1.0 if rank == 0 else 0.5,
                "margins": [0.4, 0.3, 0.2, 0.1] if rank == 0 else [0.2, 0.01, 0.02, 0.03],
                "null_costs": [1.0, 2.0, 3.0],
                "z": 4.0 - 3 * rank,
                "p_value": 0.25,
            }
            | changed
        )
        for rank in range(2)
        for draw in range(2)
    ]


def drawn(rows):
    return draw(frame_of(rows), title="Toys", styles=STYLES, figure=figure_entry())


def test_pairs_are_right_where_a_class_gets_its_counterpart():
    given = rows()
    given[1]["permutation"] = [1, 0, 3, 2]
    # Ranks 0 and 1 have the same classes here, so that three other matchings can agree.
    pairs = matched_pairs(frame_of(given))
    assert pairs["correct"].tolist()[:8] == [True, True, True, True, True, True, False, False]
    assert pairs["correct"].tolist()[8:12] == [True, False, False, True]
    assert pairs["margin"].tolist()[:4] == [0.4, 0.3, 0.2, 0.1]
    np.testing.assert_allclose(pairs["stability"][:4], [1, 1 / 3, 0, 2 / 3])


def test_the_figure_tells_n_the_nulls_and_how_well_they_predict():
    figure = drawn(rows())
    left, right = figure.axes
    assert "rank correlation 1.00, n = 2" in left.get_title()
    names = [text.get_text() for text in right.get_legend().get_texts()]
    assert names[0].startswith("margin, n = 16: AUC 1.00")
    assert names[1].startswith("stability, n = 16: AUC")
    for said in ("n = 4 matchings", "2 draws", "3 null problems", "oracle-selected"):
        assert said in notes(figure)


def test_the_reliability_curve_is_the_share_of_right_pairs():
    figure = drawn(rows())
    curve = figure.axes[1].get_lines()[0]
    shares = dict(zip(*curve.get_data(), strict=True))
    assert shares[max(shares)] == 1.0
    assert shares[min(shares)] == 0.0


def test_the_table_holds_what_is_known_without_labels_beside_the_accuracy():
    table = tabulate(frame_of(rows()))
    (row,) = table.to_dict("records")
    assert (row["n"], row["accuracy_percent_mean"], row["z_mean"]) == (4, 75.0, 2.5)
    assert row["auc_margin"] == pytest.approx(1.0)
    assert 0 <= row["auc_stability"] <= 1
    assert "Rank correlation of z and accuracy: 1.00, n = 2 subsets" in table.attrs["note"]
    assert "n = 16 pairs" in table.attrs["note"]


def test_sizes_are_told_apart_where_they_vary():
    # Within each size the better subset has the larger z; over both the order is upside down.
    given = [
        matching(size=size, rank=rank, z=z, accuracy=accuracy, null_costs=[1.0], selection="oracle")
        for size, rank, z, accuracy in (
            (4, 0, 1, 0.8),
            (4, 1, 2, 0.9),
            (9, 0, 7, 0.1),
            (9, 1, 8, 0.2),
        )
    ]
    assert "-0.60 (1.00 within a size), n = 4" in drawn(given).axes[0].get_title()


def test_models_of_one_size_are_told_apart_by_colour_and_datasets_by_marker():
    def names(rows):
        return [text.get_text() for text in drawn(rows).axes[0].get_legend().get_texts()]

    assert names(rows() + rows(vision="b-net")) == ["a-net", "b-net"]
    assert names(rows() + rows(dataset="more")) == ["a-net", "toys", "more"]


def test_one_draw_has_no_stability_and_no_margins_no_curve():
    few = [row | {"margins": []} for row in rows()[::2]]
    few[1] |= {"classes": [0, 1, 2, 3], "language_classes": [0, 1, 2, 3]}
    assert matched_pairs(frame_of(few))[["margin", "stability"]].isna().all(axis=None)
    assert len(drawn(few).axes[1].get_lines()) == 1


def test_matchings_without_nulls_are_refused():
    with pytest.raises(BlindmatchError, match=r"nulls: expected matchings .* found none"):
        drawn(rows(z=float("nan"), null_costs=[]))
