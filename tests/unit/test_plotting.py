import io

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from blindmatch.errors import BlindmatchError
from blindmatch.plotting import draw_figure, write_table
from blindmatch.plotting._notes import conditions, counted
from blindmatch.plotting._rows import by_way, family_of, usable, with_accuracy
from blindmatch.plotting._summary import summarise
from blindmatch.storage import _sealed
from blindmatch.storage import write_table as write_rows
from blindmatch.studies import KINDS
from tests.matchings import NAN, absent, figure_entry, frame_of, matching

STYLES = {"a-net": {"label": "A-Net 50%", "color": "#123456", "marker": "s"}, "b-net": None}
SHOWN = {"title": "Toys & more", "styles": STYLES, "figure": figure_entry()}


@pytest.fixture
def aggregate(tmp_path):
    path = tmp_path / "aggregate.parquet"
    rows = [
        matching(vision=vision, draw=draw, metric=metric, accuracy=0.25 + 0.5 * draw)
        for vision in ("a-net", "b-net")
        for metric in ("gw", "cka")
        for draw in range(2)
    ]
    write_rows(path, rows, {"seed": 42, "metrics": ["gw", "cka"]})
    return path


def test_figures_are_the_same_bytes_every_time(aggregate, tmp_path):
    for name in ("a", "b"):
        outputs = [tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"]
        draw_figure("accuracy", aggregate, outputs, **SHOWN)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_numbers_are_written_in_full_and_for_print(aggregate, tmp_path):
    write_table("metrics", aggregate, tmp_path / "t.csv", tmp_path / "t.tex", **SHOWN)
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["vision"].tolist() == ["a-net", "a-net", "b-net", "b-net"]
    assert table["seed"].tolist() == [42] * 4
    assert table["accuracy_percent_mean"].tolist() == [50.0] * 4
    assert table["accuracy_percent_sd"].tolist() == pytest.approx([35.3553] * 4)
    printed = (tmp_path / "t.tex").read_text()
    for part in (
        r"\begin{table}",
        r"\toprule",
        r"\label{tab:t}",
        r"\caption{Toys \& more. ",
        r"divided by N$^2$; 2 draws; seed 42; no time limit; all classes",
        "in all rows: dataset toys, language words, solver exact, size 10, n 2.}",
        r"A-Net 50\% & cka & 50.0 $\pm$ 35.4",
    ):
        assert part in printed
    # Nobody asked for a null, so there is no column for it.
    assert "p median" not in printed


def test_a_long_table_is_broken_over_pages(tmp_path):
    rows = [matching(vision=f"net-{number}") for number in range(50)]
    write_rows(tmp_path / "a.parquet", rows, {"seed": 42})
    write_table("metrics", tmp_path / "a.parquet", tmp_path / "t.csv", tmp_path / "t.tex", **SHOWN)
    printed = (tmp_path / "t.tex").read_text()
    assert printed.count(r"\caption") == 1
    assert printed.count(r"\begin{longtable}") == printed.count(r"\end{longtable}") == 1
    assert printed.count("net-") == 50


def test_only_the_metric_in_question_is_shown(aggregate, tmp_path):
    shown = {**SHOWN, "figure": figure_entry(metric="cka")}
    write_table("metrics", aggregate, tmp_path / "t.csv", tmp_path / "t.tex", **shown)
    assert set(pd.read_csv(tmp_path / "t.csv")["metric"]) == {"cka"}
    shown = {**SHOWN, "figure": figure_entry(metric="kl")}
    with pytest.raises(BlindmatchError, match=r"aggregate\.parquet: metric: .*'kl', found none"):
        draw_figure("accuracy", aggregate, [tmp_path / "a.png"], **shown)


def test_a_table_cannot_be_drawn(aggregate, tmp_path):
    with pytest.raises(BlindmatchError, match="'metrics' is a table"):
        draw_figure("metrics", aggregate, [tmp_path / "a.png"], **SHOWN)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([absent("no licence")], "expected matchings to show, found none .*no licence"),
        ([matching(accuracy=NAN)], r"true pairing .* is unknown \(toys\)"),
    ],
)
def test_an_aggregate_with_nothing_to_show_is_an_error_that_names_it(tmp_path, rows, message):
    path = tmp_path / "empty.parquet"
    write_rows(path, rows, {})
    with pytest.raises(BlindmatchError, match=rf"empty\.parquet: .*{message}"):
        draw_figure("accuracy", path, [tmp_path / "a.png"], **SHOWN)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_aggregate_is_an_error_for_every_kind(tmp_path, kind):
    path = tmp_path / "empty.parquet"
    bare = pa.table({"draw": pa.array([], pa.int64())})
    stream = io.BytesIO()
    pq.write_table(bare.replace_schema_metadata({"blindmatch": "{}"}), stream)
    path.write_bytes(_sealed(stream.getvalue()))
    with pytest.raises(BlindmatchError, match=r"empty\.parquet: expected rows of a study"):
        write_table(kind, path, tmp_path / "t.csv", tmp_path / "t.tex", **SHOWN)


