"""Datasets made of class folders: any folder or zip file, CINIC-10, and the user's ImageNet."""

import functools
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import Folder, Zip, class_folders, decode, open_files, unpacked
from blindmatch.datasets._loader import Loader, data_lines, given_names
from blindmatch.errors import BlindmatchError

if TYPE_CHECKING:
    from PIL.Image import Image

_ALL_CLASSES = 1000


class _ClassFolders(Loader):
    """Rows are sorted by class folder, then by file name."""

    def _open(self) -> Folder | Zip:
        raise NotImplementedError

    def _classes(self) -> dict[str, list[str]]:
        """Class folder -> names of its images."""
        raise NotImplementedError

    def _class_names(self, folders: list[str]) -> list[str]:
        given = given_names(self.settings, dataset=self.slug)
        if given is None:
            return [folder.replace("_", " ").replace("-", " ").strip() for folder in folders]
        if len(given) != len(folders):
            raise BlindmatchError(
                f"datasets.{self.slug}.class_names: {len(given)} names for {len(folders)} class "
                f"folders of {self._files.path}; expected one each, in sorted order of the folders"
            )
        return given

    @functools.cached_property
    def _files(self) -> Folder | Zip:
        return self._open()

    def _list(self) -> Index:
        classes = self._classes()
        return Index(
            keys=[name for images in classes.values() for name in images],
            labels=np.repeat(np.arange(len(classes)), [len(images) for images in classes.values()]),
            class_names=self._class_names(list(classes)),
        )

    def image(self, row: int) -> "Image":
        name = self._listed.keys[row]
        return decode(self._files.read(name), f"{self._files.path}: {name}")


@loaders.register("image-folder")
class ImageFolder(_ClassFolders):
    """The user's own folder or zip file, given as `path`: an image's class is its parent folder.

    `split` restricts it to what lies below a folder of that name.
    """

    def _open(self) -> Folder | Zip:
        return open_files(self._own_path("a folder or zip file of class folders with images"))

    def _classes(self) -> dict[str, list[str]]:
        return class_folders(
            self._files.names(), where=str(self._files.path), below=self.settings.split
        )


@loaders.register("cinic-10")
class Cinic10(_ClassFolders):
    """CINIC-10 (Darlow et al., 2018): 90,000 images in each of `train`, `valid` and `test`."""

    def _open(self) -> Folder | Zip:
        split = self.settings.split
        if split not in ("train", "valid", "test"):
            raise BlindmatchError(
                f"datasets.{self.slug}.split: {split!r}, expected train, valid or test"
            )
        archive = self._source("*.tar.gz")
        target = f"{archive.name.removesuffix('.tar.gz')}-{split}"
        return Folder(unpacked(archive, target, lambda member: split in member.parts[:-1]))

    def _classes(self) -> dict[str, list[str]]:
        names, archive = self._files.names(), self._source("*.tar.gz")
        return class_folders(names, where=str(archive), below=self.settings.split)


@loaders.register("imagenet")
class ImageNet(_ClassFolders):
    """ImageNet-100, or with 1000 `classes` ImageNet-1k, from the user's own ImageNet at `path`, a
    folder or zip file with ``<split>/<wordnet id>/*.JPEG``.

    The 100 classes are those of the paper. `class_names` may be a name set: "plain" gives names
    such as "American robin", "definition" adds WordNet's: "American robin - large American
    thrush ...".
    """

    @functools.cached_property
    def _synsets(self) -> list[str]:
        if self.settings.classes != _ALL_CLASSES:
            return data_lines("imagenet100.txt")
        from timm.data import ImageNetInfo

        return ImageNetInfo().label_names()

    def _open(self) -> Folder | Zip:
        path = self._own_path(f"your ImageNet: a folder or zip file that holds {self._example()}")
        # Other classes and the training images, over a million files, are not even listed.
        return Folder(path / self._split()) if path.is_dir() else Zip(path)

    def _split(self) -> str:
        return self.settings.split or "val"

    def _example(self) -> str:
        return f"{self._split()}/{self._synsets[0]}/*.JPEG"

    def _classes(self) -> dict[str, list[str]]:
        synsets = self._synsets
        if isinstance(self._files, Zip):
            wanted = {(self._split(), synset) for synset in synsets}
            names = [
                name for name in self._files.names() if tuple(name.split("/")[-3:-1]) in wanted
            ]
        else:
            names = _images_of(self._files.path, synsets)
        where = str(self._files.path)
        missing = sorted(set(synsets) - {_parent_name(name) for name in names})
        if missing:
            raise BlindmatchError(
                f"{where}: {len(missing)} of the {len(synsets)} classes of ImageNet have no "
                f"images, first {missing[0]}; expected {self._example()} and so on"
            )
        return class_folders(names, where=where)

    def _class_names(self, folders: list[str]) -> list[str]:
        name_set = self.settings.class_names or "definition"
        if name_set not in ("definition", "plain"):
            return super()._class_names(folders)
        return imagenet_names(folders, definitions=name_set == "definition")


def _parent_name(name: str) -> str:
    return PurePosixPath(name).parent.name


def _images_of(folder: Path, classes: list[str]) -> list[str]:
    """Files of some class folders, without a look at the others."""
    return [
        f"{name}/{member}"
        for name in classes
        if (folder / name).is_dir()
        for member in Folder(folder / name).names()
    ]


def imagenet_names(synsets: list[str], *, definitions: bool) -> list[str]:
    """Names of ImageNet-1k classes.

    Parameters
    ----------
    synsets : list of str
        WordNet identifiers such as "n01558993".
    definitions : bool
        Add WordNet's definition behind the name.

    Returns
    -------
    list of str
        Names as revised by OpenAI for CLIP (WordNet's own, "jean" or "reel", are often
        ambiguous); they are the paper's plain names. Two classes that share one, as "missile",
        have WordNet's.
    """
    from open_clip import IMAGENET_CLASSNAMES
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    revised = dict(zip(info.label_names(), IMAGENET_CLASSNAMES, strict=True))
    shared = {name for name, count in Counter(IMAGENET_CLASSNAMES).items() if count > 1}
    names = [
        info.label_name_to_description(synset).split(",")[0]
        if revised[synset] in shared
        else revised[synset]
        for synset in synsets
    ]
    if not definitions:
        return names
    return [
        f"{name} - {_definition(info, synset)}" for name, synset in zip(names, synsets, strict=True)
    ]


def _definition(info, synset: str) -> str:
    lemmas = info.label_name_to_description(synset)
    return info.label_name_to_description(synset, detailed=True).removeprefix(f"{lemmas}: ")
