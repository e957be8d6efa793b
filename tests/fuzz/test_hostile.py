"""Files made to do harm: each is refused in one sentence that names it, and does nothing."""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blindmatch import storage
from blindmatch.array_files import read_npy, read_npz
from blindmatch.cli_files import read_anchors, read_names
from blindmatch.config import Config, read_yaml
from blindmatch.datasets import _files, open_dataset
from blindmatch.datasets._pickles import plain_pickle
from blindmatch.datasets._tables import read_labels
from blindmatch.datasets._tables import read_table as read_embeddings
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles
from tests.fuzz.readers import with_checksum, zipped

ROWS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
SECRET = np.full((3, 4), 7.25, np.float32)


class Dangerous:
    """What a pickle of this makes when it is loaded is a file."""

    def __reduce__(self):
        return exec, ("open('ran.txt', 'w').close()",)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "ran.txt").exists()


def refused(read, path, *words, name=None):
    with pytest.raises(BlindmatchError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 800
    assert (name or path.name) in message
    for word in words:
        assert word in message, message


# --- HDF5: embeddings of a user, and caches with a right checksum ------------------------------


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


# --- NumPy -------------------------------------------------------------------------------------


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


# --- parquet -----------------------------------------------------------------------------------


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


# --- texts -------------------------------------------------------------------------------------


def test_signs_that_look_like_ends_of_lines_are_part_of_a_name(folder):
    (folder / "a.txt").write_bytes("\ufeffone\x85two\r\nthree\u2028four\x0c\n".encode())
    assert read_names(str(folder / "a.txt"), 2) == ["one\x85two", "three\u2028four\x0c"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"0,1\n2,\0\n", "line 2"),
        (b'0,1\n"' + b"x" * 200_000, "not a readable table of anchors"),
        (b"0\n", "found '0' in line 1"),
        (b"0,1\n" + b"9" * 5000 + b",1\n", "in line 2"),
        (b"0,1.5\n", "found '0,1.5' in line 1"),
        (b"\xff\xfe0\0,\x001\0", "not a readable text file in UTF-8"),
    ],
)
def test_hostile_anchors_are_refused(content, words, folder):
    (folder / "a.csv").write_bytes(content)
    refused(lambda path: read_anchors(str(path)), folder / "a.csv", words)


# --- settings ----------------------------------------------------------------------------------


def laughs(levels: int, merged: bool = False) -> str:
    lines = ["a0: &a0 {x: 1}" if merged else "a0: &a0 [1]"]
    for level in range(1, levels):
        parts = ", ".join([f"*a{level - 1}"] * 9)
        value = f"{{<<: [{parts}]}}" if merged else f"[{parts}]"
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(20), "expected at most 100,000 values"),
        (laughs(20, merged=True), "expected at most 100,000 values"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a {b: *a}", "holds itself"),
        ("a: " + "[" * 50_000, "not a readable YAML file"),
        ("a: " + "{b: " * 50_000, "not a readable YAML file"),
        ("seed: " + "9" * 5000, "not a readable YAML file"),
        ("seed: " + "1:" * 200_000 + "1", "expected a text of at most 10,000"),
        ("a: 2001-99-99", "not a readable YAML file"),
        ("a: !!python/object/apply:os.system ['touch ran.txt']", "not a readable YAML file"),
        ("a: !!python/name:os.system", "not a readable YAML file"),
        ("a: !!timestamp x", "not a readable YAML file"),
        ("a: !!bool x", "not a readable YAML file"),
        ("? [a, b]\n: c", "expected a name as key in line 1, found a sequence"),
        ("? {a: b}\n: c", "expected a name as key in line 1, found a mapping"),
        ('path: "a\\0b"', "whole characters in line 1"),
        ('path: "\\ud800"', "whole characters in line 1"),
        ('path: "\\UFFFFFFFF"', "not a readable YAML file"),
        ("a: *b", "not a readable YAML file"),
        ("a: 1\n---\nb: 2", "not a readable YAML file"),
        ("a: " + "x " * 600_000, "expected at most 1,000,000 characters"),
        ("\0", "not a readable YAML file"),
        ("<<: 3", "not a readable YAML file"),
    ],
)
def test_hostile_settings_are_refused(text, words, folder):
    (folder / "a.yaml").write_text(text)
    refused(read_yaml, folder / "a.yaml", words)


