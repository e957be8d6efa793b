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


#: How to make a small data set for each loader; a new loader adds its line.
SAMPLES = {
    "cifar-10": lambda to: _archives("cifar-10", "test", datafiles.write_cifar10(to, 2)),
    "cifar-100": lambda to: _archives("cifar-100", "test", datafiles.write_cifar100(to, 1)),
    "cinic-10": lambda to: _archives("cinic-10", "valid", datafiles.write_cinic10(to, 2)),
    "coco-captions": lambda to: _archives("coco-captions", "val2017", *datafiles.write_coco(to, 4)),
    "embeddings": _embeddings,
    "emoji": lambda to: DatasetSettings(loader="emoji"),
    "image-folder": _image_folder,
    "imagenet": _imagenet,
}


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
    if dataset.settings.loader == "embeddings":
        with pytest.raises(BlindmatchError):
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
