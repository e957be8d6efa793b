"""Texts without images, for what is learnt from texts alone: WikiText-103 and the like."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._loader import Loader
from blindmatch.errors import BlindmatchError
from blindmatch.reading import MOST_TEXT_BYTES, one_line, read_parquet, reading

if TYPE_CHECKING:
    from PIL.Image import Image


@loaders.register("texts")
class Texts(Loader):
    """Each text of `path` is a class of its own, named by its number; there are no images.

    `path` is a file with a text a line, a .parquet file with a column `text`, or a folder of
    .parquet files, which are read in the order of their names. Empty texts are left out. A text
    takes the place of the class name in the prompts.
    """

    @functools.cached_property
    def _texts(self) -> list[str]:
        path = self._own_path("a file with a text a line, or a .parquet file or a folder of them")
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not files:
            raise BlindmatchError(f"{path}: holds no .parquet file, expected texts")
        found = []
        for file in files:
            read = _column if file.suffix == ".parquet" else _lines
            with reading(file, "file of texts"):
                found += filter(None, (text.strip() for text in read(file)))
        return found

    def _list(self) -> Index:
        numbers = [str(row) for row in range(len(self._texts))]
        return Index(keys=numbers, labels=np.arange(len(numbers)), class_names=numbers)

    def image(self, row: int) -> "Image":
        raise BlindmatchError(f"dataset {self.slug!r} holds texts only, no images")

    def prompts(self) -> list[list[str]]:
        self.index()
        return [self._fill([text]) for text in self._texts]


def _lines(path: Path) -> Iterable[str]:
    if path.stat().st_size > MOST_TEXT_BYTES:
        raise BlindmatchError(f"{path}: expected texts of at most {MOST_TEXT_BYTES:,} bytes")
    with open(path, encoding="utf-8-sig") as stream:
        yield from stream


def _column(path: Path) -> list[str]:
    table = read_parquet(path, "file of texts")
    if "text" not in table.column_names:
        names = one_line(", ".join(table.column_names))
        raise BlindmatchError(f"{path}: has columns {names}; expected 'text'")
    texts = table["text"].to_pylist()
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("its column 'text' holds something else")
    return texts