def test_one_unpaired_dataset_among_others_is_not_drawn_silently():
    frame = frame_of([matching(), matching(dataset="mine", accuracy=NAN)])
    with pytest.raises(BlindmatchError, match=r"unknown \(mine\)"):
        with_accuracy(frame)


def test_a_problem_of_all_classes_counts_once():
    rows = [matching(size=10, selection="none")] * 2 + [matching(size=5, selection="oracle")]
    frame = frame_of([*rows, matching(size=5, selection="blind")])
    assert usable(frame)["size"].tolist() == [10, 5, 5]
    ways = by_way(usable(frame)).groupby("way")["size"].apply(sorted).to_dict()
    assert ways == {"oracle": [5, 10], "blind": [5, 10]}


def test_a_family_is_the_first_word_of_a_label():
    styles = {"x": {"label": "DINOv2 ViT-S/14"}, "y": {"label": "ConvNeXt-B-1"}}
    assert [family_of(slug, styles) for slug in ("x", "y", "my-net")] == [
        "DINOv2",
        "ConvNeXt",
        "my",
    ]


def test_the_note_tells_limits_selection_and_who_was_skipped():
    rows = [
        matching(solver=solver, size=size, selection=selection, time_limit=limit)
        for solver, limit in (("slow", 60.0), ("fast", NAN))
        for size, selection in ((5, "oracle"), (10, "none"))
    ]
    rows += [
        absent("no licence", solver="absent"),
        absent("too large", solver="slow", size=20, time_limit=60.0),
    ]
    note = conditions(frame_of(rows), {"slow": {"label": "Slow"}})
    assert "seed 42" in note
    assert "time limit a problem: 60 s (Slow), none (fast, absent)" in note
    assert "oracle-selected subsets (N = 10, 20: all classes)" in note
    assert "skipped: absent (no licence), Slow at N = 20 (too large)" in note


def test_the_note_tells_how_subsets_were_selected():
    how = {"selection_method": "local search", "selection_limit": 60.0}
    rows = [
        matching(selection=way, rank=rank, selection_matchings=count, **how)
        for way, counts in (("oracle", (0, 0)), ("blind", (20, 3)))
        for rank, count in enumerate(counts)
    ]
    missing = dict.fromkeys((*how, "selection_matchings"))
    note = conditions(frame_of([*rows, matching(size=20, **missing)]), {})
    assert (
        "oracle-selected and blind-selected subsets (N = 20: all classes), by local search within "
        "60 s, blindly from 3 to 20 matchings of all classes"
    ) in note


def test_all_classes_of_one_dataset_may_be_a_subset_of_another():
    rows = [matching(), matching(dataset="more", selection="oracle")]
    assert "oracle-selected subsets (N = 10 of toys: all classes)" in conditions(frame_of(rows), {})


def test_of_many_reasons_to_skip_a_solver_the_note_says_the_first():
    rows = [matching(solver="paid")]
    rows += [absent(f"too small for {size}", solver="paid", size=size) for size in (20, 30, 40)]
    note = conditions(frame_of(rows), {})
    assert "skipped: paid at N = 20 to 40 (too small for 20, and 2 more reasons)" in note


