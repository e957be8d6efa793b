import pytest

from blindmatch.aggregates import gather, results_digest
from blindmatch.errors import BlindmatchError
from blindmatch.storage import write_table


def write(path, rows, **names):
    write_table(path, rows, {"names": names})
    return path


def test_rows_carry_the_names_of_their_file(tmp_path):
    rows = [{"rank": rank, "draw": draw, "accuracy": 0.5} for rank in (0, 1) for draw in (0, 1, 2)]
    paths = [write(tmp_path / f"{name}.parquet", rows, vision=name) for name in ("a", "b")]
    gathered, described = gather(paths, {"ranks": 2, "draws": 3})
    assert [row["vision"] for row in gathered] == ["a"] * 6 + ["b"] * 6
    assert gathered[0] == {"vision": "a", "rank": 0, "draw": 0, "accuracy": 0.5}
    assert described == [{"names": {"vision": "a"}}, {"names": {"vision": "b"}}]


def test_what_was_made_for_another_study_is_left_out(tmp_path):
    rows = [
        {"rank": rank, "draw": draw, "metric": metric}
        for rank in (0, 1)
        for draw in (0, 1)
        for metric in ("gw", "cka")
    ]
    path = write(tmp_path / "a.parquet", rows)
    gathered, _ = gather([path], {"ranks": 1, "draws": 2, "metrics": ["cka"]})
    assert gathered == [{"rank": 0, "draw": draw, "metric": "cka"} for draw in (0, 1)]


def test_an_empty_aggregate_is_refused(tmp_path):
    path = write(tmp_path / "a.parquet", [{"draw": 0, "metric": "gw"}])
    with pytest.raises(BlindmatchError, match=r"a\.parquet: expected rows of this study, found no"):
        gather([path], {"draws": 1, "metrics": ["cka"]})
    with pytest.raises(BlindmatchError, match="expected the files of a study, found none"):
        gather([], {})


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(BlindmatchError, match=r"a\.parquet: not a readable table"):
        gather([path], {})


def test_measured_times_are_no_results():
    row = {"cost": 1.5, "bound": float("nan"), "seconds": 0.1, "building": 0.2}
    again = row | {"seconds": 0.3, "building": 0.1}
    assert results_digest([row]) == results_digest([again])
    assert results_digest([row]) != results_digest([row | {"cost": 1.25}])
    assert results_digest([row]) != results_digest([row, row])


PATTERN = "results/{datasets}/{metrics}/{selections}/{vision}/n{sizes}.parquet"


@pytest.mark.parametrize(
    ("name", "value"),
    [("dataset", "fish"), ("metric", "cka"), ("selection", "blind"), ("vision", "b"), ("size", 5)],
)
def test_a_file_that_was_made_for_another_path_is_refused(name, value, tmp_path):
    path = tmp_path / "results/birds/gw/oracle/a.b/n4.parquet"
    names = {"dataset": "birds", "selection": "oracle", "vision": "a.b", "size": 4}
    asked = {"metrics": ["gw", "cka"]}
    write(path, [{"metric": "gw"}], **names)
    gather([path], asked, pattern=PATTERN)
    write(path, [{"metric": "gw"}], **{**names, "selection": "none"})
    gather([path], asked, pattern=PATTERN)
    write(path, [{"metric": "gw"}], **names)
    with pytest.raises(BlindmatchError, match="made for selection='oracle', expected 'none'"):
        gather([path], asked, pattern=PATTERN.replace("{selections}", "oracle"))
    changed = {**names, "metric": "gw", name: value}
    write(path, [{"metric": changed.pop("metric")}], **changed)
    with pytest.raises(
        BlindmatchError, match=f"{path}: made for {name}={str(value)!r}, expected .*rm "
    ):
        gather([path], asked, pattern=PATTERN)


def test_a_table_that_is_no_result_of_a_job_is_refused(tmp_path):
    write_table(tmp_path / "a.parquet", [{"draw": 0}], {"study": "all"})
    with pytest.raises(BlindmatchError, match=r"a\.parquet: expected the results of a job"):
        gather([tmp_path / "a.parquet"], {})


def test_a_path_of_another_pattern_is_refused(tmp_path):
    write(tmp_path / "a.parquet", [{"draw": 0}])
    with pytest.raises(BlindmatchError, match=r"a\.parquet: expected a path like results/\{data"):
        gather([tmp_path / "a.parquet"], {}, pattern=PATTERN)
