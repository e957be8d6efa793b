import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.solver_scaling import draw, tabulate
from tests.matchings import absent, figure_entry, frame_of, matching, notes

INF = float("inf")
ROWS = [
    matching(
        solver=solver,
        size=size,
        selection="oracle" if size < 30 else "none",
        draw=draw,
        cost=scale * size**2,
        bound=bound * size**2,
        true_cost=0.5 * size**2,
        optimal=False,
        status="time limit",
        seconds=float(size),
        time_limit=60.0,
    )
    for solver, scale, bound in (("dual", 0.4, 0.3), ("weak", 0.45, -9.0), ("quick", 0.6, -INF))
    for size in (10, 20, 30)
    for draw in range(2)
]
ROWS += [absent("no licence", solver="paid", size=10, selection="oracle", time_limit=60.0)]


def drawn(rows=ROWS, **changed):
    return draw(frame_of(rows), title="Toys", styles={}, figure=figure_entry(**changed))


def heights(lines):
    return [float(np.mean(line.get_ydata())) for line in lines]


def test_costs_bounds_and_the_truth_are_per_pair():
    figure = drawn(bounds=["dual"])
    left, right = figure.axes
    assert left.get_ylabel() == "cost / $N^2$"
    assert heights(left.lines) == pytest.approx([0.4, 0.45, 0.6, 0.3, 0.5])
    assert left.lines[3].get_color() == left.lines[0].get_color()
    assert right.get_yscale() == "log"
    assert [line.get_ydata()[0] for line in right.lines] == [10, 10, 10, 60]
    assert left.lines[0].get_xdata().tolist() == [10, 20, 30]
    assert left.get_title(loc="left") == "toys, a-net, words"


def test_a_bound_far_below_the_costs_does_not_squeeze_them():
    figure = drawn(bounds=["weak"])
    low, high = figure.axes[0].get_ylim()
    assert -0.5 < low < 0.4
    assert high < 1.0


def test_the_note_names_who_was_skipped_and_the_limit():
    note = notes(drawn())
    assert "skipped: paid (no licence)" in note
    assert "time limit 60 s a problem" in note
    assert "n = 2 a point (2 draws)" in note


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        ("quick", "'quick' gives no lower bound"),
        ("duel", "'duel' is not in the study.*dual"),
    ],
)
def test_a_solver_without_bounds_cannot_have_them_drawn(solver, message):
    with pytest.raises(BlindmatchError, match=message):
        drawn(bounds=[solver])


def test_where_a_bound_was_not_found_in_time_the_note_says_so():
    rows = [
        row | {"reported_bound": -INF} if row["solver"] == "dual" and row["size"] == 20 else row
        for row in ROWS
    ]
    figure = drawn(rows, bounds=["dual"])
    assert "no lower bound: dual at N = 20" in notes(figure)
    drawn_bounds = figure.axes[0].lines[3].get_ydata()
    assert np.isnan(drawn_bounds).tolist() == [False, True, False]
    assert "no lower bound" not in notes(drawn(bounds=["dual"]))


def test_the_table_has_a_row_for_each_solver_and_size():
    table = tabulate(frame_of(ROWS)).set_index(["solver", "size"])
    assert len(table) == 10
    assert table.loc[("dual", 20), ["cost_mean", "bound_mean"]].tolist() == pytest.approx(
        [0.4, 0.3]
    )
    assert table.loc[("paid", 10), "n"] == 0
