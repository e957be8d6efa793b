"""Published datasets and emoji; class folders and embeddings have files of their own."""

import pickle
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from blindmatch.config import read_yaml
from blindmatch.datasets import Index, open_dataset
from blindmatch.datasets._loader import check_index, data_lines
from blindmatch.datasets.emoji import _folders
from blindmatch.datasets.image_folder import imagenet_names
from blindmatch.errors import BlindmatchError
from blindmatch.provenance import file_digest
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles

ROOT = Path(__file__).parents[2]


def source_of(path, algorithm="sha256"):
    return Source(checksum=f"{algorithm}:{file_digest(path, algorithm)}")


def sources_of(*paths):
    return {path.name: source_of(path) for path in paths}


# --- the configuration that comes with the project -------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    entries = read_yaml(ROOT / "config" / "datasets.yaml")["datasets"]
    return {slug: DatasetSettings.model_validate(entry) for slug, entry in entries.items()}


def test_the_datasets_of_both_papers_are_configured(shipped):
    assert {slug: settings.classes for slug, settings in shipped.items()} == {
        "emoji-100": 100,
        "emoji-names": 1424,
        "cifar-10": 10,
        "cifar-100": 100,
        "cinic-10": 10,
        "imagenet-100": 100,
        "imagenet-100-plain": 100,
        "coco-captions": 5000,
        "coco": None,
        "cc3m": None,
        "cc3m-synthetic": None,
        "cc12m": None,
        "flickr30k": 1000,
        "imagenet-photographs": None,
        "wikitext-103": None,
        "imagenet-1k": 1000,
        "food-101": 101,
        "dtd": 47,
        "fgvc-aircraft": 100,
        "flowers-102": 102,
    }
    assert len(set(shipped["cifar-10"].prompts)) == 18
    assert shipped["cifar-100"].prompts == shipped["cifar-10"].prompts
    assert len(set(shipped["cinic-10"].prompts)) == 7
    assert shipped["imagenet-100"].prompts == ["{}"]


def test_every_download_has_an_https_address_and_a_checksum(shipped):
    sources = [source for settings in shipped.values() for source in settings.sources.values()]
    assert len(sources) == 7
    assert all(source.url.startswith("https://") and source.checksum for source in sources)


def test_every_dataset_that_the_user_must_get_says_so(shipped, tmp_path):
    for slug, settings in shipped.items():
        if settings.path is None and not settings.sources and "emoji" not in settings.loader:
            with pytest.raises(
                BlindmatchError, match=rf"datasets\.{slug}\.path: not set; expected"
            ):
                open_dataset(slug, settings, tmp_path).index()


# --- CIFAR -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cifar100(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar-100")
    archive = datafiles.write_cifar100(folder, 2)
    settings = DatasetSettings(loader="cifar-100", split="test", sources=sources_of(archive))
    return open_dataset("cifar-100", settings, folder)


def test_cifar_100_is_read_from_an_archive_that_the_configuration_vouches_for(cifar100):
    index = cifar100.index()
    assert index.class_names == [name.replace("_", " ") for name in datafiles.CIFAR100_NAMES]
    assert np.bincount(index.labels).tolist() == [2] * 100
    for row in (0, 57, 199):
        expected = datafiles.class_image(int(index.labels[row]), row)
        np.testing.assert_array_equal(np.asarray(cifar100.image(row)), expected)


def test_cifar_10_is_read_too(tmp_path):
    archive = datafiles.write_cifar10(tmp_path, 3)
    settings = DatasetSettings(loader="cifar-10", split="test", sources=sources_of(archive))
    dataset = open_dataset("cifar-10", settings, tmp_path)
    assert dataset.index().class_names == datafiles.CIFAR10_NAMES
    assert len(dataset.index().keys) == 30


def test_archives_of_tests_have_the_same_bytes_every_time(tmp_path):
    first = datafiles.write_cifar100(tmp_path / "a", 1)
    second = datafiles.write_cifar100(tmp_path / "b", 1)
    assert first.read_bytes() == second.read_bytes()


def test_an_archive_is_unpacked_once_and_anew_when_it_changes(tmp_path):
    archive = datafiles.write_cifar10(tmp_path, 1)
    settings = {"loader": "cifar-10", "split": "test"}

    def rows():
        checked = DatasetSettings(**settings, sources=sources_of(archive))
        return len(open_dataset("cifar-10", checked, tmp_path).index().keys)

    assert rows() == 10
    batch = tmp_path / "cifar-10-python-test" / "cifar-10-batches-py" / "test_batch"
    before = batch.stat().st_ino
    assert rows() == 10
    assert batch.stat().st_ino == before
    datafiles.write_cifar10(tmp_path, 2)
    assert rows() == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cifar-10-python-test",
        archive.name,
    ]


class _Dangerous:
    def __reduce__(self):
        return Path.touch, (Path("ran.txt"),)


