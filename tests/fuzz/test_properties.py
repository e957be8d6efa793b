"""What is written comes back as it was, whatever it holds."""

import pickle

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from blindmatch.array_files import read_npy, read_npz
from blindmatch.cli_files import read_anchors, read_names, write_matching
from blindmatch.config import read_yaml
from blindmatch.datasets._pickles import Call, byte_array, plain_pickle
from blindmatch.datasets._tables import read_table as read_embeddings
from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.storage import check_embeddings, read_cache, read_table, write_cache, write_table
from tests.datafiles import write_embeddings

quick = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SHAPES = hn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
DTYPES = st.one_of(
    hn.boolean_dtypes(),
    hn.integer_dtypes(endianness="?"),
    hn.unsigned_integer_dtypes(endianness="?"),
    hn.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hn.complex_number_dtypes(endianness="?"),
    hn.unicode_string_dtypes(max_len=4),
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
PLAIN_NUMBERS = st.one_of(
    hn.integer_dtypes(endianness="="), hn.floating_dtypes(endianness="="), hn.boolean_dtypes()
)
FINITE = {"allow_nan": False, "allow_infinity": False, "width": 32}


@quick
@given(array=DTYPES.flatmap(lambda dtype: hn.arrays(dtype, SHAPES)), fortran=st.booleans())
def test_arrays_survive(array, fortran, tmp_path):
    array = np.asarray(array, order="F" if fortran else "C")
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", first=array, second=array)
    for found in (read_npy(tmp_path / "a.npy"), *read_npz(tmp_path / "a.npz").values()):
        np.testing.assert_array_equal(found, array)
        assert found.shape == array.shape
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.dtype.isnative


@quick
@given(
    numbers=PLAIN_NUMBERS.flatmap(lambda dtype: hn.arrays(dtype, SHAPES)),
    names=st.lists(TEXT, min_size=1, max_size=4),
    attributes=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        TEXT | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False),
        max_size=3,
    ),
)
def test_caches_survive(numbers, names, attributes, tmp_path):
    attributes = {f"a_{name}": value for name, value in attributes.items()}
    write_cache(tmp_path / "a.h5", "toys", {"numbers": numbers, "n": np.array(names)}, attributes)
    found = read_cache(tmp_path / "a.h5", "toys")
    np.testing.assert_array_equal(found.arrays["numbers"], numbers)
    assert found.arrays["numbers"].dtype == numbers.dtype
    assert found.arrays["n"].tolist() == names
    assert attributes.items() <= found.attributes.items()


@quick
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"cost": st.floats(), "rank": st.integers(0, 2**60), "solver": TEXT, "gap": st.none()}
        ),
        min_size=1,
        max_size=5,
    ),
    metadata=st.dictionaries(TEXT, TEXT | st.lists(st.integers()), max_size=3),
)
def test_tables_survive(rows, metadata, tmp_path):
    write_table(tmp_path / "a.parquet", rows, metadata)
    found, about = read_table(tmp_path / "a.parquet")
    assert [repr(sorted(row.items())) for row in found] == [  # by text, where NaN equals NaN
        repr(sorted(row.items())) for row in rows
    ]
    assert about == metadata


@quick
@given(
    embeddings=hn.arrays(
        st.sampled_from([np.float32, np.float64]),
        hn.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements=st.floats(**FINITE),
    ),
    suffix=st.sampled_from([".npy", ".npz", ".parquet"]),
)
def test_embeddings_survive_in_every_format_or_are_refused(embeddings, suffix, tmp_path):
    path = write_embeddings(tmp_path / f"a{suffix}", embeddings)
    try:
        check_embeddings(embeddings, "")
    except BlindmatchError:
        with pytest.raises(BlindmatchError, match=r"embeddings (are all zero|have a length)"):
            read_embeddings(path)
        return
    found = read_embeddings(path).embeddings
    np.testing.assert_array_equal(found, embeddings)
    assert found.dtype == embeddings.dtype


@quick
@given(
    pairs=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=5),
    titles=st.booleans(),
    mark=st.booleans(),
)
def test_anchors_survive(pairs, titles, mark, tmp_path):
    text = "row,column\n" * titles + "".join(f"{row},{column},x\n" for row, column in pairs)
    (tmp_path / "a.csv").write_text(text, encoding="utf-8-sig" if mark else "utf-8")
    assert read_anchors(str(tmp_path / "a.csv")) == pairs


@quick
@given(columns=st.permutations(range(-1, 4)))
def test_a_written_matching_can_be_read_as_anchors(columns, tmp_path):
    write_matching(str(tmp_path / "m.csv"), np.array([column for column in columns if column >= 0]))
    expected = list(enumerate(column for column in columns if column >= 0))
    assert read_anchors(str(tmp_path / "m.csv")) == expected


@quick
@given(
    names=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_names_survive(names, end, tmp_path):
    assume(not (names and names[0].startswith("\ufeff")))
    (tmp_path / "names.txt").write_bytes("".join(f"{name}{end}" for name in names).encode())
    assert read_names(str(tmp_path / "names.txt"), len(names)) == names


@quick
@given(data=st.data(), size=st.integers(1, 4), extra=st.integers(0, 2), linear=st.booleans())
def test_problems_survive(data, size, extra, linear, tmp_path):
    def matrix(*shape):
        return data.draw(hn.arrays(np.float64, shape, elements=st.floats(-1e9, 1e9)))

    columns = size + extra
    problem = QAP(
        matrix(size, size),
        matrix(columns, columns),
        matrix(size, columns) if linear else None,
        data.draw(st.floats(-1e9, 1e9)),
    )
    problem.save(tmp_path / "a.npz")
    assert QAP.load(tmp_path / "a.npz").digest == problem.digest
    numbers = [size, *problem.A.ravel(), *matrix(size, size).ravel()]
    (tmp_path / "a.dat").write_text(" ".join(map(repr, map(float, numbers))).replace(".0", "", 1))
    np.testing.assert_array_equal(QAP.load(tmp_path / "a.dat").A, problem.A)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda each: (
        st.lists(each, max_size=4)
        | st.lists(each, max_size=4).map(tuple)
        | st.dictionaries(TEXT | st.integers(), each, max_size=4)
    ),
    max_leaves=20,
)


@quick
@given(content=PLAIN, protocol=st.integers(0, 2))
def test_plain_pickles_are_read_as_python_reads_them(content, protocol):
    assert plain_pickle(pickle.dumps(content, protocol)) == content


@quick
@given(
    array=hn.arrays(np.uint8, hn.array_shapes(min_dims=1, max_dims=3, min_side=0)),
    protocol=st.integers(0, 2),
    fortran=st.booleans(),
)
def test_arrays_in_pickles_are_read_as_python_reads_them(array, protocol, fortran):
    array = np.asarray(array, order="F" if fortran else "C")
    found = plain_pickle(pickle.dumps({"data": array, "again": [array]}, protocol))
    assert isinstance(found["data"], Call)
    assert found["again"][0] is found["data"]
    np.testing.assert_array_equal(byte_array(found["data"]), array)


@quick
@given(
    content=st.dictionaries(
        TEXT.filter(lambda key: key != "<<"),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
            lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXT, each, max_size=3),
            max_leaves=10,
        ),
        max_size=4,
    )
)
def test_settings_survive(content, tmp_path):
    (tmp_path / "a.yaml").write_bytes(yaml.safe_dump(content, allow_unicode=True).encode())
    assert read_yaml(tmp_path / "a.yaml") == content
