import pytest

from blindmatch.aggregates import gather
from blindmatch.errors import BlindmatchError
from blindmatch.storage import write_table


def write(path, rows, **names):
    write_table(path, rows, {"names": names})
    return path


def test_rows_carry_the_names_of_their_file(tmp_path):
    rows = [{"rank": rank, "draw": draw, "accuracy": 0.5} for rank in (0, 1) for draw in (0, 1, 2)]
    paths = [write(tmp_path / f"{name}.parquet", rows, vision=name) for name in ("a", "b")]
    gathered = gather(paths, {"ranks": 2, "draws": 3})
    assert [row["vision"] for row in gathered] == ["a"] * 6 + ["b"] * 6
    assert gathered[0] == {"vision": "a", "rank": 0, "draw": 0, "accuracy": 0.5}


def test_what_was_made_for_another_study_is_left_out(tmp_path):
    rows = [
        {"rank": rank, "draw": draw, "metric": metric}
        for rank in (0, 1)
        for draw in (0, 1)
        for metric in ("gw", "cka")
    ]
    path = write(tmp_path / "a.parquet", rows)
    gathered = gather([path], {"ranks": 1, "draws": 2, "metrics": ["cka"]})
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
