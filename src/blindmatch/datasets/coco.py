"""COCO Captions (Chen et al., 2015): images and the sentences that people wrote about them.

The published zip files are read as they are; torchvision's reader wants them unpacked and
pycocotools installed.
"""

import functools
import json
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import Zip, decode
from blindmatch.datasets._loader import Loader
from blindmatch.errors import BlindmatchError
from blindmatch.reading import reading

if TYPE_CHECKING:
    from PIL.Image import Image

_CAPTIONS = 5


@loaders.register("coco-captions")
class CocoCaptions(Loader):
    """COCO Captions, paired: each image is a class of its own, named by its number.

    `split` is "val2017" (5,000 images) or "train2017". The prompts of a class are the first five
    captions of its image; some images have more.
    """

    @functools.cached_property
    def _split(self) -> str:
        split = self.settings.split
        if split not in ("train2017", "val2017"):
            raise BlindmatchError(
                f"datasets.{self.slug}.split: {split!r}, expected train2017 or val2017"
            )
        return split

    @functools.cached_property
    def _images(self) -> Zip:
        return Zip(self._source(f"{self._split}.zip"))

    @functools.cached_property
    def _captions(self) -> dict[str, list[str]]:
        """File name -> captions, both in the order of their published numbers."""
        member = f"annotations/captions_{self._split}.json"
        archive = Zip(self._source("annotations*.zip"))
        text = archive.read(member)
        with reading(archive.path, f"file of COCO captions: {member}"):
            content = json.loads(text)
            images = {item["id"]: (item["file_name"], []) for item in content["images"]}
            for item in sorted(content["annotations"], key=lambda item: item["id"]):
                images[item["image_id"]][1].append(item["caption"].strip())
            found = dict(images[number] for number in sorted(images))
            if not len(found) == len(images) == len(content["images"]):
                raise ValueError("an image stands twice")
            if not all(isinstance(name, str) for name in found):
                raise ValueError("a file name that is no text")
        for name, captions in found.items():
            if len(captions) < _CAPTIONS:
                raise BlindmatchError(
                    f"{archive.path}: image {name} has {len(captions)} captions, "
                    f"expected {_CAPTIONS}"
                )
        return {name: captions[:_CAPTIONS] for name, captions in found.items()}

    def _list(self) -> Index:
        names = list(self._captions)
        missing = set(names) - {name.rpartition("/")[2] for name in self._images.names()}
        if missing:
            raise BlindmatchError(
                f"{self._images.path}: {len(missing)} of {len(names)} images with captions are "
                f"missing, first {min(missing)}"
            )
        return Index(
            keys=names,
            labels=np.arange(len(names)),
            class_names=[name.rpartition(".")[0] for name in names],
        )

    def image(self, row: int) -> "Image":
        member = f"{self._split}/{self._listed.keys[row]}"
        return decode(self._images.read(member), f"{self._images.path}: {member}")

    def prompts(self) -> list[list[str]]:
        return [self._fill(self._captions[key]) for key in self.index().keys]
