import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.metrics import tabulate as tabulate_metrics
from blindmatch.plotting.solvers import tabulate
from tests.matchings import absent, frame_of, matching

ROUNDED = 30.0 * (1 + 1e-13)


def heuristic(**changed):
    unproved = {
        "optimal": False,
        "bound": float("-inf"),
        "gap": float("inf"),
        "status": "heuristic",
    }
    return matching(**{**unproved, **changed})


def shares(rows):
    return tabulate(frame_of(rows)).set_index("solver")["global_percent"]


def test_global_is_the_same_cost_or_the_same_permutation_as_a_proved_optimum():
    other = [1, 0, *range(2, 10)]
    rows = [matching(draw=draw) for draw in range(4)]
    rows += [
        heuristic(solver="quick", draw=0, cost=ROUNDED, permutation=other),
        heuristic(solver="quick", draw=1, cost=30.0001, permutation=other),
        heuristic(solver="quick", draw=2, cost=30.0001),
        heuristic(solver="quick", draw=3, cost=45.0, permutation=other),
    ]
    assert shares(rows).to_dict() == {"exact": 100.0, "quick": 50.0}


def test_global_is_unknown_where_nobody_proved_an_optimum():
    proved = [matching(), heuristic(solver="quick", cost=35.0, permutation=[*range(9, -1, -1)])]
    unknown = [heuristic(solver=name, draw=1) for name in ("exact", "quick")]
    table = tabulate(frame_of(proved + unknown))
    assert table["global_percent"].tolist() == [100.0, 0.0]
    assert "of 1 of 2 problems" in table.attrs["note"]
    assert shares(unknown).isna().all()


def test_a_matching_cheaper_than_a_proved_optimum_is_an_error():
    rows = [matching(), heuristic(solver="quick", cost=29.0)]
    with pytest.raises(
        BlindmatchError, match=r"'exact' claims the optimum 30 .*'quick' solves at 29"
    ):
        tabulate(frame_of(rows))


def test_a_solver_that_could_not_run_stays_in_the_table():
    table = tabulate(frame_of([matching(), absent("no licence", solver="paid")]))
    paid = table.set_index("solver").loc["paid"]
    assert (paid["n"], paid["skipped"]) == (0, "no licence")


def test_metrics_stand_in_the_order_of_the_study_and_the_reference_codes_is_marked():
    metrics = ["gw", "cka-reference", "cka"]
    rows = [matching(metric=metric) for metric in sorted(metrics)]
    table = tabulate_metrics(frame_of(rows, metrics=metrics))
    assert table["metric"].tolist() == metrics
    assert "cka-reference is the reference code's" in table.attrs["note"]
    assert "reference code" not in tabulate_metrics(frame_of([matching()])).attrs["note"]
