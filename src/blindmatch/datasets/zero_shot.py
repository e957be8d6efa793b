"""Sets that zero-shot classification is tried on, read by torchvision from unpacked archives.

Nothing is downloaded: `path` is the folder in which an archive was unpacked.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import decode
from blindmatch.datasets._loader import Loader, given_names
from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line, reading

if TYPE_CHECKING:
    from PIL.Image import Image


class _Torchvision(Loader):
    #: Class of torchvision.datasets; splits that it knows; folder that it wants in `path`.
    _reader: str
    _splits: tuple[str, ...] = ("train", "val", "test")
    _folder: str

    @functools.cached_property
    def _root(self) -> Path:
        what = f"the folder that holds {self._folder}/, as its archive unpacks"
        path = self._own_path(what)
        if not (path / self._folder).is_dir():
            raise BlindmatchError(
                f"datasets.{self.slug}.path: {path} holds no folder {self._folder}; expected {what}"
            )
        return path

    def _list(self) -> Index:
        split = self.settings.split
        if split not in self._splits:
            raise BlindmatchError(
                f"datasets.{self.slug}.split: {split!r}, expected one of {', '.join(self._splits)}"
            )
        import torchvision.datasets

        with reading(self._root / self._folder, f"copy of {self._reader}"):
            found = getattr(torchvision.datasets, self._reader)(self._root, split=split)
            # Its public way to a label opens the image as well.
            places = [Path(place).relative_to(self._root) for place in found._image_files]
            for place in places:
                if ".." in place.parts:
                    raise ValueError(f"image {one_line(place)} lies outside")
            names = [_plain(name) for name in found.classes]
            labels = np.array(found._labels, dtype=np.int64)
        return Index(
            keys=[place.as_posix() for place in places],
            labels=labels,
            class_names=given_names(self.settings, dataset=self.slug) or names,
        )

    def image(self, row: int) -> "Image":
        path = self._root / self._listed.keys[row]
        with reading(path, "image"):
            data = path.read_bytes()
        return decode(data, str(path))


def _plain(name: str) -> str:
    """A class name for prompts; torchvision doubts one flower: "pink-yellow dahlia?"."""
    return name.replace("_", " ").rstrip("?")


@loaders.register("food-101")
class Food101(_Torchvision):
    """Food-101 (Bossard et al., 2014): 250 test images of each of 101 dishes."""

    _reader, _folder, _splits = "Food101", "food-101", ("train", "test")


@loaders.register("dtd")
class DTD(_Torchvision):
    """Describable Textures (Cimpoi et al., 2014): 40 test images of each of 47, first partition."""

    _reader, _folder = "DTD", "dtd"


@loaders.register("fgvc-aircraft")
class FGVCAircraft(_Torchvision):
    """FGVC-Aircraft (Maji et al., 2013): 3,333 test images of 100 variants of aircraft."""

    _reader, _folder = "FGVCAircraft", "fgvc-aircraft-2013b"
    _splits = ("train", "val", "trainval", "test")


@loaders.register("flowers-102")
class Flowers102(_Torchvision):
    """Oxford Flowers (Nilsback and Zisserman, 2008): 6,149 test images of 102 flowers.

    In the folder lie the unpacked `jpg/`, `imagelabels.mat` and `setid.mat`.
    """

    _reader, _folder = "Flowers102", "flowers-102"
