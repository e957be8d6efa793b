"""Embedding files in the formats that people have: .npy, .npz, .h5, .parquet; label files."""

import csv
import dataclasses
import zipfile
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.registry import nearest
from blindmatch.storage import check_embeddings


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Rows of one file.

    Attributes
    ----------
    embeddings : np.ndarray, shape (rows, dimension), float32 or float64
    labels : list of str or None
        A class name or number per row, where the file has them.
    """

    embeddings: np.ndarray
    labels: list[str] | None


def read_table(path: str | Path) -> Table:
    """Read an embedding file.

    ``.npy``: an array. ``.npz``: one array, or `embeddings` and optionally `labels`. ``.h5``:
    datasets `embeddings` and optionally `labels`. ``.parquet``: a list column `embedding` or all
    numeric columns, and optionally a column `label`. Pickled objects are refused.

    Raises
    ------
    BlindmatchError
        If the file is missing, unreadable, of another layout, or holds rows that are not finite
        or zero.
    """
    path = Path(path).expanduser()
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BlindmatchError(
            f"{path}: has suffix {path.suffix!r}, expected one of {', '.join(_READERS)}"
        )
    if not path.is_file():
        raise BlindmatchError(f"{path}: does not exist, expected a file of embeddings")
    embeddings, labels = _attempt(reader, path)
    if embeddings.dtype == np.float16:
        embeddings = embeddings.astype(np.float32)
    check_embeddings(embeddings, str(path))
    if labels is not None and np.shape(labels) != (len(embeddings),):
        raise BlindmatchError(
            f"{path}: labels of shape {np.shape(labels)} for {len(embeddings)} embeddings"
        )
    return Table(embeddings, None if labels is None else _texts(labels))


def read_labels(path: str | Path) -> list[str]:
    """Read a file of labels, one per row.

    ``.npy``: an array of strings or integers. ``.txt``: a line each. ``.csv``: the column `label`,
    or the only column.

    Raises
    ------
    BlindmatchError
        If the file is missing, unreadable or of another layout.
    """
    path = Path(path).expanduser()
    readers = {".npy": _npy_labels, ".txt": _txt_labels, ".csv": _csv_labels}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BlindmatchError(
            f"{path}: has suffix {path.suffix!r}, expected one of {', '.join(readers)}"
        )
    return _attempt(reader, path)


def _attempt(reader, path: Path):
    """What `reader` makes of the file; whatever a damaged file causes becomes one sentence."""
    try:
        return reader(path)
    except BlindmatchError:
        raise
    except _DAMAGE as error:
        raise BlindmatchError(f"{path}: cannot be read ({error})") from error


#: What a damaged file makes the readers raise; those of pyarrow are subclasses of these too.
_DAMAGE = (OSError, EOFError, ValueError, LookupError, RuntimeError, zipfile.BadZipFile)


def _npy(path: Path):
    return np.load(path, allow_pickle=False), None


def _npz(path: Path):
    with np.load(path, allow_pickle=False) as archive:
        if len(archive.files) == 1:
            return archive[archive.files[0]], None
        return _member(archive, archive.files, path), _labels_of(archive, archive.files)


def _h5(path: Path):
    import h5py

    with h5py.File(path, "r") as file:
        embeddings = _member(file, list(file), path)[()]
        labels = _labels_of(file, list(file))
        if labels is not None:
            labels = labels.asstr()[()] if labels.dtype.kind == "O" else labels[()]
        return embeddings, labels


def _member(container, names: list[str], path: Path):
    if "embeddings" not in names:
        raise BlindmatchError(
            f"{path}: holds {', '.join(map(repr, names)) or 'nothing'}, expected 'embeddings'"
            + nearest("embeddings", names)
        )
    return container["embeddings"]


def _labels_of(container, names: list[str]):
    return container["labels"] if "labels" in names else None


def _parquet(path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    labels = table["label"].to_numpy() if "label" in table.column_names else None
    if "embedding" in table.column_names:
        return np.stack(table["embedding"].to_numpy()), labels
    numeric = [
        field.name
        for field in table.schema
        if (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))
        and field.name != "label"
        and not field.name.startswith("__index_level_")
    ]
    if not numeric:
        raise BlindmatchError(
            f"{path}: has columns {', '.join(table.column_names)}; expected numeric ones, or a "
            "list column 'embedding'"
        )
    return np.column_stack([table[name].to_numpy() for name in numeric]), labels


_READERS = {".npy": _npy, ".npz": _npz, ".h5": _h5, ".hdf5": _h5, ".parquet": _parquet}


def _npy_labels(path: Path) -> list[str]:
    labels = np.load(path, allow_pickle=False)
    if labels.ndim != 1:
        raise BlindmatchError(f"{path}: has shape {labels.shape}, expected one label per row")
    return _texts(labels)


def _txt_labels(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def _csv_labels(path: Path) -> list[str]:
    with open(path, encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.reader(stream) if row]
    if rows and "label" in rows[0]:
        column = rows[0].index("label")
        return [row[column].strip() for row in rows[1:]]
    if any(len(row) != 1 for row in rows):
        raise BlindmatchError(f"{path}: expected one column, or a header with a column 'label'")
    return [row[0].strip() for row in rows]


def _texts(labels) -> list[str]:
    """Labels as text: 3, 3.0 and b"3" are all "3"."""
    return [_text(label) for label in np.asarray(labels).tolist()]


def _text(label: object) -> str:
    if isinstance(label, bytes):
        return label.decode("utf-8")
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label)
