"""Stand-ins for published datasets: emoji in the file formats of CIFAR-10, CINIC-10 and COCO.

They let every path of a study run without a download. What they hold are drawings, so results on
them say nothing about the datasets whose format they have.
"""

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets._loader import data_lines
from blindmatch.datasets.emoji import VENDORS, drawing, view
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Progress, Report, say
from blindmatch.storage import publish

if TYPE_CHECKING:
    from PIL.Image import Image

#: The classes of CIFAR-10 and CINIC-10 with the code points that show them.
_CLASSES = {
    "airplane": "2708",
    "automobile": "1F697",
    "bird": "1F426",
    "cat": "1F408",
    "deer": "1F98C",
    "dog": "1F415",
    "frog": "1F438",
    "horse": "1F40E",
    "ship": "1F6A2",
    "truck": "1F69A",
}
_IMAGES_PER_CLASS = 40
_SCENES = 120
_CAPTIONS = (
    "a {} and a {}.",
    "a picture of a {} next to a {}.",
    "there is a {} beside a {}.",
    "a {} together with a {}.",
    "a drawing that shows a {} and a {}.",
)


def draw_source(kind: str, path: str | Path, *, report: Report = say) -> None:
    """Draw one file of a stand-in; the same packages give the same images.

    Parameters
    ----------
    kind : {"cifar-10", "cinic-10", "coco-captions"}
        Whose format.
    path : path-like
        Its name decides which file of the dataset it is.
    report : callable

    Raises
    ------
    BlindmatchError
        If the dataset has no file of this name, or the emoji are not installed.
    """
    path = Path(path)
    writers: dict[tuple[str, str], Callable[[Report], bytes]] = {
        ("cifar-10", "cifar-10-python.tar.gz"): _cifar10,
        ("cinic-10", "CINIC-10.tar.gz"): _cinic10,
        ("coco-captions", "val2017.zip"): _coco_images,
        ("coco-captions", "annotations_trainval2017.zip"): _coco_captions,
    }
    if (kind, path.name) not in writers:
        names = ", ".join(name for owner, name in writers if owner == kind)
        raise BlindmatchError(f"{path}: expected a file of {kind} ({names}), found {path.name}")
    report(f"{path}: drawn from emoji in the format of {kind}; it is not {kind}")
    publish(path, writers[kind, path.name](report))


def _cifar10(report: Report) -> bytes:
    labels, images = zip(*_class_images(0, report), strict=True)
    rows = np.stack([np.asarray(image).transpose(2, 0, 1).reshape(-1) for image in images])
    batch = {
        "batch_label": "testing batch 1 of 1",
        "labels": list(labels),
        "data": rows,
        "filenames": [f"emoji_{row:06d}.png" for row in range(len(rows))],
    }
    meta = {"num_cases_per_batch": len(rows), "label_names": list(_CLASSES)}
    return _tar(
        {
            "cifar-10-batches-py/test_batch": pickle.dumps(batch, protocol=2),
            "cifar-10-batches-py/batches.meta": pickle.dumps(meta, protocol=2),
        }
    )


def _cinic10(report: Report) -> bytes:
    names = list(_CLASSES)
    return _tar(
        {
            f"valid/{names[label]}/emoji-valid-{row}.png": _encoded(image, "PNG")
            for row, (label, image) in enumerate(_class_images(1, report))
        }
    )


def _class_images(stream: int, report: Report) -> Iterator[tuple[int, "Image"]]:
    """Label and 32 x 32 image, classes mixed as in the published files."""
    from PIL import Image

    labels = np.repeat(np.arange(len(_CLASSES)), _IMAGES_PER_CLASS)
    order = np.random.default_rng([stream, len(labels)]).permutation(len(labels))
    codes = list(_CLASSES.values())
    progress = Progress("drew", "images", len(labels), report=report)
    for row in order:
        label, vendor = int(labels[row]), list(VENDORS)[row % len(VENDORS)]
        image = view(drawing(vendor, codes[label]), np.random.default_rng([stream, int(row)]))
        yield label, image.resize((32, 32), Image.Resampling.BOX)
        progress.advance()


def _coco_images(report: Report) -> bytes:
    from PIL import Image

    members = {}
    progress = Progress("drew", "scenes", _SCENES, report=report)
    for number, pair in _scenes():
        scene = Image.new("RGB", (448, 224))
        for place, (code, _) in enumerate(pair):
            generator = np.random.default_rng([number, place])
            vendor = list(VENDORS)[int(generator.integers(len(VENDORS)))]
            scene.paste(view(drawing(vendor, code), generator), (224 * place, 0))
        members[f"val2017/{number:012d}.jpg"] = _encoded(scene, "JPEG")
        progress.advance()
    return _zip(members)


def _coco_captions(report: Report) -> bytes:
    scenes = list(_scenes())
    content = {
        "images": [{"id": number, "file_name": f"{number:012d}.jpg"} for number, _ in scenes],
        "annotations": [
            {
                "id": len(_CAPTIONS) * number + said,
                "image_id": number,
                "caption": template.format(*(name for _, name in pair)),
            }
            for number, pair in scenes
            for said, template in enumerate(_CAPTIONS)
        ],
    }
    return _zip({"annotations/captions_val2017.json": json.dumps(content).encode()})


def _scenes() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Number of a scene and the two concepts in it, code point and name."""
    concepts = [tuple(line.split(" ", 1)) for line in data_lines("emoji100.txt")]
    generator = np.random.default_rng(2017)
    for number in range(1, _SCENES + 1):
        first, second = generator.choice(len(concepts), size=2, replace=False)
        yield number, [concepts[first], concepts[second]]


def _encoded(image: "Image", kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            # A fixed date: the same members give the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (2017, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()
