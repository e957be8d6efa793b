import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.model_size import draw, tabulate
from tests.matchings import NAN, figure_entry, frame_of, matching, notes

#: Accuracy grows by 0.1, similarity falls by 0.2, for ten times the parameters.
MODELS = {"net-s": 1e6, "net-m": 1e7, "net-l": 1e8, "lone-one": 1e7, "odd-one": NAN}
ROWS = [
    matching(
        vision=vision,
        vision_parameters=size,
        metric=metric,
        draw=draw,
        accuracy=0.3 + 0.1 * step,
        true_cost=40.0,
        reported_true_cost=-0.9 + 0.2 * step,
    )
    for step, (vision, size) in enumerate(MODELS.items())
    for metric in ("gw", "mutual-knn-4")
    for draw in range(2)
]


def drawn(rows=ROWS, **changed):
    entry = figure_entry(**{"score": "mutual-knn-4", **changed})
    return draw(frame_of(rows), title="Toys", styles={}, figure=entry)


def test_similarity_is_higher_for_what_is_more_alike():
    above, below = drawn().axes
    assert above.get_xscale() == "log"
    accuracy, similarity = (
        {line.get_xdata()[0]: line.get_ydata()[0] for line in axes.lines[:3]}
        for axes in (above, below)
    )
    assert accuracy == pytest.approx({1e6: 0.3, 1e7: 0.4, 1e8: 0.5})
    assert similarity == pytest.approx({1e6: 0.9, 1e7: 0.7, 1e8: 0.5})
    # Four models of known size, the line of the family of three; above, chance, too.
    assert (len(above.lines), len(below.lines)) == (4 + 1 + 1, 4 + 1)
    assert below.lines[-1].get_ydata().tolist() == pytest.approx([0.9, 0.5])


def test_models_of_unknown_size_are_named():
    assert "number of parameters unknown: odd-one" in notes(drawn())
    unknown = [row | {"vision_parameters": NAN} for row in ROWS]
    with pytest.raises(BlindmatchError, match="size of no vision model is known"):
        drawn(unknown)


def test_a_score_outside_the_study_is_an_error():
    with pytest.raises(BlindmatchError, match="expected one of gw, mutual-knn-4, found 'cka'"):
        drawn(score="cka")
    assert len(drawn(score=None).axes) == 1


def test_the_table_has_slope_and_correlation_of_each_family():
    table = tabulate(frame_of(ROWS))
    rows = table[table["metric"] == "mutual-knn-4"].set_index("vision")
    assert rows["parameters"].to_dict() == pytest.approx(MODELS, nan_ok=True)
    net = rows.loc["net-m"]
    assert (net["n"], net["models_fitted"]) == (2, 3)
    assert net["similarity_mean"] == pytest.approx(0.7)
    assert net["accuracy_slope"] == pytest.approx(10.0)
    assert (net["similarity_slope"], net["similarity_r"]) == pytest.approx((-0.2, -1.0))
    assert rows.loc["lone-one", ["accuracy_slope", "similarity_r"]].isna().all()
    assert rows.loc["lone-one", "models_fitted"] == 0
    assert "unknown: odd-one" in table.attrs["note"]
