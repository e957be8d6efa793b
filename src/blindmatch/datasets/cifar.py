"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), read by torchvision from the published archives.

The archives hold Python pickles, which can run code when they are read: a checksum in the
configuration is required, and torchvision's own checks of the files inside are left out, so that
any archive that the configuration vouches for can be used.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import unpacked
from blindmatch.datasets._loader import Loader, given_names
from blindmatch.errors import BlindmatchError

if TYPE_CHECKING:
    from PIL.Image import Image


class _Cifar(Loader):
    _torchvision_name: str

    def index(self) -> Index:
        for name, source in self.settings.sources.items():
            if source.checksum is None and source.synthetic is None:
                raise BlindmatchError(
                    f"datasets.{self.slug}.sources: {name} needs a checksum, for it holds Python "
                    "pickles, which can run code"
                )
        return super().index()

    @functools.cached_property
    def _data(self):
        import torchvision.datasets

        split = self.settings.split
        if split not in ("train", "test"):
            raise BlindmatchError(f"datasets.{self.slug}.split: {split!r}, expected train or test")
        archive = self._source("*.tar.gz")
        base = getattr(torchvision.datasets, self._torchvision_name)

        root = unpacked(archive, archive.name.removesuffix(".tar.gz"), lambda member: True)
        try:
            return _vouched_for(base, split)(root, train=split == "train")
        except (RuntimeError, OSError, KeyError, ValueError) as error:
            raise BlindmatchError(f"{archive}: not an archive of {base.__name__}") from error

    def _list(self) -> Index:
        split, labels = self.settings.split, np.array(self._data.targets, dtype=np.int64)
        names = given_names(self.settings, dataset=self.slug)
        return Index(
            keys=[f"{split}/{row:05d}" for row in range(len(labels))],
            labels=labels,
            class_names=names or [name.replace("_", " ") for name in self._data.classes],
        )

    def image(self, row: int) -> "Image":
        return self._data[row][0]


def _vouched_for(base: type, split: str) -> type:
    """The torchvision class without checksums of inner files, needing those of one split alone."""
    return type(
        base.__name__,
        (base,),
        {
            "train_list": [(name, None) for name, _ in base.train_list if split == "train"],
            "test_list": [(name, None) for name, _ in base.test_list if split == "test"],
            "meta": {**base.meta, "md5": None},
        },
    )


@loaders.register("cifar-10")
class Cifar10(_Cifar):
    """CIFAR-10: 10,000 test images of 10 classes, 32 x 32 pixels."""

    _torchvision_name = "CIFAR10"


@loaders.register("cifar-100")
class Cifar100(_Cifar):
    """CIFAR-100: 10,000 test images of 100 classes, 32 x 32 pixels."""

    _torchvision_name = "CIFAR100"
