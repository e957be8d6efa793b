"""Datasets: what is in them, what their classes are called, how their images are read.

Importing this package or a loader is light; torchvision and Pillow are imported on use.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from blindmatch.registry import Registry
from blindmatch.settings import DatasetSettings

if TYPE_CHECKING:
    from PIL.Image import Image

loaders = Registry("dataset loader", __name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """What a dataset holds, without its images.

    Attributes
    ----------
    keys : list of str
        A stable name for each image (or item), in the order of the embedding rows.
    labels : np.ndarray, shape (rows,), int64
        Class of each row, 0 ... classes-1.
    class_names : list of str
    """

    keys: list[str]
    labels: np.ndarray
    class_names: list[str]


class Dataset(Protocol):
    """What a registered loader's instances can do; they are made with (slug, settings, folder)."""

    def index(self) -> Index:
        """Rows, labels and class names."""

    def image(self, row: int) -> "Image":
        """One image, RGB. Called in worker processes: instances are picklable."""

    def prompts(self) -> list[list[str]]:
        """The sentences that stand for each class."""


def open_dataset(slug: str, settings: DatasetSettings, folder: str | Path) -> Dataset:
    """The dataset of a config entry; `folder` is ``resources/datasets/{dataset}``."""
    return loaders[settings.loader](slug, settings, Path(folder))
