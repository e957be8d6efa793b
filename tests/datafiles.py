"""Small data sets in the true formats of the published ones, for tests; deterministic bytes.

Images of a class share a colour and a stripe pattern, so that matching them means something.
"""

import contextlib
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from blindmatch.datasets import open_dataset
from blindmatch.settings import DatasetSettings

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree
orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit
raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""

CIFAR10_NAMES = _CIFAR10.split()
CIFAR100_NAMES = _CIFAR100.split()


def class_image(label: int, copy: int, size: int = 32) -> np.ndarray:
    """One image of a class, shape (size, size, 3), uint8."""
    style = np.random.default_rng((1, label))
    colours = style.integers(0, 256, size=(2, 3))
    direction, width = style.uniform(0, np.pi), style.uniform(3, size / 2)
    noise = np.random.default_rng((2, label, copy))
    y, x = np.mgrid[:size, :size]
    shift = noise.uniform(0, 2 * width)
    stripes = (x * np.cos(direction) + y * np.sin(direction) + shift) // width % 2
    image = colours[stripes.astype(int)] + noise.normal(0, 20, (size, size, 3))
    return image.clip(0, 255).astype(np.uint8)


def write_cifar10(folder: Path, images_per_class: int, classes: int = 10) -> Path:
    """``cifar-10-python.tar.gz`` with a test batch."""
    labels = _shuffled_labels(classes, images_per_class)
    batch = {
        "batch_label": "testing batch 1 of 1",
        "labels": labels,
        "data": _cifar_rows(labels),
        "filenames": [f"image_{row:06d}.png" for row in range(len(labels))],
    }
    meta = {"num_cases_per_batch": len(labels), "label_names": CIFAR10_NAMES[:classes]}
    return write_tar(
        folder / "cifar-10-python.tar.gz",
        {
            "cifar-10-batches-py/test_batch": _python2_pickle(batch),
            "cifar-10-batches-py/batches.meta": _python2_pickle(meta),
        },
    )


