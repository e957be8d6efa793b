"""Arrays made to do harm: each is refused in one sentence that names it, and does nothing."""

import io
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blindmatch import storage
from blindmatch.array_files import read_npy, read_npz
from blindmatch.datasets._tables import read_labels
from blindmatch.datasets._tables import read_table as read_embeddings
from tests import datafiles
from tests.fuzz.hostile import Dangerous, refused, zipped
from tests.fuzz.readers import with_checksum

ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
SECRET = np.full((3, 4), 7.25, np.float32)
pytestmark = pytest.mark.usefixtures("folder")


# --- HDF5: embeddings of a user, and caches with a right checksum


def external_link(file, folder):
    file["embeddings"] = h5py.ExternalLink(str(folder / "secret.h5"), "embeddings")


def soft_link(file, folder):
    file["x"] = ROWS
    file["embeddings"] = h5py.SoftLink("/x")


def external_storage(file, folder):
    place = [(str(folder / "secret.bin"), 0, SECRET.nbytes)]
    file.create_dataset("embeddings", (3, 4), "f4", external=place)


def virtual(file, folder):
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "embeddings", (3, 4))
    file.create_virtual_dataset("embeddings", layout)


def never_written(file, folder):
    file.create_dataset("embeddings", (10**9, 10**6), "f4", fillvalue=1.0, chunks=(1000, 1000))


def large_chunk(file, folder):
    file.create_dataset("embeddings", (3, 4), "f4", maxshape=(None, None), chunks=(30_000, 30_000))


def unknown_filter(file, folder):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3, 4))
    properties.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((3, 4))
    h5py.h5d.create(file.id, b"embeddings", h5py.h5t.IEEE_F32LE, space, properties)


def objects(file, folder):
    file.create_dataset("embeddings", (3,), h5py.vlen_dtype(np.float32))


def references(file, folder):
    file.create_dataset("embeddings", (3,), h5py.ref_dtype)


def records(file, folder):
    file.create_dataset("embeddings", (3,), [("a", "f4"), ("b", "f4")])


def group(file, folder):
    file.create_group("embeddings")["embeddings"] = ROWS


def empty(file, folder):
    file["embeddings"] = h5py.Empty("f4")


HDF5 = {
    external_link: "is a link",
    soft_link: "is a link",
    external_storage: "lies in other files",
    virtual: "lies in other files",
    never_written: "would unfold from",
    large_chunk: "would unfold from",
    unknown_filter: "packed by filter 305, expected one of gzip",
    objects: "expected numbers or texts, found object",
    references: "expected numbers or texts, found object",
    records: "expected numbers or texts",
    group: "is no dataset",
    empty: "is empty",
}


@pytest.mark.parametrize("make", HDF5, ids=lambda make: make.__name__)
def test_hdf5_files_that_reach_out_or_swell_are_refused(make, folder):
    SECRET.tofile(folder / "secret.bin")
    datafiles.write_embeddings(folder / "secret.h5", SECRET)
    with h5py.File(folder / "a.h5", "w") as file:
        make(file, folder)
    refused(read_embeddings, folder / "a.h5", HDF5[make], "'embeddings'")
    (folder / "cache.h5").write_bytes(with_checksum((folder / "a.h5").read_bytes()))
    refused(storage.open_embeddings, folder / "cache.h5", HDF5[make], "'embeddings'")


def test_a_file_at_which_the_library_of_hdf5_hangs_is_given_up(folder, monkeypatch):
    path = datafiles.write_embeddings(folder / "a.h5", ROWS, ["a", "b", "c"])
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)  # an object of no size: the loop never moves on
    path.write_bytes(content)
    monkeypatch.setattr("blindmatch.hdf5_files._TRIAL_SECONDS", 2)
    refused(read_embeddings, path, "not a readable HDF5 file", "not done after 2 s")


