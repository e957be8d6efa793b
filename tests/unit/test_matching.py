import numpy as np
import pytest

import blindmatch
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean
from blindmatch.matching import compared_kernels, gather, match, match_subsets
from blindmatch.metrics import metrics
from blindmatch.solvers import solvers
from blindmatch.storage import write_table

POINTS = np.random.default_rng(0).normal(size=(8, 5))


def rows_of(solver="brute-force", paired=True, draws=2):
    noisy = [POINTS + 0.01 * np.random.default_rng(draw).normal(size=(8, 5)) for draw in (1, 2)]
    return list(
        match_subsets(
            np.stack([euclidean(points) for points in noisy[:draws]]),
            euclidean(POINTS @ np.random.default_rng(3).normal(size=(5, 5))),
            np.array([[0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0]]),
            metric=metrics.build("gw", {}),
            solver=solvers.build(solver, {}),
            seeds=np.array([11, 12][:draws]),
            paired=paired,
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


def test_gathered_rows_carry_the_names_of_their_path(tmp_path):
    path = tmp_path / "results/matchings/toys/gw/exact/pixels/words/n8.parquet"
    write_table(path, rows_of(), {"selection": "oracle"})
    rows = gather([str(path)], ranks=1, draws=1)
    assert len(rows) == 1
    assert {key: rows[0][key] for key in ("dataset", "metric", "solver", "vision")} == {
        "dataset": "toys",
        "metric": "gw",
        "solver": "exact",
        "vision": "pixels",
    }
    assert (rows[0]["language"], rows[0]["size"], rows[0]["selection"]) == ("words", 8, "oracle")
