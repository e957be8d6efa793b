"""Files that say what is to be seen in images: tables and Karpathy's splits."""

import csv
import io
import json
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line, read_text, reading


def read_captions(path: str | Path, *, split: str | None = None) -> dict[str, list[str]]:
    """Captions of images by the images' names, in the order of the file.

    ``.csv``, ``.tsv``: the columns `file` and `caption` of a header, or two columns without one; a
    row per caption, so that a file with several captions has several rows. ``.json``: the splits
    of Karpathy and Fei-Fei (CVPR 2015) for Flickr8k, Flickr30k and COCO.

    Parameters
    ----------
    path : path-like
    split : str, optional
        Part of a .json file that is taken: "train", "val", "test", ...; default: all.

    Raises
    ------
    BlindmatchError
        If the file is missing, unreadable, of another layout, has no such split, or an image no
        caption.
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".json"):
        raise BlindmatchError(
            f"{path}: has suffix {path.suffix!r}, expected a file of captions: .csv, .tsv or .json"
        )
    if split is not None and suffix != ".json":
        raise BlindmatchError(f"{path}: has no splits, expected none to be asked for: {split!r}")
    with reading(path, "file of captions"):
        found = _karpathy(path, split) if suffix == ".json" else _table(path, suffix)
    for name, captions in found.items():
        if not captions or not all(captions):
            raise BlindmatchError(f"{path}: image {one_line(name)!r} has an empty caption or none")
    return found


def _table(path: Path, suffix: str) -> dict[str, list[str]]:
    # Strict, because a quotation mark that is never closed would swallow the rows behind it.
    reader = csv.reader(
        io.StringIO(read_text(path), newline=""),
        dialect="excel-tab" if suffix == ".tsv" else "excel",
        strict=True,
    )
    rows = [(reader.line_num, row) for row in reader if row]
    header = rows[0][1] if rows else []
    named = {"file", "caption"} <= set(header)
    columns = (header.index("file"), header.index("caption")) if named else (0, 1)
    width = len(header) if named else 2
    found: dict[str, list[str]] = {}
    for line, row in rows[named:]:
        if len(row) != width:
            raise BlindmatchError(
                f"{path}: line {line} has {len(row)} columns, expected {width}: a header with "
                "'file' and 'caption', or these two columns without one"
            )
        name, caption = (row[column].strip() for column in columns)
        found.setdefault(name, []).append(caption)
    return found


def _karpathy(path: Path, split: str | None) -> dict[str, list[str]]:
    images = json.loads(read_text(path))["images"]
    splits = sorted({item["split"] for item in images})
    if split is not None and split not in splits:
        raise BlindmatchError(
            f"{path}: has no split {split!r}, expected one of {one_line(', '.join(splits))}"
        )
    found = {}
    for item in images:
        if split in (None, item["split"]):
            # COCO's images of one split lie in two folders.
            name = "/".join(filter(None, (item.get("filepath"), item["filename"])))
            if name in found:
                raise ValueError(f"image {name!r} stands twice")
            found[name] = [sentence["raw"].strip() for sentence in item["sentences"]]
    return found
