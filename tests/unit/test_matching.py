import numpy as np
import pytest

import blindmatch
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean
from blindmatch.matching import gather, match, match_subsets
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
    found = match(POINTS, POINTS[order] @ rotation)
    assert order[found.permutation].tolist() == list(range(8))
    assert found.optimal
    assert found.cost >= found.bound


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
        (POINTS, POINTS[:5], "language: expected 8 rows as vision, found 5"),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "vision: 3 of 3 embeddings hold NaN"),
        (POINTS, np.zeros((8, 2)), "language: 8 of 8 embeddings are all zero"),
    ],
)
def test_embeddings_that_cannot_be_matched_are_refused(vision, language, message):
    with pytest.raises(BlindmatchError, match=message):
        blindmatch.match(vision, language)


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
