"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), read from the published archives.

The archives hold Python pickles, which can run code where Python loads them: they are read by
`blindmatch.datasets._pickles` instead, which cannot.
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import unpacked
from blindmatch.datasets._loader import Loader, given_names
from blindmatch.datasets._pickles import byte_array, plain_pickle
from blindmatch.errors import BlindmatchError
from blindmatch.reading import reading

if TYPE_CHECKING:
    from PIL.Image import Image

_PIXELS = 32


class _Cifar(Loader):
    #: Folder in the archive; its files of class names and of each split; keys in those.
    _folder: str
    _meta: str
    _batches: dict[str, tuple[str, ...]]
    _names_key: str
    _labels_key: str

    @functools.cached_property
    def _data(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Images, shape (rows, 32, 32, 3); labels; class names."""
        split = self.settings.split
        if split not in self._batches:
            raise BlindmatchError(f"datasets.{self.slug}.split: {split!r}, expected train or test")
        archive = self._source("*.tar.gz")
        batches = self._batches[split]
        names = {f"{self._folder}/{name}" for name in (self._meta, *batches)}
        target = f"{archive.name.removesuffix('.tar.gz')}-{split}"
        folder = unpacked(archive, target, lambda member: str(member) in names) / self._folder
        with reading(archive, f"archive of {type(self).__name__}"):
            meta, *batches = (_content(folder / name) for name in (self._meta, *batches))
            labels = [label for batch in batches for label in batch[self._labels_key]]
            rows = np.concatenate([_pixels(byte_array(batch["data"])) for batch in batches])
            if not all(isinstance(name, str) for name in meta[self._names_key]):
                raise ValueError("class names that are no texts")
            if not all(isinstance(label, int) for label in labels) or len(labels) != len(rows):
                raise ValueError(f"{len(labels)} labels for {len(rows)} images")
            return rows, np.array(labels, dtype=np.int64), list(meta[self._names_key])

    def _list(self) -> Index:
        _, labels, found = self._data
        names = given_names(self.settings, dataset=self.slug)
        return Index(
            keys=[f"{self.settings.split}/{row:05d}" for row in range(len(labels))],
            labels=labels,
            class_names=names or [name.replace("_", " ") for name in found],
        )

    def image(self, row: int) -> "Image":
        from PIL import Image

        return Image.fromarray(self._data[0][row])


def _content(path: Path) -> dict:
    if not path.is_file():
        raise ValueError(f"it lacks {path.name}")
    return plain_pickle(path.read_bytes())


def _pixels(rows: np.ndarray) -> np.ndarray:
    """Images of a batch, which holds channel after channel."""
    images = rows.reshape(len(rows), 3, _PIXELS, _PIXELS).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images)


@loaders.register("cifar-10")
class Cifar10(_Cifar):
    """CIFAR-10: 10,000 test images of 10 classes, 32 x 32 pixels."""

    _folder = "cifar-10-batches-py"
    _meta = "batches.meta"
    _batches = {  # noqa: RUF012 - never changed
        "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
        "test": ("test_batch",),
    }
    _names_key, _labels_key = "label_names", "labels"


@loaders.register("cifar-100")
class Cifar100(_Cifar):
    """CIFAR-100: 10,000 test images of 100 classes, 32 x 32 pixels."""

    _folder = "cifar-100-python"
    _meta = "meta"
    _batches = {"train": ("train",), "test": ("test",)}  # noqa: RUF012 - never changed
    _names_key, _labels_key = "fine_label_names", "fine_labels"