def test_many_rows_may_not_point_to_one_long_text(folder):
    path = datafiles.write_embeddings(folder / "a.h5", np.ones((4000, 1), "f4"))
    with h5py.File(path, "r+") as file:
        labels = file.create_dataset("labels", (4000,), h5py.string_dtype())
        labels[0] = "x" * 4_000_000
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        start = file["labels"].id.get_offset()
    content[start : start + 4000 * 16] = content[start : start + 16] * 4000
    path.write_bytes(content)
    refused(read_embeddings, path, "'labels': would unfold from")


def test_a_cache_that_lacks_an_array_says_which(folder):
    storage.write_cache(folder / "a.h5", "index", {"keys": np.array(["a"])}, {})
    cache = storage.read_cache(folder / "a.h5", "index")
    refused(lambda path: cache.arrays["labels"], folder / "a.h5", "'labels', found keys")


# --- NumPy ---


def npy(header: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + content


def described(shape: str, descr: str = "'<f8'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(described("(10**15,)")), "not a readable .npy file"),
        (npy(described("(1000000000000000,)")), "expected 8000000000000000 bytes"),
        (npy(described("(-1, -2)"), bytes(16)), "array of shape (-1, -2)"),
        (npy(described("(2,)"), bytes(15)), "found 15"),
        (npy(described("(2,)"), bytes(17)), "found 17"),
        (npy(described("(9,)", "'<U0'")), "expected numbers or texts, found <U0"),
        (npy(described("(1,)", "[('a', '<f8')]"), bytes(8)), "expected numbers or texts"),
        (npy(described("(1,)", "'|V8'"), bytes(8)), "expected numbers or texts, found |V8"),
        (npy(described("(1,)", "'<M8[s]'"), bytes(8)), "expected numbers or texts"),
        (npy(described("(1,)", "'|O'"), bytes(8)), "holds pickled Python objects"),
        (npy(described("(1,)"), bytes(8), b"\3\0"), "version (3, 0)"),
        (b"\x93NUMPY\2\0\xf4\xff\xff\xff" + bytes(200), "not a readable .npy file"),
        (npy("(" * 5000 + ")" * 5000), "not a readable .npy file"),
        (npy("-" * 9000 + "1"), "not a readable .npy file"),
        (npy("__import__('os').system('touch ran.txt')"), "not a readable .npy file"),
        (npy(described("(" + "9" * 5000 + ",)")), "not a readable .npy file"),
        (pickle.dumps(Dangerous()), "not a readable .npy file"),
        (b"PK\3\4", "expected one array as .npy, found an archive"),
    ],
)
def test_hostile_arrays_are_refused(content, words, folder):
    (folder / "a.npy").write_bytes(content)
    for read in (read_npy, read_embeddings, read_labels):
        refused(read, folder / "a.npy", words)


def test_pickles_in_arrays_are_not_loaded(folder):
    np.save(folder / "a.npy", np.array([Dangerous()], dtype=object), allow_pickle=True)
    np.savez(folder / "a.npz", embeddings=np.array([Dangerous()], dtype=object))
    for suffix, read in ((".npy", read_npy), (".npy", read_labels), (".npz", read_npz)):
        refused(read, folder / f"a{suffix}", "holds pickled Python objects")


def npz_with(**changes):
    """A .npz file whose directory is changed in place: its fields by offset."""
    stream = io.BytesIO()
    np.savez_compressed(stream, embeddings=ROWS)
    content = bytearray(stream.getvalue())
    entry = content.index(b"PK\1\2")
    for field, value in changes.items():
        place, form = {"flags": (8, "<H"), "method": (10, "<H"), "size": (24, "<I")}[field]
        struct.pack_into(form, content, entry + place, value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz_with(size=(1 << 32) - 2), "would unfold from"),
        (npz_with(method=14), "packed by method 14, expected 0 or 8"),
        (npz_with(method=12), "packed by method 12, expected 0 or 8"),
        (npz_with(flags=1), "is encrypted"),
        (npz_with(size=10), "'embeddings"),
        (zipped({"embeddings.npy": b"not"}), "not a readable"),
        (zipped({"../embeddings.npy": npy(described("(1,)"), bytes(8))}), "points outside"),
        (b"PK\5\6" + bytes(18), "holds nothing"),
    ],
)
def test_hostile_archives_of_arrays_are_refused(content, words, folder):
    (folder / "a.npz").write_bytes(content)
    refused(read_embeddings, folder / "a.npz", words)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(folder):
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        for _ in range(2):
            archive.writestr("embeddings.npy", npy(described("(1, 1)"), bytes(8)))
    refused(read_embeddings, folder / "a.npz", "stands twice")


