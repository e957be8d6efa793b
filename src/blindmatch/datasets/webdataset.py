"""Pairs in tar shards, as img2dataset writes them: CC3M, CC12M and anything of that size."""

import functools
import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._files import _IMAGES, decode
from blindmatch.datasets._loader import Loader
from blindmatch.datasets._tars import tar_members
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Progress
from blindmatch.provenance import text_digest
from blindmatch.reading import one_line, reading
from blindmatch.storage import publish

if TYPE_CHECKING:
    from PIL.Image import Image

_PARTS = {".txt": "text", **dict.fromkeys(_IMAGES, "image")}
#: Names of samples take their longest one's width in a table; those of img2dataset have 9 digits.
_LONGEST_KEY = 200


@loaders.register("webdataset")
class WebDataset(Loader):
    """Paired: each sample of the .tar shards in the folder `path` is a class of its own.

    A sample is an image and a text of the same name, such as ``000000012.jpg`` and
    ``000000012.txt``; other files are left alone. img2dataset leaves out what it could not get, so
    that half a sample is damage, and refused. The text takes the place of the class name in the
    prompts.

    Where the samples lie is found once and kept beside the dataset's sources until a shard changes:
    all worker processes map that table, some 50 bytes a row, and read the shards in place.
    """

    modules = __name__, "blindmatch.datasets._tars"

    @functools.cached_property
    def _shards(self) -> list[Path]:
        what = "a folder of .tar shards, as img2dataset writes them"
        path = self._own_path(what)
        found = sorted(path.glob("*.tar"))
        if not found:
            raise BlindmatchError(f"{path}: holds no .tar file, expected {what}")
        return found

    @functools.cached_property
    def _table(self) -> np.ndarray:
        """Shard, key and places of each sample, by row."""
        digest = text_digest(*(_state(shard) for shard in self._shards))[:16]
        path = self.folder / f"samples-{digest}.npy"
        if not path.is_file():
            stream = io.BytesIO()
            np.save(stream, _samples(self._shards))
            for old in self.folder.glob("samples-*.npy"):
                old.unlink(missing_ok=True)
            publish(path, stream.getbuffer())
        with reading(path, "table of samples"):
            return np.load(path, mmap_mode="r", allow_pickle=False)

    def _list(self) -> Index:
        shards, keys = self._table["shard"].tolist(), self._table["key"].tolist()
        names = [
            f"{self._shards[shard].stem}/{key.decode()}"
            for shard, key in zip(shards, keys, strict=True)
        ]
        return Index(keys=names, labels=np.arange(len(names)), class_names=names)

    def image(self, row: int) -> "Image":
        sample = self._table[row]
        path = self._shards[sample["shard"]]
        with reading(path, "tar archive"), open(path, "rb", buffering=0) as stream:
            data = os.pread(stream.fileno(), int(sample["image_size"]), int(sample["image"]))
        return decode(data, f"{path}: image of sample {sample['key'].decode()!r}")

    def prompts(self) -> list[list[str]]:
        self.index()
        return [self._fill([text]) for text in self._texts()]

    def _texts(self) -> Iterator[str]:
        for number, path in enumerate(self._shards):
            with reading(path, "tar archive of samples"), open(path, "rb") as stream:
                for sample in self._table[self._table["shard"] == number]:
                    stream.seek(sample["text"])
                    text = stream.read(sample["text_size"]).decode("utf-8").strip()
                    if not text:
                        raise ValueError(f"the text of {sample['key'].decode()!r} is empty")
                    yield text


def _state(shard: Path) -> str:
    with reading(shard, "tar archive"):
        found = shard.stat()
        return f"{shard.name} {found.st_size} {found.st_mtime_ns}"


def _samples(shards: list[Path]) -> np.ndarray:
    """Where each sample of some shards lies: a table with a row each."""
    progress = Progress("indexed", "shards", len(shards))
    tables = []
    for number, shard in enumerate(shards):
        tables.append(_table_of(_parts(shard), number))
        progress.advance()
    return np.concatenate(tables)


def _table_of(samples: dict[str, dict[str, tuple[int, int]]], shard: int) -> np.ndarray:
    keys = [key.encode() for key in samples]
    places = ("image", "image_size", "text", "text_size")
    table = np.empty(
        len(samples),
        dtype=[("shard", "<u4"), ("key", f"S{max(map(len, keys), default=1)}")]
        + [(place, "<i8") for place in places],
    )
    table["shard"], table["key"] = shard, keys
    for part in ("image", "text"):
        found = np.array([sample[part] for sample in samples.values()], dtype=np.int64)
        table[part], table[f"{part}_size"] = found.reshape(-1, 2).T
    return table


def _parts(shard: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Offset and size of the image and of the text of each sample of a shard, in its order.

    Raises
    ------
    BlindmatchError
        If a sample is not one image and one text.
    """
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    for name, *place in tar_members(shard):
        path = PurePosixPath(name)
        # As in WebDataset, what follows the first dot of a name says what it holds.
        key, _, suffix = path.name.partition(".")
        part = _PARTS.get(f".{suffix.lower()}")
        if not key or part is None:
            continue
        key = str(path.with_name(key))
        if part in samples.setdefault(key, {}):
            raise BlindmatchError(f"{shard}: {one_line(name)!r} is the second {part} of a sample")
        if len(key.encode()) > _LONGEST_KEY:
            raise BlindmatchError(
                f"{shard}: a sample's name has more than {_LONGEST_KEY} bytes: {one_line(key)!r}"
            )
        samples[key][part] = tuple(place)
    for key, found in samples.items():
        if len(found) < 2:
            raise BlindmatchError(
                f"{shard}: sample {key!r} has only its {''.join(found)}, expected an image and a "
                ".txt file"
            )
    return samples
