"""Images, archives and folders made to do harm: refused in one sentence."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest

from blindmatch.datasets import _files, open_dataset
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles
from tests.fuzz.hostile import refused

pytestmark = pytest.mark.usefixtures("folder")


# --- images ---


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


# --- archives and folders ---


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