def test_pickles_cannot_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for where in ("labels", "data", "filenames"):
        batch = {"labels": [0], "data": np.zeros((1, 3072), np.uint8), where: _Dangerous()}
        files = {"test_batch": batch, "batches.meta": {"label_names": ["a", "b"]}}
        archive = datafiles.write_tar(
            tmp_path / "cifar-10-python.tar.gz",
            {f"cifar-10-batches-py/{name}": pickle.dumps(each, 2) for name, each in files.items()},
        )
        settings = DatasetSettings(
            loader="cifar-10", split="test", sources={archive.name: Source()}
        )
        with pytest.raises(BlindmatchError):
            open_dataset("cifar-10", settings, tmp_path).index()
    assert not (tmp_path / "ran.txt").exists()


def test_a_changed_archive_is_refused(tmp_path):
    archive = datafiles.write_cifar10(tmp_path, 1)
    sources = sources_of(archive)
    archive.write_bytes(archive.read_bytes() + b"\0")
    settings = DatasetSettings(loader="cifar-10", split="test", sources=sources)
    with pytest.raises(BlindmatchError, match=r"has checksum sha256:.*expected sha256:"):
        open_dataset("cifar-10", settings, tmp_path).index()


def test_an_archive_of_something_else_is_refused(tmp_path):
    archive = datafiles.write_cinic10(tmp_path, 1).rename(tmp_path / "cifar-10-python.tar.gz")
    settings = DatasetSettings(loader="cifar-10", split="test", sources=sources_of(archive))
    with pytest.raises(BlindmatchError, match="not a readable archive of Cifar10"):
        open_dataset("cifar-10", settings, tmp_path).index()


def test_a_truncated_archive_leaves_nothing_behind(tmp_path):
    archive = datafiles.write_cifar10(tmp_path, 1)
    archive.write_bytes(archive.read_bytes()[:2000])
    settings = DatasetSettings(loader="cifar-10", split="test", sources=sources_of(archive))
    with pytest.raises(BlindmatchError, match=r"cifar-10-python.tar.gz: cannot be unpacked"):
        open_dataset("cifar-10", settings, tmp_path).index()
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


def test_an_archive_that_writes_outside_of_its_folder_is_refused(tmp_path):
    archive = tmp_path / "in" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../escaped"))
    settings = DatasetSettings(loader="cifar-10", split="test", sources=sources_of(archive))
    with pytest.raises(BlindmatchError, match="cannot be unpacked"):
        open_dataset("cifar-10", settings, archive.parent).index()
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("loader", ["cifar-100", "cinic-10", "coco-captions"])
def test_an_unknown_split_names_the_known_ones(loader, tmp_path):
    settings = DatasetSettings(loader=loader, split="validation")
    with pytest.raises(BlindmatchError, match=r"datasets\.mine\.split: 'validation', expected"):
        open_dataset("mine", settings, tmp_path).index()


# --- CINIC-10 and ImageNet ----------------------------------------------------------------------


def test_cinic_10_unpacks_and_reads_one_part_only(tmp_path):
    archive = datafiles.write_cinic10(tmp_path, 2)
    settings = DatasetSettings(loader="cinic-10", split="valid", sources=sources_of(archive))
    dataset = open_dataset("cinic-10", settings, tmp_path)
    index = dataset.index()
    assert index.class_names == datafiles.CIFAR10_NAMES
    assert index.labels.tolist() == np.repeat(np.arange(10), 2).tolist()
    np.testing.assert_array_equal(np.asarray(dataset.image(3)), datafiles.class_image(1, 1))
    assert not any("train" in path.parts for path in tmp_path.rglob("*"))


@pytest.fixture(scope="module")
def imagenet_files():
    synsets = [*data_lines("imagenet100.txt"), "n01440764"]  # one class that is not of the 100
    files = datafiles.class_files(synsets, 1, prefix="ILSVRC/val/")
    return files | datafiles.class_files(synsets[:2], 1, prefix="ILSVRC/train/")


@pytest.mark.parametrize("packed", [False, True])
def test_imagenet_100_is_cut_from_the_users_imagenet(packed, imagenet_files, tmp_path):
    if packed:
        path = datafiles.write_zip(tmp_path / "imagenet.zip", imagenet_files)
    else:
        path = datafiles.write_files(tmp_path, imagenet_files) / "ILSVRC"
    settings = DatasetSettings(loader="imagenet", split="val", path=str(path), classes=100)
    dataset = open_dataset("imagenet-100", settings, "unused")
    assert len(dataset.index().keys) == 100
    assert dataset.prompts()[0] == [
        "American robin - large American thrush having a rust-red breast and abdomen"
    ]
    assert dataset.image(99).mode == "RGB"
    plain = settings.model_copy(update={"class_names": "plain"})
    names = open_dataset("imagenet-100-plain", plain, "unused").index().class_names
    assert names[:3] == ["American robin", "Gila monster", "eastern hog-nosed snake"]


