"""The contract of every registered loader, on a small data set in its true format."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blindmatch.datasets import loaders, open_dataset
from blindmatch.datasets._loader import data_lines
from blindmatch.errors import BlindmatchError
from blindmatch.provenance import file_digest
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles


def _archives(loader: str, split: str, *paths: Path) -> DatasetSettings:
    sources = {
        path.name: Source(checksum=f"sha256:{file_digest(path, 'sha256')}") for path in paths
    }
    return DatasetSettings(loader=loader, split=split, sources=sources, prompts=["a {}.", "{}"])


def _imagenet(folder: Path) -> DatasetSettings:
    files = datafiles.class_files(data_lines("imagenet100.txt"), 1, prefix="val/")
    datafiles.write_files(folder / "imagenet", files)
    return DatasetSettings(loader="imagenet", split="val", path=str(folder / "imagenet"))


def _image_folder(folder: Path) -> DatasetSettings:
    path = datafiles.write_zip(folder / "a.zip", datafiles.class_files(["cat", "dog"], 2))
    return DatasetSettings(loader="image-folder", path=str(path))


def _embeddings(folder: Path) -> DatasetSettings:
    values = np.random.default_rng(0).normal(size=(4, 3))
    path = datafiles.write_embeddings(folder / "a.npy", values)
    return DatasetSettings(loader="embeddings", embeddings={"some-model": str(path)})


def _captions(folder: Path) -> DatasetSettings:
    files = datafiles.class_files(["cat", "dog"], 2, prefix="pictures/")
    path = datafiles.write_zip(folder / "a.zip", files)
    said = {name.removeprefix("pictures/"): [f"One {name}.", f"A {name}."] for name in files}
    captions = datafiles.write_karpathy(folder / "dataset.json", said)
    return DatasetSettings(
        loader="image-captions", path=str(path), captions=str(captions), split="test"
    )


def _texts(folder: Path) -> DatasetSettings:
    (folder / "a.txt").write_text("A text.\n\n = Heading = \nAnother text.\n")
    return DatasetSettings(loader="texts", path=str(folder / "a.txt"))


def _unpacked(loader: str, folder: Path) -> DatasetSettings:
    return DatasetSettings(loader=loader, split="test", path=str(folder))


#: How to make a small data set for each loader; a new loader adds its line.
SAMPLES = {
    "cifar-10": lambda to: _archives("cifar-10", "test", datafiles.write_cifar10(to, 2)),
    "cifar-100": lambda to: _archives("cifar-100", "test", datafiles.write_cifar100(to, 1)),
    "cinic-10": lambda to: _archives("cinic-10", "valid", datafiles.write_cinic10(to, 2)),
    "coco-captions": lambda to: _archives("coco-captions", "val2017", *datafiles.write_coco(to, 4)),
    "dtd": lambda to: _unpacked("dtd", datafiles.write_dtd(to, ["dotted", "woven"], 2)),
    "embeddings": _embeddings,
    "emoji": lambda to: DatasetSettings(loader="emoji"),
    "emoji-names": lambda to: DatasetSettings(loader="emoji-names"),
    "fgvc-aircraft": lambda to: _unpacked(
        "fgvc-aircraft", datafiles.write_aircraft(to, ["707-320", "F/A-18"], 2)
    ),
    "flowers-102": lambda to: _unpacked("flowers-102", datafiles.write_flowers102(to)),
    "food-101": lambda to: _unpacked(
        "food-101", datafiles.write_food101(to, ["pho", "hot_dog"], 2)
    ),
    "image-captions": _captions,
    "image-folder": _image_folder,
    "imagenet": _imagenet,
    "texts": _texts,
    "webdataset": lambda to: DatasetSettings(
        loader="webdataset", path=str(datafiles.write_shards(to / "shards", 2, 8))
    ),
}
WITHOUT_IMAGES = ("embeddings", "texts")


@pytest.fixture(scope="module", autouse=True)
def any_flowers():
    """Torchvision knows the published .mat files of Flowers by their checksums; ours are small."""
    from torchvision.datasets import Flowers102

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flowers102, "_check_integrity", lambda self: True)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {loader: tmp_path_factory.mktemp(loader) for loader in loaders}


@pytest.fixture(scope="module", params=sorted(loaders))
def dataset(request, folders):
    folder = folders[request.param]
    return open_dataset("sample", SAMPLES[request.param](folder), folder)


def test_making_a_loader_touches_nothing():
    for loader in loaders:
        open_dataset("sample", DatasetSettings(loader=loader), "/nowhere")


def test_the_index_is_sound_and_the_same_every_time(dataset):
    index = dataset.index()
    assert len(index.keys) == len(index.labels) == len(set(index.keys))
    assert index.labels.dtype == np.int64
    assert set(index.labels.tolist()) == set(range(len(index.class_names)))
    again = open_dataset(dataset.slug, dataset.settings, dataset.folder).index()
    assert again.keys == index.keys
    assert again.labels.tolist() == index.labels.tolist()
    assert again.class_names == index.class_names


def test_every_class_has_the_same_number_of_prompts(dataset):
    prompts = dataset.prompts()
    assert len(prompts) == len(dataset.index().class_names)
    assert len({len(sentences) for sentences in prompts}) == 1
    assert all(sentence and "{}" not in sentence for some in prompts for sentence in some)


def test_images_are_rgb_and_the_same_in_another_process(dataset):
    if dataset.settings.loader in WITHOUT_IMAGES:
        with pytest.raises(BlindmatchError, match=r"dataset 'sample' holds .* only, no images"):
            dataset.image(0)
        return
    image = dataset.image(1)
    assert image.mode == "RGB"
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own bytes
    assert copy.image(1).tobytes() == image.tobytes()


def test_importing_the_loaders_is_light():
    heavy = {"torch", "torchvision", "pandas", "timm", "open_clip", "PIL", "pyarrow", "h5py"}
    script = (
        "import sys; from blindmatch.datasets import loaders; list(loaders);"
        f"print(*sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
