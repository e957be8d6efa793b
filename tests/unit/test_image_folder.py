"""Any folder or zip file of class folders."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from blindmatch.datasets import open_dataset
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings
from tests import datafiles

NAMES = ["polar_bear", "red-fox", "wolf"]


def folder_dataset(path, **settings):
    settings = DatasetSettings(loader="image-folder", path=str(path), **settings)
    return open_dataset("mine", settings, "unused")


@pytest.mark.parametrize("packed", [False, True])
def test_class_folders_may_lie_at_any_depth(packed, tmp_path):
    files = datafiles.class_files(NAMES, 2, prefix="animals/test/", kind="PNG")
    files |= {
        "animals/readme.txt": b"hello",
        "animals/test/wolf/notes.txt": b"not an image",
        "animals/test/wolf/.hidden.png": b"",
        "__MACOSX/animals/test/wolf/._0000.png": b"",
        ".git/objects/x.png": b"",
    }
    if packed:
        path = datafiles.write_zip(tmp_path / "a.zip", dict(reversed(files.items())))
    else:
        path = datafiles.write_files(tmp_path, files)
    dataset = folder_dataset(path, prompts=["a {}", "the {}"])
    index = dataset.index()
    assert index.keys == [f"animals/test/{name}/000{copy}.png" for name in NAMES for copy in (0, 1)]
    assert index.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert dataset.prompts()[0] == ["a polar bear", "the polar bear"]
    assert index.class_names[1] == "red fox"
    np.testing.assert_array_equal(np.asarray(dataset.image(3)), datafiles.class_image(1, 1))


def test_a_split_chooses_among_parts(tmp_path):
    files = datafiles.class_files(NAMES, 2, prefix="train/")
    files |= datafiles.class_files(NAMES, 1, prefix="test/")
    path = datafiles.write_zip(tmp_path / "a.zip", files)
    with pytest.raises(BlindmatchError, match=r"'polar_bear': test/polar_bear/ and train/polar_b"):
        folder_dataset(path).index()
    assert len(folder_dataset(path, split="test").index().keys) == 3


@pytest.mark.parametrize("as_file", [False, True])
def test_names_may_be_given(as_file, tmp_path):
    datafiles.write_files(tmp_path / "images", datafiles.class_files(NAMES, 1))
    names = ["ice bear", "fox", "grey wolf"]
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    given = str(tmp_path / "names.txt") if as_file else names
    index = folder_dataset(tmp_path / "images", class_names=given).index()
    assert index.class_names == names


def test_the_number_of_names_must_fit(tmp_path):
    datafiles.write_files(tmp_path, datafiles.class_files(NAMES, 1))
    with pytest.raises(BlindmatchError, match="2 names for 3 class folders"):
        folder_dataset(tmp_path, class_names=["a", "b"]).index()
    with pytest.raises(BlindmatchError, match=r"class_names: /nowhere: cannot be read"):
        folder_dataset(tmp_path, class_names="/nowhere").index()


def test_the_number_of_classes_must_fit(tmp_path):
    datafiles.write_files(tmp_path, datafiles.class_files(NAMES, 1))
    with pytest.raises(BlindmatchError, match="expected 4 classes, found 3"):
        folder_dataset(tmp_path, classes=4).index()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("extra", [{"yeti/": b""}, {"yeti/notes.txt": b"unseen"}])
def test_an_empty_class_is_named(packed, extra, tmp_path):
    files = datafiles.class_files(NAMES, 1) | extra
    if packed:
        path = datafiles.write_zip(tmp_path / "a.zip", files)
    else:
        path = datafiles.write_files(tmp_path, files)
    with pytest.raises(BlindmatchError, match="empty class 'yeti'"):
        folder_dataset(path).index()


def test_an_image_outside_of_class_folders_is_named(tmp_path):
    files = datafiles.class_files(NAMES, 1)
    datafiles.write_files(tmp_path, files | {"cover.jpg": b""})
    with pytest.raises(BlindmatchError, match=r"image 'cover.jpg' lies in no class folder"):
        folder_dataset(tmp_path).index()


def test_a_class_is_named_even_if_all_are_empty(tmp_path):
    datafiles.write_files(tmp_path, {"test/cats/": b"", "test/dogs/": b""})
    with pytest.raises(BlindmatchError, match="empty class 'cats'"):
        folder_dataset(tmp_path).index()


def test_no_image_at_all_is_an_error(tmp_path):
    with pytest.raises(BlindmatchError, match="found no image"):
        folder_dataset(tmp_path).index()


@pytest.mark.parametrize("name", ["../wolf/0.png", "/etc/wolf/0.png"])
def test_a_zip_that_points_outside_is_refused(name, tmp_path):
    path = datafiles.write_zip(tmp_path / "a.zip", {name: b""})
    with pytest.raises(BlindmatchError, match="points outside of the archive"):
        folder_dataset(path).index()


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(BlindmatchError, match=r"a.zip: not a readable zip file"):
        folder_dataset(tmp_path / "a.zip").index()


@pytest.mark.parametrize("packed", [False, True])
def test_a_corrupt_image_is_named(packed, tmp_path):
    files = datafiles.class_files(NAMES, 1)
    files["red-fox/0000.JPEG"] = files["red-fox/0000.JPEG"][:400]
    if packed:
        path = datafiles.write_zip(tmp_path / "a.zip", files)
    else:
        path = datafiles.write_files(tmp_path, files)
    with pytest.raises(BlindmatchError, match=r"red-fox/0000.JPEG: not a readable image"):
        folder_dataset(path).image(1)


def test_a_damaged_zip_member_is_named(tmp_path):
    path = datafiles.write_zip(tmp_path / "a.zip", datafiles.class_files(NAMES, 1))
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("red-fox/0000.JPEG").header_offset
    data = bytearray(path.read_bytes())
    data[start + 200] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(BlindmatchError, match=r"member 'red-fox/0000.JPEG' .*CRC"):
        folder_dataset(path).image(1)


def test_grey_and_transparent_images_become_rgb(tmp_path):
    from PIL import Image

    for name, mode in (("grey", "L"), ("palette", "P"), ("transparent", "RGBA")):
        (tmp_path / name).mkdir()
        Image.new(mode, (5, 4)).save(tmp_path / name / "0.png")
    dataset = folder_dataset(tmp_path)
    assert [dataset.image(row).mode for row in range(3)] == ["RGB"] * 3


def test_a_forked_worker_reads_the_zip_beside_its_parent(tmp_path):
    path = datafiles.write_zip(tmp_path / "a.zip", datafiles.class_files(NAMES, 30, kind="PNG"))
    dataset = folder_dataset(path)
    expected = [np.asarray(dataset.image(row)) for row in range(90)]

    def wrong():
        return sum(
            not np.array_equal(np.asarray(dataset.image(row)), expected[row])
            for _ in range(20)
            for row in range(90)
        )

    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = min(wrong(), 1)
        finally:
            os._exit(status)
    assert wrong() == 0
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_pickled_dataset_carries_no_data(tmp_path):
    path = datafiles.write_zip(tmp_path / "a.zip", datafiles.class_files(NAMES, 30))
    dataset = folder_dataset(path)
    before = len(pickle.dumps(dataset))
    dataset.image(5)
    assert len(pickle.dumps(dataset)) == before
