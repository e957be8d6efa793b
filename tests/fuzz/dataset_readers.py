"""Readers of data sets, for `tests.fuzz.readers`."""

import functools
import gzip
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from blindmatch.datasets import _files, open_dataset
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles
from tests.fuzz.hostile import expect, zipped


def images(folder: Path) -> list[bytes]:
    from PIL import Image

    picture = Image.fromarray(datafiles.class_image(1, 0, size=24))
    found = []
    for mode, kind, options in (
        *(("RGB", kind, {}) for kind in ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")),
        ("CMYK", "JPEG", {}),
        ("L", "PNG", {}),
        ("P", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("I;16", "PNG", {}),
        ("F", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("P", "GIF", {"save_all": True, "append_images": [picture.convert("P")]}),
    ):
        stream = io.BytesIO()
        picture.convert("L" if mode == "I;16" else mode).convert(mode).save(stream, kind, **options)
        found.append(stream.getvalue())
    return found


def read_image(path: Path) -> None:
    image = _files.decode(path.read_bytes(), str(path))
    expect(image.mode == "RGB" and min(image.size) > 0, image)


def image_zip(folder: Path) -> list[bytes]:
    return [datafiles.write_image_zip(folder / "a.zip", 2, 2).read_bytes()]


def _read_all(dataset) -> None:
    index = dataset.index()
    expect(len(index.keys) == len(index.labels) and len(index.class_names) >= 2)
    prompts = dataset.prompts()
    expect(all(isinstance(prompt, str) for each in prompts for prompt in each))
    for row in range(min(4, len(index.keys))):
        expect(dataset.image(row).mode == "RGB")


def read_image_zip(path: Path) -> None:
    settings = DatasetSettings(loader="image-folder", path=str(path))
    _read_all(open_dataset("mine", settings, "unused"))


def read_source(loader: str, split: str, **others: bytes) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        for name, data in others.items():
            (path.parent / f"{name}.zip").write_bytes(data)
        names = [path.name, *(f"{name}.zip" for name in others)]
        settings = DatasetSettings(
            loader=loader, split=split, sources={name: Source() for name in names}
        )
        before = set(path.parent.parent.rglob("*"))
        try:
            _read_all(open_dataset("mine", settings, path.parent))
        finally:
            new = set(path.parent.parent.rglob("*")) - before
            expect(all(path.parent in made.parents for made in new), new)

    return read


def tar(folder: Path) -> list[bytes]:
    return [gzip.decompress(datafiles.write_cinic10(folder, 1).read_bytes())]


def pickles(folder: Path) -> list[bytes]:
    with tarfile.open(datafiles.write_cifar10(folder, 1, classes=3)) as tar:
        return [tar.extractfile("cifar-10-batches-py/test_batch").read()]


def seal_pickle(inner: bytes) -> bytes:
    stream = io.BytesIO()
    meta = b"}(U\x0blabel_names](U\x01aU\x01bU\x01ces."
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for name, data in (("test_batch", inner), ("batches.meta", meta)):
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def captions(folder: Path) -> list[bytes]:
    _, annotations = datafiles.write_coco(folder, 3)
    with zipfile.ZipFile(annotations) as archive:
        return [archive.read("annotations/captions_val2017.json")]


def seal_captions(inner: bytes) -> bytes:
    return zipped({"annotations/captions_val2017.json": inner})


@functools.cache
def _coco_images() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return datafiles.write_coco(Path(folder), 3)[0].read_bytes()


def read_captions(path: Path) -> None:
    read_source("coco-captions", "val2017", val2017=_coco_images())(path)