def test_a_random_matching_that_stands_in_is_not_shown_as_the_solvers():
    rows = [matching(), matching(solver="slow", size=20, status="stopped without a matching")]
    frame = frame_of([*rows, matching(solver="slow", status="stopped")])
    assert usable(frame)["size"].tolist() == [10, 10]
    assert "skipped: slow at N = 20 (stopped without a matching)" in conditions(frame, {})


def test_the_note_counts_what_a_point_is_the_mean_of():
    rows = [
        matching(size=size, rank=rank, draw=draw)
        for size, ranks in ((10, 1), (5, 2))
        for rank in range(ranks)
        for draw in range(3)
    ]
    rows += [row | {"vision": "b-net", "size": 6} for row in rows if row["size"] == 5]
    said = counted(frame_of(rows), ["vision"])
    assert said == "mean ± sd, n = 6 a point (2 subsets × 3 draws; n = 3 at N = 10)"
    rows += [row | {"size": 11} for row in rows if row["size"] == 10]
    # Sizes with the same counts are named together.
    assert "n = 6 at N = 5, 6" in counted(frame_of(rows), ["solver"])
    assert counted(frame_of(rows[:1]), ["vision"]) == "one matching a point"


def test_a_table_falls_into_blocks_whatever_the_order_of_the_rows():
    rows = [
        matching(solver=solver, vision=vision)
        for solver in ("quick", "exact")
        for vision in ("b-net", "a-net")
    ]
    table = summarise(frame_of(rows), ["vision", "solver"])
    assert table[["vision", "solver"]].values.tolist() == [
        ["b-net", "quick"],
        ["b-net", "exact"],
        ["a-net", "quick"],
        ["a-net", "exact"],
    ]


def test_a_summary_tells_what_can_be_known_without_labels():
    rows = [
        matching(draw=0, margins=[1.0, 3.0], z=4.0, p_value=0.01, permutation=[0, 1], size=2),
        matching(draw=1, margins=[2.0, 2.0], z=2.0, p_value=0.03, permutation=[0, 1], size=2),
        matching(draw=2, margins=[0.0, 4.0], z=0.0, p_value=0.20, permutation=[1, 0], size=2),
    ]
    (row,) = summarise(frame_of(rows), ["solver"]).to_dict("records")
    assert (row["n"], row["optimal_percent"], row["gap_mean"]) == (3, 100.0, 0.0)
    assert (row["margin_mean"], row["z_mean"], row["p_median"]) == (2.0, 2.0, 0.03)
    # One of three pairs of draws agrees, on everything.
    assert row["stability"] == pytest.approx(1 / 3)
    assert row["truth_beaten_percent"] == 100.0


def test_stability_compares_draws_of_the_same_classes_alone():
    rows = [
        matching(rank=rank, draw=draw, classes=[rank, 8], permutation=order, size=2)
        for rank, order in ((0, [0, 1]), (1, [1, 0]))
        for draw in range(2)
    ]
    assert summarise(frame_of(rows), ["solver"])["stability"].tolist() == [1.0]
    assert summarise(frame_of(rows[:1]), ["solver"])["stability"].isna().all()


def test_a_mean_over_some_of_the_bounds_is_none():
    rows = [matching(), matching(draw=1, bound=float("-inf"), gap=float("inf"), optimal=False)]
    (row,) = summarise(frame_of(rows), ["solver"]).to_dict("records")
    assert pd.isna(row["bound_mean"])
    assert pd.isna(row["gap_mean"])
    assert row["cost_mean"] == pytest.approx(0.3)


def test_a_skipped_solver_has_its_row_and_its_reason():
    rows = [matching(solver="first"), absent("no licence", solver="second"), matching(solver="z")]
    table = summarise(frame_of(rows), ["solver"]).set_index("solver")
    assert table["n"].to_dict() == {"first": 1, "second": 0, "z": 1}
    assert table.loc["second", "skipped"] == "no licence"
    assert pd.isna(table.loc["second", "accuracy_percent_mean"])
