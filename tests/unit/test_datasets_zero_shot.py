"""Sets for zero-shot classification, and emoji with names."""

import io

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import Flowers102

from blindmatch.datasets import open_dataset
from blindmatch.datasets._loader import data_lines
from blindmatch.datasets.emoji import _folders
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings
from tests import datafiles
from tests.datafiles import looks_like, opened

# --- zero-shot classification -------------------------------------------------------------------


def test_food_textures_and_aircraft_are_read_from_unpacked_archives(tmp_path):
    names = ["tiramisu", "hot_dog", "apple_pie"]
    for loader, write, expected, first in (
        ("food-101", datafiles.write_food101, ["apple pie", "hot dog", "tiramisu"], 2),
        ("dtd", datafiles.write_dtd, ["apple pie", "hot dog", "tiramisu"], 0),
        ("fgvc-aircraft", datafiles.write_aircraft, ["tiramisu", "hot dog", "apple pie"], 0),
    ):
        root = write(tmp_path / loader, names, 2)
        dataset = opened(loader, root, split="test")
        index = dataset.index()
        assert index.class_names == expected
        assert np.bincount(index.labels).tolist() == [2, 2, 2]
        assert index.class_names[index.labels[0]] == names[first].replace("_", " ")
        for row in range(6):
            label = names.index(index.class_names[index.labels[row]].replace(" ", "_"))
            assert looks_like(dataset, row, label, row % 2), (loader, row)


def test_flowers_have_torchvisions_names(tmp_path, monkeypatch):
    root = datafiles.write_flowers102(tmp_path)
    with pytest.raises(BlindmatchError, match=r"flowers-102: not a readable copy of Flowers102"):
        opened("flowers-102", root, split="test").index()
    monkeypatch.setattr(Flowers102, "_check_integrity", lambda self: True)
    dataset = opened("flowers-102", root, split="test", classes=102)
    index = dataset.index()
    assert index.keys[0] == "flowers-102/jpg/image_00103.jpg"
    assert index.labels.tolist() == list(range(102))
    assert index.class_names[:2] == ["pink primrose", "hard-leaved pocket orchid"]
    assert "pink-yellow dahlia" in index.class_names
    assert looks_like(dataset, 4, 5, 107)


def test_names_of_classes_may_be_given(tmp_path):
    root = datafiles.write_dtd(tmp_path, ["dotted", "woven"], 1)
    dataset = opened("dtd", root, split="test", class_names=["polka", "cloth"])
    assert dataset.index().class_names == ["polka", "cloth"]


def test_a_folder_or_a_split_that_is_not_there_is_named(tmp_path):
    root = datafiles.write_food101(tmp_path, ["a", "b"], 1)
    with pytest.raises(BlindmatchError, match=r"holds no folder dtd; expected the folder that"):
        opened("dtd", root, split="test").index()
    with pytest.raises(BlindmatchError, match=r"mine.split: 'val', expected one of train, test"):
        opened("food-101", root, split="val").index()
    with pytest.raises(BlindmatchError, match=r"food-101: .*No such file|cannot be read"):
        opened("food-101", root, split="train").index()


def test_an_image_outside_of_the_folder_is_refused(tmp_path):
    root = datafiles.write_aircraft(tmp_path / "in", ["a", "b"], 1)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    (tmp_path / "secret.jpg").write_bytes(stream.getvalue())
    listed = root / "fgvc-aircraft-2013b/data/images_variant_test.txt"
    for name in ("../../../../secret", str(tmp_path / "secret")):
        listed.write_text(f"0000000 a\n{name} b\n")
        with pytest.raises(BlindmatchError, match=r"fgvc-aircraft-2013b: not a readable copy"):
            opened("fgvc-aircraft", root, split="test").index()


def test_all_classes_of_imagenet_have_names_of_their_own(tmp_path):
    from timm.data import ImageNetInfo

    synsets = ImageNetInfo().label_names()
    image = next(iter(datafiles.class_files(["a"], 1).values()))
    datafiles.write_files(tmp_path, {f"val/{synset}/0.JPEG": image for synset in synsets})
    dataset = opened("imagenet", tmp_path, split="val", classes=1000, class_names="plain")
    names = dict(zip(synsets, dataset.index().class_names, strict=True))
    assert len(set(names.values())) == 1000
    assert (names["n03773504"], names["n04008634"]) == ("missile", "projectile")
    assert names["n01440764"] == "tench"
    assert len(opened("imagenet", tmp_path, split="val").index().class_names) == 100


# --- emoji with names -----------------------------------------------------------------------------


def test_every_emoji_with_a_name_has_one_drawing():
    dataset = open_dataset("mine", DatasetSettings(loader="emoji-names", classes=1424), "unused")
    index = dataset.index()
    assert index.labels.tolist() == list(range(1424))
    drawings = {path.stem for path in _folders()["openmoji"].glob("*.svg")}
    assert set(index.keys) < drawings
    images = [np.asarray(dataset.image(row)) for row in range(0, 1424, 9)]
    assert len({image.tobytes() for image in images}) == len(images)
    for image in images:
        assert image.shape == (224, 224, 3)
        assert (image[0] == 255).all()
        assert 0.02 < (image != 255).any(axis=2).mean() < 0.9


def test_names_of_emoji_leave_out_versions_of_others():
    lines = data_lines("emoji-names.txt")
    codes, names = zip(*(line.split(" ", 1) for line in lines), strict=True)
    assert len({name.lower() for name in names}) == len(names)
    assert {"polar bear", "firefighter", "grinning face", "two o’clock"} < set(names)
    assert not any("flag" in name.split() for name in names if "mailbox" not in name and
                   name != "flag in hole")  # fmt: skip
    parts = {part for code in codes for part in code.split("-")}
    skin = {f"{number:04X}" for number in range(0x1F3FB, 0x1F400)}
    regions = {f"{number:04X}" for number in range(0x1F1E6, 0x1F200)}
    assert not parts & (skin | regions | {"20E3"})
    assert not any("-200D-2640" in code or "-200D-2642" in code for code in codes)
    assert [int(code.split("-")[0], 16) for code in codes] == sorted(
        int(code.split("-")[0], 16) for code in codes
    )
