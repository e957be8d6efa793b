import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.storage import (
    check_embeddings,
    open_alone,
    open_embeddings,
    publish,
    read_cache,
    read_table,
    write_cache,
    write_table,
)

ARRAYS = {"embeddings": np.arange(1, 601, dtype=np.float32).reshape(100, 6)}
ATTRIBUTES = {"dataset": "toys", "model": "toy", "gap": 0.5, "proved": True, "layer": None}


@pytest.fixture
def cache(tmp_path):
    path = tmp_path / "toy.h5"
    write_cache(path, "embeddings", ARRAYS, ATTRIBUTES)
    return path


def test_a_cache_comes_back_as_it_was_written(cache):
    found = read_cache(cache, "embeddings", dataset="toys", model="toy")
    np.testing.assert_array_equal(found.arrays["embeddings"], ARRAYS["embeddings"])
    assert found.arrays["embeddings"].dtype == np.float32
    assert found.attributes["gap"] == 0.5
    assert found.attributes["proved"] is True
    assert "layer" not in found.attributes


def test_names_in_any_language_survive(tmp_path):
    names = np.array(["Äpfel", "猫", "zebra"])
    write_cache(tmp_path / "a.h5", "classes", {"names": names}, {})
    assert read_cache(tmp_path / "a.h5", "classes").arrays["names"].tolist() == names.tolist()


def test_one_long_text_does_not_make_the_others_long(tmp_path):
    """As an array of equal lengths, these would take gigabytes."""
    path, texts = tmp_path / "a.h5", ["ü" * 100_000, *map(str, range(10_000))]
    write_cache(path, "classes", {"prompts": np.array(texts, dtype=object)}, {})
    assert read_cache(path, "classes").arrays["prompts"].tolist() == texts
    first = path.read_bytes()
    assert len(first) < 1_000_000
    write_cache(path, "classes", {"prompts": np.array(texts, dtype=object)}, {})
    assert path.read_bytes() == first


def test_equal_contents_are_equal_bytes(cache, tmp_path):
    write_cache(tmp_path / "again.h5", "embeddings", ARRAYS, ATTRIBUTES)
    assert (tmp_path / "again.h5").read_bytes() == cache.read_bytes()


def test_any_hdf5_tool_can_open_a_cache(cache):
    with h5py.File(cache) as file:
        assert file["embeddings"].fletcher32
        assert file.attrs["complete"]
        np.testing.assert_array_equal(file["embeddings"], ARRAYS["embeddings"])


def test_every_flipped_bit_is_noticed(cache):
    whole = cache.read_bytes()
    positions = np.random.default_rng(0).integers(len(whole), size=60)
    for position in [0, 100, 511, 512, len(whole) - 1, *positions.tolist()]:
        damaged = bytearray(whole)
        damaged[position] ^= 1
        cache.write_bytes(damaged)
        with pytest.raises(BlindmatchError, match=r"toy\.h5"):
            read_cache(cache, "embeddings")


@pytest.mark.parametrize("kept", [0, 10, 512, 2000])
def test_a_truncated_cache_is_refused_by_name(cache, kept):
    cache.write_bytes(cache.read_bytes()[:kept])
    with pytest.raises(BlindmatchError, match=r"toy\.h5: (not a file|is truncated)"):
        open_embeddings(cache)


def test_a_foreign_hdf5_file_is_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["embeddings"] = np.ones((2, 2))
    with pytest.raises(BlindmatchError, match=r"other\.h5: not a file written by blindmatch"):
        open_embeddings(tmp_path / "other.h5")


def test_a_cache_of_another_kind_or_model_is_refused(cache):
    with pytest.raises(BlindmatchError, match="holds 'embeddings', expected 'kernels'"):
        read_cache(cache, "kernels")
    with pytest.raises(BlindmatchError, match="made for model='toy', expected 'other'"):
        open_embeddings(cache, model="other")


def test_a_missing_cache_is_named(tmp_path):
    with pytest.raises(BlindmatchError, match=r"absent\.h5: cannot be read"):
        read_cache(tmp_path / "absent.h5", "kernels")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, np.nan], [1.0, 1.0]], "NaN or infinity, first in row 0"),
        ([[1.0, 1.0], [0.0, 0.0]], "all zero, first in row 1"),
        ([1.0, 2.0], "expected embeddings as a table"),
        ([[1, 2]], "expected floating point"),
    ],
)
def test_embeddings_without_direction_are_refused(rows, message):
    with pytest.raises(BlindmatchError, match=message):
        check_embeddings(np.array(rows), "mine.npy")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    publish(path, b"old")
    program = f"""
        import resource
        from blindmatch.storage import publish
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        publish({str(path)!r}, b"new" * 1000)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"{path}: cannot be written (File too large); nothing was kept" in done.stderr
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_a_read_only_folder_is_named(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir(mode=0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may write anywhere
    try:
        with pytest.raises(BlindmatchError, match=r"a\.h5: .* \(Permission denied\)"):
            write_cache(folder / "a.h5", "kernels", {"all": np.eye(2)}, {})
    finally:
        if root:
            os.seteuid(0)
    assert os.listdir(folder) == []


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BlindmatchError, match="cannot be written"):
        publish(tmp_path / "file" / "cache.h5", b"data")


def test_a_table_comes_back_with_its_metadata(tmp_path):
    rows = [{"rank": 0, "cost": 1.5, "permutation": [1, 0]}]
    write_table(tmp_path / "t.parquet", rows, {"solver": "toy"})
    write_table(tmp_path / "u.parquet", rows, {"solver": "toy"})
    assert read_table(tmp_path / "t.parquet") == (rows, {"solver": "toy"})
    assert (tmp_path / "t.parquet").read_bytes() == (tmp_path / "u.parquet").read_bytes()


def test_a_damaged_table_is_refused_by_name(tmp_path):
    write_table(tmp_path / "t.parquet", [{"rank": 0}], {})
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-20])
    with pytest.raises(BlindmatchError, match=r"t\.parquet: not a readable table"):
        read_table(tmp_path / "t.parquet")
    with pytest.raises(BlindmatchError, match="at least one row"):
        write_table(tmp_path / "t.parquet", [], {})


def test_a_file_that_another_still_writes_is_refused_after_a_while(tmp_path):
    lines = []
    with (
        open_alone(tmp_path / "rows", lines.append),
        pytest.raises(BlindmatchError, match="rows: another process is still writing it; end it"),
    ):
        open_alone(tmp_path / "rows", lines.append, patience=0)
    open_alone(tmp_path / "rows", lines.append, patience=0).close()


def test_a_file_that_was_moved_while_one_waited_is_made_anew(tmp_path):
    path = tmp_path / "rows"
    holder = open_alone(path, print)

    def end(_):
        path.rename(tmp_path / "published")
        holder.close()

    with open_alone(path, end) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "published").read_bytes() == b""
