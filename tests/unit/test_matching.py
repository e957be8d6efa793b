import numpy as np
import pytest

import blindmatch
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean, inner_product
from blindmatch.matching import compared_kernels, match, match_draws
from blindmatch.metrics import metrics
from blindmatch.solvers import Solver, Unavailable, solvers

POINTS = np.random.default_rng(0).normal(size=(8, 5))


RANKS = np.array([[0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0]])


def rows_of(solver="brute-force", names=("gw",), subsets=(RANKS, RANKS), **options):
    noisy = [POINTS + 0.01 * np.random.default_rng(draw).normal(size=(8, 5)) for draw in (1, 2)]
    language = POINTS @ np.random.default_rng(3).normal(size=(5, 5))
    kernels = {"euclidean": euclidean, "inner-product": inner_product}
    return list(
        match_draws(
            {
                name: np.stack([kernel(points) for points in noisy])
                for name, kernel in kernels.items()
            },
            {name: kernel(language) for name, kernel in kernels.items()},
            metrics={name: metrics.build(name, {}) for name in names},
            solver=solvers.build(solver, {}) if isinstance(solver, str) else solver,
            seeds=np.array([11, 12]),
            subsets=subsets,
            **options,
        )
    )


def test_rotated_concepts_are_found_without_any_pair():
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))
    order = np.random.default_rng(2).permutation(8)
    found = match(POINTS, POINTS[order] @ rotation, solver="brute-force")
    assert order[found.permutation].tolist() == list(range(8))
    assert found.optimal
    assert found.cost >= found.bound


def test_language_rows_without_a_partner_stay_free():
    order = np.random.default_rng(2).permutation(8)
    some = POINTS[[0, 2, 3, 5, 6, 7]]
    found = match(some, POINTS[order], solver="brute-force")
    assert order[found.permutation].tolist() == [0, 2, 3, 5, 6, 7]
    assert found.optimal


def test_the_cost_is_the_loss_between_matched_pairs_only():
    metric = metrics.build("gw", {})
    vision, language = compared_kernels(POINTS[:5], POINTS, metric)
    found = match(POINTS[:5], POINTS, "gw", solver="brute-force")
    p = found.permutation
    assert found.cost == pytest.approx(np.sum((vision - language[np.ix_(p, p)]) ** 2))
    priced = match(POINTS[:5], POINTS, metric, solver="brute-force", unmatched=0.1, max_size=13)
    kept = priced.permutation >= 0
    assert 0 < kept.sum() < 5
    pairs = np.ix_(priced.permutation[kept], priced.permutation[kept])
    loss = np.sum((vision[np.ix_(kept, kept)] - language[pairs]) ** 2)
    assert priced.cost == pytest.approx(loss + 0.1 * np.sum(~kept))


def test_anchors_are_kept():
    found = match(POINTS, POINTS, solver="brute-force", anchors=[(0, 3), (5, 1)])
    assert found.permutation[[0, 5]].tolist() == [3, 1]


@pytest.mark.parametrize("size", [1, 2])
def test_sets_without_structure_are_refused(size):
    with pytest.raises(BlindmatchError, match="all distances are equal"):
        match(POINTS[:size], POINTS[:size], solver="brute-force")
    found = match(POINTS[:2], POINTS[:2], "cka", solver="brute-force")
    assert found.cost == pytest.approx(-1.0)


def test_a_matching_row_tells_rank_draw_and_both_costs():
    rows = rows_of()
    assert [(row["rank"], row["draw"], row["seed"]) for row in rows] == [
        (0, 0, 11),
        (0, 1, 12),
        (1, 0, 11),
        (1, 1, 12),
    ]
    for row in rows:
        assert row["cost"] <= row["true_cost"] + 1e-9
        assert row["reported_cost"] == pytest.approx(row["cost"] / 64)
        correct = np.array(row["permutation"]) == np.arange(8)
        assert row["accuracy"] == correct.mean()