def test_a_bomb_is_refused_before_it_goes_off(folder):
    zeros = bytes(1 << 20)
    with (
        zipfile.ZipFile(folder / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("embeddings.npy", "w") as stream,
    ):
        for _ in range(257):
            stream.write(zeros)
    assert (folder / "a.npz").stat().st_size < 2_000_000
    refused(read_npz, folder / "a.npz", "would unfold from", "expected at most 268,435,456")


def test_every_flipped_byte_of_an_archive_of_arrays_is_noticed(folder):
    np.savez(folder / "a.npz", embeddings=ROWS)
    content = (folder / "a.npz").read_bytes()
    start = content.index(ROWS.tobytes())
    for place in range(start, start + ROWS.nbytes):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        (folder / "a.npz").write_bytes(changed)
        refused(read_npz, folder / "a.npz", "Bad CRC-32")


@pytest.mark.parametrize("dtype", [">f8", ">f4", "<f2", np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_floating_point_is_read_as_the_numbers_it_is(dtype, order, folder):
    np.save(folder / "a.npy", np.asarray(ROWS.astype(dtype), order=order))
    found = read_embeddings(folder / "a.npy").embeddings
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found, ROWS.astype(dtype).astype(np.float64))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (ROWS.astype(complex), "expected floating point, found complex128"),
        (ROWS > 0, "expected floating point, found bool"),
        (np.empty((0, 4)), "found (0, 4)"),
        (np.empty((4, 0)), "found (4, 0)"),
        (np.float64(1), "found ()"),
        (np.full((2, 2), 1e200), "length outside of floating point, first in row 0"),
        (np.full((2, 2), 1e-200), "length outside of floating point, first in row 0"),
        (np.array([["a", "b"]]), "expected floating point"),
    ],
)
def test_arrays_that_are_no_embeddings_are_refused(array, words, folder):
    np.save(folder / "a.npy", array)
    refused(read_embeddings, folder / "a.npy", words)


# --- parquet ---


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": pa.nulls(50_000_000)}, "would unfold from"),
        ({"a": pa.array(ROWS[:, 0]), "label": pa.array(["a", None, "b"])}, "found None"),
        ({"a": pa.array(ROWS[:, 0]), "label": pa.array([0, None, 1])}, "label of row 1, found nan"),
        ({"embedding": pa.array([[1.0], None, [2.0]])}, "not a readable"),
        ({"embedding": pa.array([[1.0], [1.0, 2.0]])}, "not a readable"),
        ({"embedding": pa.array([[[1.0]], [[2.0]]])}, "found"),
        ({"a": pa.array([1.0, None])}, "hold NaN or infinity, first in row 1"),
        ({"a": pa.array(["x"])}, "has columns a; expected numeric ones"),
        ({}, "expected columns, found none"),
    ],
)
def test_hostile_tables_are_refused(columns, words, folder):
    pq.write_table(pa.table(columns), folder / "a.parquet")
    refused(read_embeddings, folder / "a.parquet", words)


@pytest.mark.parametrize("metadata", [b"[]", b"3", b"[" * 100_000, b"{", b"9" * 5000, b"\xff"])
def test_metadata_that_is_no_dictionary_is_refused(metadata, folder):
    table = pa.table({"rank": [0]}).replace_schema_metadata({"blindmatch": metadata})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    (folder / "a.parquet").write_bytes(storage._sealed(stream.getvalue()))
    refused(storage.read_table, folder / "a.parquet", "not a readable table of blindmatch")


def test_a_folder_is_no_table(folder):
    storage.write_table(folder / "a.parquet" / "part.parquet", [{"rank": 0}], {})
    refused(storage.read_table, folder / "a.parquet", "cannot be read (Is a directory)")