def test_a_missing_imagenet_class_is_named(imagenet_files, tmp_path):
    some = {name: data for name, data in imagenet_files.items() if "n01558993" not in name}
    datafiles.write_files(tmp_path, some)
    settings = DatasetSettings(loader="imagenet", split="val", path=str(tmp_path / "ILSVRC"))
    with pytest.raises(BlindmatchError, match=r"1 of the 100 classes .* first n01558993"):
        open_dataset("imagenet-100", settings, "unused").index()


@pytest.mark.parametrize(
    ("path", "message"), [(None, "not set"), ("/nowhere/imagenet", "/nowhere/imagenet does not")]
)
def test_without_imagenet_one_sentence_says_what_to_set(path, message):
    settings = DatasetSettings(loader="imagenet", split="val", path=path)
    with pytest.raises(BlindmatchError, match=rf"datasets\.in100\.path: {message}.*val/n01558993"):
        open_dataset("in100", settings, "unused").index()


def test_imagenet_names_are_distinct():
    synsets = data_lines("imagenet100.txt")
    assert len(set(synsets)) == 100
    assert len(set(imagenet_names(synsets, definitions=False))) == 100


# --- COCO ---------------------------------------------------------------------------------------


def coco(folder, images=3, captions=5):
    paths = datafiles.write_coco(folder, images, captions)
    settings = DatasetSettings(loader="coco-captions", split="val2017", sources=sources_of(*paths))
    return open_dataset("coco-captions", settings, folder)


def test_each_coco_image_is_a_class_with_its_first_five_captions(tmp_path):
    dataset = coco(tmp_path, captions=6)
    index = dataset.index()
    assert index.keys == ["000000000139.jpg", "000000000285.jpg", "000000000431.jpg"]
    assert index.labels.tolist() == [0, 1, 2]
    assert dataset.prompts()[2] == [f"Caption {said} of 2." for said in range(5)]
    assert dataset.image(1).size == (64, 64)


def test_too_few_captions_name_the_image(tmp_path):
    with pytest.raises(BlindmatchError, match=r"000000000139.jpg has 4 captions, expected 5"):
        coco(tmp_path, captions=4).index()


def test_a_missing_coco_image_is_named(tmp_path):
    dataset = coco(tmp_path)
    datafiles.write_zip(tmp_path / "val2017.zip", {"val2017/000000000139.jpg": b""})
    settings = dataset.settings.model_copy(
        update={"sources": sources_of(*sorted(tmp_path.glob("*.zip")))}
    )
    with pytest.raises(BlindmatchError, match=r"2 of 3 images .* first 000000000285.jpg"):
        open_dataset("coco-captions", settings, tmp_path).index()


# --- emoji --------------------------------------------------------------------------------------


def test_emoji_are_the_same_every_time_and_differ_between_rows():
    def images():
        dataset = open_dataset("emoji-100", DatasetSettings(loader="emoji"), "unused")
        return [dataset.image(row).tobytes() for row in (0, 1, 8, 16)]

    first = images()
    assert len(set(first)) == 4
    assert images() == first


def test_every_emoji_can_be_drawn_by_both_vendors():
    dataset = open_dataset("emoji-100", DatasetSettings(loader="emoji", classes=100), "unused")
    assert len(dataset.index().keys) == 1600
    for row in range(0, 1600, 8):
        image = np.asarray(dataset.image(row))
        drawn = (image != image[0, 0]).any(axis=2).mean()
        assert 0.03 < drawn < 0.8, dataset.index().keys[row]


def test_missing_emoji_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)  # as if it were not installed
    _folders.cache_clear()
    dataset = open_dataset("emoji-100", DatasetSettings(loader="emoji"), "unused")
    with pytest.raises(BlindmatchError, match=r"resvg-py: pip install 'blindmatch\[demo\]'"):
        dataset.index()


# --- what every index must fulfil ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "2 labels for 3 rows"),
        ({"labels": [0, 1, 2]}, "row 2 has label 2, expected 0 to 1"),
        ({"labels": [-1, 0, 1]}, "row 0 has label -1"),
        ({"labels": [0, 0, 0]}, "empty class 'dog'"),
        ({"class_names": ["cat", "cat"]}, "class name 'cat' stands twice"),
        ({"class_names": ["cat", " "]}, "class name 1 is empty"),
        ({"class_names": ["cat"], "labels": [0, 0, 0]}, "at least 2 classes, found 1"),
        ({"keys": ["a", "b", "a"]}, "key 'a' stands twice"),
    ],
)
def test_a_senseless_index_is_refused(change, message):
    sound = {"keys": ["a", "b", "c"], "labels": [0, 1, 1], "class_names": ["cat", "dog"]}
    changed = {**sound, **change}
    changed["labels"] = np.array(changed["labels"])
    with pytest.raises(BlindmatchError, match=message):
        check_index(Index(**changed), dataset="mine")
