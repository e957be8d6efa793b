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


def _read_texts(dataset) -> None:
    index = dataset.index()
    expect(len(index.keys) == len(index.labels) and len(index.class_names) >= 2)
    prompts = dataset.prompts()
    expect(len(prompts) == len(index.class_names))
    expect(all(isinstance(prompt, str) for each in prompts for prompt in each))


def _read_all(dataset) -> None:
    _read_texts(dataset)
    index = dataset.index()
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


def _pictures() -> dict[str, bytes]:
    return datafiles.class_files(["cat", "dog"], 2)


def karpathy(folder: Path) -> list[bytes]:
    said = {name: ["A.", "Die Füße."] for name in _pictures()}
    return [datafiles.write_karpathy(folder / "a.json", said).read_bytes()]


def caption_tables(folder: Path) -> list[bytes]:
    rows = [f'{name},"A ""big"" one,\nor two"\n' for name in _pictures()]
    return ["".join(some).encode() for some in (rows, ["file,caption\n", *rows, *rows])]


def read_pairs(path: Path) -> None:
    pictures = datafiles.write_zip(path.parent / "pictures.zip", _pictures())
    split = "test" if path.suffix == ".json" else None
    settings = DatasetSettings(
        loader="image-captions", path=str(pictures), captions=str(path), split=split
    )
    _read_all(open_dataset("mine", settings, path.parent))


def shards(folder: Path) -> list[bytes]:
    files = datafiles.shard_files(0, 3)
    path = datafiles.write_tar(folder / "a.tar", files)
    found = [path.read_bytes()]
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w", format=kind) as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(f"{'long' * 30}/{name}")
                member.size, member.pax_headers = len(data), {"comment": "none"}
                tar.addfile(member, io.BytesIO(data))
        found.append(path.read_bytes())
    return found


def seal_shard(inner: bytes) -> bytes:
    """A tar archive with the right checksum in whatever still is a header."""
    data = bytearray(inner)
    for start in range(0, len(data) - 511, 512):
        if data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    return bytes(data)


def read_shards(path: Path) -> None:
    settings = DatasetSettings(loader="webdataset", path=str(path.parent))
    _read_all(open_dataset("mine", settings, path.parent))


def text_tables(folder: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["one", "", "zwölf"] * 9}), folder / "a.parquet")
    return [(folder / "a.parquet").read_bytes()]


def read_texts(path: Path) -> None:
    settings = DatasetSettings(loader="texts", path=str(path))
    _read_texts(open_dataset("mine", settings, path.parent))


#: Loader -> what writes its data set, and the list of images in it.
_UNPACKED = {
    "food-101": (datafiles.write_food101, "food-101/meta/test.json"),
    "fgvc-aircraft": (
        datafiles.write_aircraft,
        "fgvc-aircraft-2013b/data/images_variant_test.txt",
    ),
}


def listed_images(loader: str) -> Callable[[Path], list[bytes]]:
    write, listed = _UNPACKED[loader]
    return lambda folder: [(write(folder, ["bun", "pie"], 2) / listed).read_bytes()]


def read_listed(loader: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        write, listed = _UNPACKED[loader]
        root = write(path.parent / "root", ["bun", "pie"], 2)
        (root / listed).write_bytes(path.read_bytes())
        settings = DatasetSettings(loader=loader, split="test", path=str(root))
        dataset = open_dataset("mine", settings, path.parent)
        _read_all(dataset)
        expect(all(".." not in Path(key).parts for key in dataset.index().keys))

    return read