def write_cifar100(folder: Path, images_per_class: int, classes: int = 100) -> Path:
    """``cifar-100-python.tar.gz`` with a test part."""
    labels = _shuffled_labels(classes, images_per_class)
    batch = {
        "filenames": [f"image_s_{row:06d}.png" for row in range(len(labels))],
        "batch_label": "testing batch 1 of 1",
        "fine_labels": labels,
        "coarse_labels": [label // 5 for label in labels],
        "data": _cifar_rows(labels),
    }
    meta = {
        "fine_label_names": CIFAR100_NAMES[:classes],
        "coarse_label_names": [f"superclass_{number}" for number in range(-(-classes // 5))],
    }
    return write_tar(
        folder / "cifar-100-python.tar.gz",
        {
            "cifar-100-python/test": _python2_pickle(batch),
            "cifar-100-python/meta": _python2_pickle(meta),
        },
    )


def write_cinic10(folder: Path, images_per_class: int) -> Path:
    """``CINIC-10.tar.gz`` with the parts `train` (one image a class) and `valid`."""
    members = {"README.md": b"CINIC-10\n"}
    for part, copies in (("train", 1), ("valid", images_per_class)):
        for label, name in enumerate(CIFAR10_NAMES):
            for copy in range(copies):
                image = class_image(label, copy if part == "valid" else 1000 + copy)
                members[f"{part}/{name}/cifar10-{part}-{copy}.png"] = _encoded(image, "PNG")
    return write_tar(folder / "CINIC-10.tar.gz", members)


def write_coco(folder: Path, images: int, captions: int = 5) -> tuple[Path, Path]:
    """``val2017.zip`` and ``annotations_trainval2017.zip``."""
    numbers = [139 + 146 * row for row in range(images)]
    pictures = {
        f"val2017/{number:012d}.jpg": _encoded(class_image(row, 0, size=64), "JPEG")
        for row, number in enumerate(numbers)
    }
    annotations = [
        {"id": 10 * row + said, "image_id": number, "caption": f"Caption {said} of {row}. "}
        for said in range(captions)
        for row, number in enumerate(numbers)
    ]
    content = {
        "info": {"description": "COCO 2017 Dataset"},
        "images": [
            {"id": number, "file_name": f"{number:012d}.jpg", "height": 64, "width": 64}
            for number in reversed(numbers)
        ],
        "annotations": annotations,
    }
    return (
        write_zip(folder / "val2017.zip", {"val2017/": b"", **pictures}),
        write_zip(
            folder / "annotations_trainval2017.zip",
            {"annotations/captions_val2017.json": json.dumps(content).encode()},
        ),
    )


def class_files(
    classes: Sequence[str], images_per_class: int, prefix: str = "", kind: str = "JPEG"
) -> dict[str, bytes]:
    """File names and contents of class folders."""
    return {
        f"{prefix}{name}/{copy:04d}.{'png' if kind == 'PNG' else kind}": _encoded(
            class_image(label, copy), kind
        )
        for label, name in enumerate(classes)
        for copy in range(images_per_class)
    }


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder; a name that ends in "/" is an empty folder."""
    for name, data in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip archive; a name that ends in "/" is a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def write_image_zip(path: Path, classes: int, images_per_class: int) -> Path:
    """A zip archive of class folders, named like classes of CIFAR-100."""
    return write_zip(path, class_files(CIFAR100_NAMES[:classes], images_per_class, kind="PNG"))


def write_karpathy(path: Path, captions: Mapping[str, Sequence[str]], split: str = "test") -> Path:
    """A .json file of Karpathy's splits: these images in one split, and one more in `train`."""
    images = [
        {
            "sentids": list(range(len(said))),
            "imgid": number,
            "sentences": [
                {"tokens": text.lower().split(), "raw": text, "imgid": number, "sentid": row}
                for row, text in enumerate(said)
            ],
            "split": split,
            "filename": name,
        }
        for number, (name, said) in enumerate(captions.items())
    ]
    other = {"sentids": [], "imgid": len(images), "sentences": [{"raw": "Another one."}]}
    images.append({**other, "split": "train", "filename": "elsewhere.jpg"})
    path.write_text(json.dumps({"images": images, "dataset": "flickr30k"}))
    return path


def shard_files(shard: int, samples: int, suffix: str = "jpg") -> dict[str, bytes]:
    """Members of a shard as img2dataset names them; every seventh image could not be fetched."""
    files = {}
    for sample in range(samples):
        key = f"{shard:05d}{sample:04d}"
        files |= {
            f"{key}.{suffix}": _encoded(class_image(sample, shard, size=40), "JPEG"),
            f"{key}.json": json.dumps({"key": key, "status": "success"}).encode(),
            f"{key}.txt": f"caption {sample} of {shard}".encode(),
        }
    return {name: data for name, data in files.items() if int(name[:9]) % 7 != 6}


def write_shards(folder: Path, shards: int, samples: int) -> Path:
    """Shards of tar archives with what img2dataset lays beside them."""
    for shard in range(shards):
        write_tar(folder / f"{shard:05d}.tar", shard_files(shard, samples))
        (folder / f"{shard:05d}_stats.json").write_text("{}")
        (folder / f"{shard:05d}.parquet").write_bytes(b"PAR1")
    return folder


def write_food101(folder: Path, names: Sequence[str], images_per_class: int) -> Path:
    """The unpacked archive of Food-101, with a test part; returns the folder around it."""
    test = {
        name: [f"{name}/{100 + copy}" for copy in range(images_per_class)]
        for name in reversed(names)
    }
    files = {
        f"food-101/images/{place}.jpg": _encoded(class_image(names.index(name), copy), "JPEG")
        for name, places in test.items()
        for copy, place in enumerate(places)
    }
    return write_files(folder, {**files, "food-101/meta/test.json": json.dumps(test).encode()})


def write_dtd(folder: Path, names: Sequence[str], images_per_class: int) -> Path:
    """The unpacked archive of Describable Textures, with the test part of partition 1."""
    places = {
        f"{name}/{name}_{copy:04d}.jpg": class_image(label, copy)
        for label, name in enumerate(names)
        for copy in range(images_per_class)
    }
    files = {f"dtd/dtd/images/{place}": _encoded(image, "JPEG") for place, image in places.items()}
    listed = "".join(f"{place}\n" for place in places)
    return write_files(folder, {**files, "dtd/dtd/labels/test1.txt": listed.encode()})


def write_aircraft(folder: Path, names: Sequence[str], images_per_class: int) -> Path:
    """The unpacked archive of FGVC-Aircraft, with a test part."""
    data, files, listed = "fgvc-aircraft-2013b/data", {}, ""
    for label, name in enumerate(names):
        for copy in range(images_per_class):
            number = f"{1000 * label + copy:07d}"
            files[f"{data}/images/{number}.jpg"] = _encoded(class_image(label, copy), "JPEG")
            listed += f"{number} {name}\n"
    return write_files(
        folder,
        {
            **files,
            f"{data}/variants.txt": "".join(f"{name}\n" for name in names).encode(),
            f"{data}/images_variant_test.txt": listed.encode(),
        },
    )


def write_flowers102(folder: Path) -> Path:
    """The unpacked files of Oxford Flowers: two images of each flower, the second one for tests.

    The published .mat files are known by their checksums, which these do not have.
    """
    import scipy.io

    labels = np.tile(np.arange(1, 103, dtype=np.uint8), 2)
    files = {
        f"flowers-102/jpg/image_{number:05d}.jpg": _encoded(class_image(int(label), number), "JPEG")
        for number, label in enumerate(labels, 1)
    }
    write_files(folder, files)
    numbers = np.arange(1, 205, dtype=np.uint16)
    parts = {"trnid": numbers[:51], "valid": numbers[51:102], "tstid": numbers[102:]}
    scipy.io.savemat(folder / "flowers-102/imagelabels.mat", {"labels": labels[None]})
    scipy.io.savemat(
        folder / "flowers-102/setid.mat", {name: part[None] for name, part in parts.items()}
    )
    return folder


def write_embeddings(
    path: Path, embeddings: np.ndarray, labels: Iterable[object] | None = None
) -> Path:
    """Write embeddings in the format that the suffix names."""
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    labels = None if labels is None else np.array(list(labels))
    given = {"embeddings": embeddings} | ({} if labels is None else {"labels": labels})
    match path.suffix:
        case ".npy":
            np.save(path, embeddings)
        case ".npz":
            np.savez(path, **given)
        case ".h5":
            with h5py.File(path, "w") as file:
                for name, values in given.items():
                    text = values.dtype.kind == "U"
                    file[name] = values.astype(h5py.string_dtype()) if text else values
        case ".parquet":
            columns = {"embedding": list(embeddings)}
            columns |= {} if labels is None else {"label": labels}
            pq.write_table(pa.table(columns), path)
        case suffix:
            raise AssertionError(suffix)
    return path


def _shuffled_labels(classes: int, images_per_class: int) -> list[int]:
    labels = np.repeat(np.arange(classes), images_per_class)
    return np.random.default_rng(3).permutation(labels).tolist()


def _cifar_rows(labels: Sequence[int]) -> np.ndarray:
    """Images as the published batches hold them, shape (rows, 3072): channels, rows, columns."""
    images = np.array([class_image(label, row) for row, label in enumerate(labels)])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(labels), -1))


def _encoded(image: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a .tar archive of files, or a .tar.gz one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(path, "wb"))
        if path.suffix == ".gz":
            file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        tar = stack.enter_context(tarfile.open(fileobj=file, mode="w"))
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


class _Python2Pickler(pickle._Pickler):
    """Text and bytes become Python 2's `str`, as in the published files."""

    dispatch = dict(pickle._Pickler.dispatch)  # noqa: RUF012 - the parent's way

    def _save_python2_str(self, value: str | bytes) -> None:
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = _save_python2_str


def _python2_pickle(content: object) -> bytes:
    stream = io.BytesIO()
    _Python2Pickler(stream, protocol=2).dump(content)
    return stream.getvalue()


def opened(loader, path, folder="unused", **settings):
    """The dataset of an entry of these settings."""
    return open_dataset("mine", DatasetSettings(loader=loader, path=str(path), **settings), folder)


def looks_like(dataset, row, label, copy, size=32):
    """Whether an image is the one that `datafiles` draws and packs as JPEG."""
    stream = io.BytesIO()
    Image.fromarray(class_image(label, copy, size)).save(stream, "JPEG")
    return np.array_equal(dataset.image(row), Image.open(stream))