def test_the_order_of_the_classes_carries_no_hint():
    rows = rows_of()
    by_class = [dict(zip(row["classes"], row["permutation"], strict=True)) for row in rows]
    assert by_class[0] == {c: 7 - p for c, p in by_class[2].items()}


def test_accuracy_is_unknown_where_the_pairing_is():
    assert all(np.isnan(row["accuracy"]) for row in rows_of(paired=False))


def test_without_subsets_all_classes_are_matched_by_every_metric():
    rows = rows_of(names=("gw", "cka"), subsets=None)
    assert [(row["metric"], row["rank"], row["draw"]) for row in rows] == [
        ("gw", 0, 0),
        ("gw", 0, 1),
        ("cka", 0, 0),
        ("cka", 0, 1),
    ]
    assert all(row["classes"] == list(range(8)) for row in rows)


def test_subsets_of_both_sides_may_differ():
    rows, columns = np.array([[0, 1, 2, 3]]), np.array([[3, 5, 1, 0]])
    for row in rows_of(subsets=(rows, columns)):
        found = [row["language_classes"][j] for j in row["permutation"]]
        assert row["accuracy"] == np.mean(np.array(found) == row["classes"])
        assert row["accuracy"] <= 0.75
        assert np.isnan(row["true_cost"])


def test_the_order_of_the_language_side_changes_nothing():
    same = rows_of(subsets=(RANKS[:1], RANKS[1:]))
    for row, plain in zip(same, rows_of(subsets=(RANKS[:1], RANKS[:1])), strict=True):
        assert row["cost"] == pytest.approx(plain["cost"])
        assert row["true_cost"] == pytest.approx(plain["true_cost"])
        assert [row["language_classes"][j] for j in row["permutation"]] == plain["permutation"]


def test_a_solver_may_solve_the_problem_of_another_metric():
    own = rows_of(solver_metric=metrics.build("cka", {}))
    for row, plain in zip(own, rows_of(), strict=True):
        assert row["reported_true_cost"] == plain["reported_true_cost"]
        assert row["cost"] >= plain["cost"] - 1e-9
        assert (row["bound"], row["optimal"]) == (-np.inf, False)


def test_trust_is_told_where_it_is_asked_for():
    for row in rows_of(nulls=5):
        assert len(row["margins"]) == 8
        assert min(row["margins"]) > 0
        assert len(row["null_costs"]) == 5
        as_cheap = sum(cost <= row["reported_cost"] for cost in row["null_costs"])
        assert row["p_value"] == pytest.approx((1 + as_cheap) / 6)
        mean, deviation = np.mean(row["null_costs"]), np.std(row["null_costs"], ddof=1)
        assert row["z"] == pytest.approx((mean - row["reported_cost"]) / deviation)
    for row in rows_of():
        assert row["margins"] == row["null_costs"] == []
        assert np.isnan(row["z"])
        assert np.isnan(row["p_value"])


class Absent(Solver):
    def solve(self, problem, **options):
        raise Unavailable("its licence is on holiday")


def test_a_solver_that_cannot_run_says_so_in_its_rows():
    said = []
    rows = rows_of(Absent(), report=said.append)
    assert len(rows) == 4
    assert {row["status"] for row in rows} == {"skipped: its licence is on holiday"}
    assert all(np.isnan(row["cost"]) and np.isnan(row["accuracy"]) for row in rows)
    assert all(row["permutation"] == [] for row in rows)
    assert said == ["skipped: its licence is on holiday"] * 4


@pytest.mark.parametrize(
    ("vision", "language", "message"),
    [
        (POINTS, POINTS[:5], "language: expected at least 8 items as vision, found 5; exchange"),
        (POINTS.astype(int), POINTS, "vision: expected floating point, found int64"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "vision: 3 of 3 embeddings hold NaN"),
        (POINTS, np.zeros((8, 2)), "language: 8 of 8 embeddings are all zero"),
    ],
)
def test_embeddings_that_cannot_be_matched_are_refused(vision, language, message):
    with pytest.raises(BlindmatchError, match=message):
        blindmatch.match(vision, language, solver="brute-force")
