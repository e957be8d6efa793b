import numpy as np
import pandas as pd
import pytest

from blindmatch.plotting import write_table
from blindmatch.plotting.ablation import tabulate
from blindmatch.storage import write_table as write_rows
from tests.matchings import figure_entry

nan = float("nan")


def row(solver, draw, **changed):
    return {
        "metric": "inner-product",
        "solver": solver,
        "dimension": 64,
        "size": 10,
        "time_limit": 60.0,
        "draw": draw,
        "cost": -103.0 - draw,
        "bound": -109.0 - draw,
        "gap": 6 / 103,
        "status": "stalled" if draw else "time limit",
        "seconds": 2.0 + draw,
        "iterations": 40 + 20 * draw,
        "reported_cost": -1.03 - 0.01 * draw,
        "reported_bound": -1.09 - 0.01 * draw,
        "random_cost": -100.0,
        "spread": 2.0,
        "gap_in_spreads": 3.0,
        **changed,
    }


def skipped(solver, draw):
    numbers = ("cost", "bound", "seconds", "reported_cost", "reported_bound", "gap_in_spreads")
    return row(
        solver, draw, **dict.fromkeys(numbers, nan), iterations=0, status="skipped: no licence"
    )


def test_each_solver_has_a_row_in_the_order_of_the_study():
    frame = pd.DataFrame(
        [row(solver, draw) for solver in ("original", "auction") for draw in (0, 1)]
    )
    table = tabulate(frame)
    assert table["solver"].tolist() == ["original", "auction"]
    first = table.iloc[0]
    assert (first["n"], first["size"], first["time_limit"]) == (2, 10, 60.0)
    assert first["cost_mean"] == pytest.approx(-1.035)
    assert first["cost_sd"] == pytest.approx(0.01 / np.sqrt(2))
    assert first["bound_mean"] == pytest.approx(-1.095)
    assert first["cost_in_spreads"] == pytest.approx((-1.5 - 2.0) / 2)
    assert first["bound_in_spreads"] == pytest.approx((-4.5 - 5.0) / 2)
    assert first["gap_in_spreads"] == 3.0
    assert (first["sweeps_median"], first["seconds_median"]) == (50, 2.5)
    assert first["ended"] == "time limit (1), stalled (1)"
    assert "skipped" not in table


def test_costs_that_are_much_alike_are_printed_with_more_decimals(tmp_path):
    write_rows(tmp_path / "a.parquet", [row("original", draw) for draw in (0, 1)], {"seed": 42})
    shown = {"title": "Steps", "styles": {}, "figure": figure_entry()}
    outputs = (tmp_path / "t.csv", tmp_path / "t.tex")
    write_table("ablation", tmp_path / "a.parquet", *outputs, **shown)
    assert r"-1.03500 $\pm$ 0.00707" in outputs[1].read_text()


def test_sizes_are_told_apart():
    frame = pd.DataFrame([row("original", 0), row("original", 0, size=20, gap_in_spreads=5.0)])
    table = tabulate(frame).set_index("size")
    assert table["gap_in_spreads"].to_dict() == {10: 3.0, 20: 5.0}


def test_a_solver_that_could_not_run_is_in_the_table_with_the_reason():
    rows = [row("original", 0), row("original", 1), skipped("gurobi", 0), skipped("gurobi", 1)]
    table = tabulate(pd.DataFrame(rows)).set_index("solver")
    assert table["n"].to_dict() == {"original": 2, "gurobi": 0}
    assert table.loc["gurobi", "skipped"] == "no licence"
    assert pd.isna(table.loc["original", "skipped"])
    assert table.loc["gurobi", ["cost_mean", "sweeps_median", "ended"]].isna().all()


def test_no_time_limit_and_no_bound_are_shown_as_such():
    frame = pd.DataFrame(
        [
            row(
                "random",
                0,
                time_limit=None,
                bound=-np.inf,
                reported_bound=-np.inf,
                gap_in_spreads=np.inf,
            )
        ]
    )
    first = tabulate(frame).iloc[0]
    assert pd.isna(first["time_limit"])
    assert (first["bound_mean"], first["gap_in_spreads"]) == (-np.inf, np.inf)
