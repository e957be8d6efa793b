"""The user's own images with captions, which may be their names: pairs of any kind."""

import functools
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._captions import read_captions
from blindmatch.datasets._files import _IMAGES, Folder, Zip, _skipped, decode, open_files
from blindmatch.datasets._loader import Loader
from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

_WORDNET_NUMBER = re.compile(r"^n\d{8}_")


@loaders.register("image-captions")
class ImageCaptions(Loader):
    """Paired: each image of the folder or zip file `path` is a class of its own.

    `captions` is a file as `read_captions` reads it, whose images are taken, `split` a part of it;
    its names may leave out the folders that all lies in. Without it, every image is taken, and its
    name is its caption: a WordNet number in front is dropped, as in "n01440764_tench.jpg", and
    underscores are blanks. Captions take the place of the class name in the prompts.
    """

    modules = __name__, "blindmatch.datasets._captions"

    @functools.cached_property
    def _files(self) -> Folder | Zip:
        return open_files(self._own_path("a folder or zip file of images"))

    @functools.cached_property
    def _captions(self) -> dict[str, list[str]]:
        """Captions of each image, by its place in the folder or zip file."""
        images = sorted(name for name in self._files.names() if _is_image(name))
        if self.settings.captions is not None:
            said = read_captions(self.settings.captions, split=self.settings.split)
            return self._placed(said, images)
        if self.settings.split is not None:
            raise BlindmatchError(
                f"datasets.{self.slug}.split: {self.settings.split!r}, expected none: names of "
                "images are captions here, and have no splits"
            )
        for name in images:
            if not _words(name):
                raise BlindmatchError(f"{self._files.path}: {name}: its name holds no caption")
        return {name: [_words(name)] for name in images}

    def _placed(self, said: dict[str, list[str]], images: list[str]) -> dict[str, list[str]]:
        places: dict[str, list[str]] = {}
        for image in images:
            places.setdefault(PurePosixPath(image).name, []).append(image)
        found = {}
        for name, captions in said.items():
            same = places.get(PurePosixPath(name).name, [])
            fitting = [place for place in same if f"/{place}".endswith(f"/{name}")]
            if len(fitting) != 1 or fitting[0] in found:
                raise BlindmatchError(
                    f"{self._files.path}: expected one image {one_line(name)!r} of "
                    f"{self.settings.captions}, found {len(fitting)}"
                    + " that another name stands for too"
                    * (len(fitting) == 1)
                )
            found[fitting[0]] = captions
        return found

    def _list(self) -> Index:
        keys = list(self._captions)
        stems = [PurePosixPath(key).stem for key in keys]
        return Index(
            keys=keys,
            labels=np.arange(len(keys)),
            class_names=stems if len(set(stems)) == len(stems) else keys,
        )

    def image(self, row: int) -> "Image":
        name = self._listed.keys[row]
        return decode(self._files.read(name), f"{self._files.path}: {name}")

    def prompts(self) -> list[list[str]]:
        return [self._fill(self._captions[key]) for key in self.index().keys]


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return not name.endswith("/") and path.suffix.lower() in _IMAGES and not _skipped(path)


def _words(name: str) -> str:
    return _WORDNET_NUMBER.sub("", PurePosixPath(name).stem).replace("_", " ").strip()