def test_aliases_within_reason_are_fine(folder):
    (folder / "a.yaml").write_text(laughs(4))
    assert len(read_yaml(folder / "a.yaml")["a3"]) == 9


@pytest.mark.parametrize(
    "raw",
    [
        {"solvers": {"s": {"solver": "faq", "time_limit": float("inf")}}},
        {"solvers": {"s": {"solver": "faq", "options": {"x": float("nan")}}}},
        {"datasets": {"d": {"loader": "coco", "sources": {"../../x": {}}}}},
        {"datasets": {"d": {"loader": "coco", "sources": {"/etc/x": {}}}}},
        {"datasets": {"../d": {"loader": "coco"}}},
    ],
)
def test_settings_that_lead_outside_or_are_no_numbers_are_refused(raw):
    with pytest.raises(ValueError, match=r"match pattern|finite number|valid"):
        Config.model_validate(raw)


# --- images ------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
EPS += b"(ran.txt) (w) file closefile\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(60_000, 60_000), "exceeds limit"),
        (png(40, 40), "not a readable image"),
        (EPS, "cannot identify image file"),
        (b"", "not a readable image"),
        (next(iter(datafiles.class_files(["a"], 1).values()))[:300], "not a readable image"),
    ],
)
def test_hostile_images_are_refused(data, words, folder):
    refused(lambda path: _files.decode(data, str(path)), folder / "a.png", words)


def encoded(array, kind, **options):
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_greys(kind):
    greys = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    found = np.asarray(_files.decode(encoded(greys, kind), "a"))
    np.testing.assert_array_equal(found, np.repeat((greys >> 8)[..., None], 3, axis=2))


def test_thirty_two_bits_have_no_known_white(folder):
    data = encoded(np.ones((3, 3), np.float32), "TIFF")
    refused(lambda path: _files.decode(data, str(path)), folder / "a.tif", "8 or 16 bits")


# --- archives and folders ----------------------------------------------------------------------


def cinic(path):
    settings = DatasetSettings(loader="cinic-10", split="valid", sources={path.name: Source()})
    return open_dataset("cinic-10", settings, path.parent).index()


def member(name="valid/cat/0.png", size=0, **changes):
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in changes.items():
        setattr(info, field, value)
    return info


def long_header(size: int) -> bytes:
    """A header whose extended part claims to be of some size."""
    info = member("x", type=tarfile.XHDTYPE)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT if 0 <= size < 8**11 else tarfile.GNU_FORMAT)


OUTSIDE = {"symlink": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        *(
            ([member(type=kind, linkname="/etc/passwd")], "is a link or a device")
            for kind in OUTSIDE.values()
        ),
        ([member("../valid/cat/0.png")], "lies outside of the archive"),
        ([member("/valid/cat/0.png")], "lies outside of the archive"),
        ([member("valid/../../x")], "lies outside of the archive"),
        ([member(), member()], "File exists"),
        ([member("valid/cat"), member()], "cannot be unpacked"),
        ([member(type=tarfile.GNUTYPE_SPARSE)], "cannot be unpacked"),
        ([member("x", size=1 << 40)], "would unfold from"),
    ],
)
def test_hostile_tar_archives_are_refused(members, words, folder):
    path = folder / "in" / "a.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for info in members:
            tar.addfile(info)
    refused(cinic, path, words)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert [each.name for each in folder.iterdir()] == ["in"]


@pytest.mark.parametrize("size", [1 << 32, -512])
def test_a_header_of_any_size_is_not_read(size, folder):
    path = folder / "a.tar.gz"
    path.write_bytes(gzip.compress(long_header(size) + bytes(4096)))
    refused(cinic, path, "cannot be unpacked")


