"""Embedding files in the formats that people have: .npy, .npz, .h5, .parquet; label files."""

import csv
import dataclasses
import io
import math
from pathlib import Path

import numpy as np

from blindmatch.array_files import read_npy, read_npz
from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line, read_lines, read_parquet, read_text, reading
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
    with reading(path, "file of embeddings"):
        embeddings, labels = reader(path)
        if embeddings.dtype.kind == "f":
            precise = embeddings.dtype.itemsize > 4
            with np.errstate(over="ignore"):  # what does not fit into float64 is found below
                embeddings = embeddings.astype(np.float64 if precise else np.float32, copy=False)
        check_embeddings(embeddings, str(path))
    if labels is not None and np.shape(labels) != (len(embeddings),):
        raise BlindmatchError(
            f"{path}: labels of shape {np.shape(labels)} for {len(embeddings)} embeddings"
        )
    return Table(embeddings, None if labels is None else _texts(labels, path))


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
    with reading(path, "file of labels"):
        return reader(path)


def _npy(path: Path):
    return read_npy(path), None


def _npz(path: Path):
    arrays = read_npz(path)
    if len(arrays) == 1:
        return next(iter(arrays.values())), None
    _expect_member(list(arrays), path)
    return arrays["embeddings"], arrays.get("labels")


def _h5(path: Path):
    from blindmatch.hdf5_files import read_arrays

    names, arrays = read_arrays(path, ("embeddings", "labels"))
    _expect_member(names, path)
    return arrays["embeddings"], arrays.get("labels")


def _expect_member(names: list[str], path: Path) -> None:
    if "embeddings" not in names:
        raise BlindmatchError(
            f"{path}: holds {one_line(', '.join(map(repr, names))) or 'nothing'}, expected "
            f"'embeddings'{nearest('embeddings', names)}"
        )


def _parquet(path: Path):
    import pyarrow as pa

    table = read_parquet(path)
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
            f"{path}: has columns {one_line(', '.join(table.column_names))}; expected numeric "
            "ones, or a list column 'embedding'"
        )
    return np.column_stack([table[name].to_numpy() for name in numeric]), labels


_READERS = {".npy": _npy, ".npz": _npz, ".h5": _h5, ".hdf5": _h5, ".parquet": _parquet}


def _npy_labels(path: Path) -> list[str]:
    labels = read_npy(path)
    if labels.ndim != 1:
        raise BlindmatchError(f"{path}: has shape {labels.shape}, expected one label per row")
    return _texts(labels, path)


def _txt_labels(path: Path) -> list[str]:
    return [line.strip() for line in read_lines(path)]


def _csv_labels(path: Path) -> list[str]:
    rows = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    if rows and "label" in rows[0]:
        column = rows[0].index("label")
        return [row[column].strip() for row in rows[1:]]
    if any(len(row) != 1 for row in rows):
        raise BlindmatchError(f"{path}: expected one column, or a header with a column 'label'")
    return [row[0].strip() for row in rows]


def _texts(labels, path: Path) -> list[str]:
    """Labels as text: 3, 3.0 and b"3" are all "3"."""
    return [_text(label, row, path) for row, label in enumerate(np.asarray(labels).tolist())]


def _text(label: object, row: int, path: Path) -> str:
    if isinstance(label, bytes):
        return label.decode("utf-8")
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    # A table's empty cell is None or NaN here, and neither is a class.
    if isinstance(label, str | int) or (isinstance(label, float) and math.isfinite(label)):
        return str(label)
    raise BlindmatchError(
        f"{path}: expected a name or a number as label of row {row}, found {one_line(label)}"
    )
