import numpy as np
import pandas as pd
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.classification import ORACLE, tabulate

nan = float("nan")


def row(solver, draw, clustering="k-means", **more):
    found = {
        "permutation": [1, 0, 2],
        "accuracy": 0.4 + 0.2 * draw,
        "matching_accuracy": 1 / 3,
        "cost": 2.7,
        "bound": 2.7 if solver == "exact" else -np.inf,
        "gap": 0.0 if solver == "exact" else np.inf,
        "optimal": solver == "exact",
        "status": "optimal" if solver == "exact" else "heuristic",
        "seconds": 0.5,
        "building": 0.0,
        "reported_cost": 0.3,
        "reported_bound": 0.3 if solver == "exact" else -np.inf,
    }
    skipped = {
        "permutation": [],
        **dict.fromkeys(["accuracy", "matching_accuracy", "cost", "bound", "gap", "seconds"], nan),
        "optimal": False,
        "status": "skipped: gurobipy is not installed",
        **dict.fromkeys(["building", "reported_cost", "reported_bound"], nan),
    }
    return {
        "dataset": "toys",
        "metric": "gw",
        "vision": "a-net",
        "language": "words",
        "clustering": clustering,
        "solver": solver,
        "size": 3,
        "selection": "none",
        "time_limit": 60.0 if solver == "exact" else nan,
        "rank": 0,
        "draw": draw,
        "classes": [0, 1, 2],
        "language_classes": [0, 1, 2],
        "oracle": [1, 2, 0],
        "oracle_accuracy": 0.8 + 0.1 * draw,
        "chance": 1 / 3,
        "true_cost": 3.6,
        "reported_true_cost": 0.4,
        "margins": [],
        "null_costs": [],
        "z": nan,
        "p_value": nan,
        **(skipped if solver == "gurobi" else found),
        **more,
    }


def frame(*solvers, clusterings=("k-means",)):
    return pd.DataFrame(
        [
            row(solver, draw, clustering)
            for clustering in clusterings
            for solver in solvers
            for draw in range(2)
        ]
    )


def table(*arguments, **more):
    return tabulate(frame(*arguments, **more)).set_index(["clustering", "solver"])


def test_a_solver_is_judged_over_its_draws_in_per_cent():
    exact = table("exact", "random").loc["k-means", "exact"]
    assert exact["n"] == 2
    assert exact["accuracy_percent_mean"] == pytest.approx(50)
    assert exact["accuracy_percent_sd"] == pytest.approx(20 / np.sqrt(2))
    assert exact["matching_accuracy_percent_mean"] == pytest.approx(100 / 3)
    assert exact["chance_percent"] == pytest.approx(100 / 3)
    assert exact["optimal_percent"] == 100
    assert exact["bound_mean"] == pytest.approx(0.3)
    assert exact["time_limit"] == 60
    assert exact["truth_beaten_percent"] == 100


def test_a_solver_without_bounds_shows_none():
    random = table("exact", "random").loc["k-means", "random"]
    assert np.isnan([random["bound_mean"], random["time_limit"]]).all()
    assert random["optimal_percent"] == 0


def test_the_oracle_stands_below_the_solvers_of_its_block():
    found = tabulate(frame("exact", "random", clusterings=["k-means", "spectral"]))
    assert found["solver"].tolist() == ["exact", "random", ORACLE] * 2
    assert found["clustering"].tolist() == ["k-means"] * 3 + ["spectral"] * 3
    assert found["n"].tolist() == [2] * 6
    oracle = found.loc[2]
    assert oracle["accuracy_percent_mean"] == pytest.approx(85)
    assert oracle["matching_accuracy_percent_mean"] == 100
    assert oracle["cost_mean"] == pytest.approx(0.4)
    assert np.isnan(oracle[["bound_mean", "optimal_percent", "seconds_median"]].astype(float)).all()


def test_blocks_keep_the_order_of_the_rows():
    rows = frame("exact", clusterings=["spectral", "k-means"])
    other = rows.assign(vision="b-net")
    found = tabulate(pd.concat([rows, other], ignore_index=True))
    assert found.loc[found["solver"] == "exact", ["vision", "clustering"]].values.tolist() == [
        ["a-net", "spectral"],
        ["a-net", "k-means"],
        ["b-net", "spectral"],
        ["b-net", "k-means"],
    ]


def test_what_was_skipped_is_spelled_out_and_its_oracle_kept():
    found = table("gurobi", "exact")
    assert found.loc[("k-means", "gurobi"), "n"] == 0
    assert found.loc[("k-means", "gurobi"), "skipped"] == "gurobipy is not installed"
    assert found.loc[("k-means", ORACLE), "accuracy_percent_mean"] == pytest.approx(85)


def test_nothing_but_skipped_solvers_is_an_error():
    with pytest.raises(BlindmatchError, match="gurobipy is not installed"):
        tabulate(frame("gurobi"))