def images_of(path):
    dataset = open_dataset("m", DatasetSettings(loader="image-folder", path=str(path)), "unused")
    return [dataset.image(row) for row in range(len(dataset.index().keys))]


def test_a_zip_is_never_unpacked_and_its_links_are_no_images(folder):
    info = zipfile.ZipInfo("cat/0.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
        archive.writestr("dog/0.png", png(3, 3))
    refused(images_of, folder / "a.zip", "cat/0.png", "not a readable")
    assert [each.name for each in folder.iterdir()] == ["a.zip"]


def test_a_folder_that_links_to_itself_is_refused(folder):
    datafiles.write_files(folder / "images", datafiles.class_files(["cat", "dog"], 1))
    for name in ("again", "once-more"):
        (folder / "images" / "cat" / name).symlink_to(folder / "images")
    refused(images_of, folder / "images", "links back to")


def test_a_linked_folder_is_fine(folder):
    datafiles.write_files(folder / "images", datafiles.class_files(["cat"], 1))
    datafiles.write_files(folder / "other", datafiles.class_files(["dog"], 1))
    (folder / "images" / "dog").symlink_to(folder / "other" / "dog")
    assert len(images_of(folder / "images")) == 2


@pytest.mark.parametrize("name", ["ca\ud800t", "ca\0t"])
def test_names_that_no_cache_can_keep_are_refused(name, folder):
    datafiles.write_files(folder / "images", datafiles.class_files(["a", "b"], 1))
    settings = {"loader": "image-folder", "path": str(folder / "images")}
    dataset = open_dataset("mine", DatasetSettings(**settings), "unused")
    dataset.settings.__dict__["class_names"] = [name, "dog"]  # as a file name or JSON may be
    refused(lambda path: dataset.index(), folder, "half a character", name="dataset 'mine'")


# --- pickles and JSON of published data sets ---------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02r\xff\xff\xff\x7f.",
        b"\x80\x02}(" + b")\x85" + b"2\x86" * 60 + b"K\1u.",
        b"(ios\nsystem\nS'touch ran.txt'\no.",
        b"P1\n.",
        b"\x82\1.",
        b"\x80\x02cos\nsystem\n)\x81.",
        b"K\1K\2.",
        b"]K\1a",
        b".",
    ],
)
def test_pickles_that_ask_for_more_than_data_are_refused(data):
    with pytest.raises(Exception, match=r"."):
        plain_pickle(data)


def test_a_call_in_a_pickle_is_described_and_not_made():
    found = plain_pickle(pickle.dumps({"a": Dangerous()}, 2))
    assert found["a"].name == "__builtin__ exec"


CAPTION = {"id": 1, "image_id": 1, "caption": "a"}
IMAGE = {"id": 1, "file_name": "1.jpg"}


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"9" * 5000,
        b"[]",
        {"images": [IMAGE], "annotations": [CAPTION | {"caption": 3}]},
        {"images": [IMAGE], "annotations": [CAPTION, CAPTION | {"id": "x"}]},
        {"images": [IMAGE, IMAGE], "annotations": []},
        {"images": [IMAGE | {"file_name": 3}], "annotations": []},
        {"images": [IMAGE | {"id": []}], "annotations": []},
        {"images": [], "annotations": [CAPTION]},
    ],
)
def test_captions_that_make_no_sense_are_refused(content, folder):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = datafiles.write_zip(
        folder / "annotations.zip", {"annotations/captions_val2017.json": data}
    )
    datafiles.write_coco(folder, 1)
    settings = DatasetSettings(
        loader="coco-captions",
        split="val2017",
        sources={"annotations.zip": Source(), "val2017.zip": Source()},
    )
    dataset = open_dataset("coco", settings, folder)
    refused(lambda path: dataset.index(), path, "not a readable file of COCO captions")
