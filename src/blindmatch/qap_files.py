"""Files of quadratic assignment problems: .npz, and the text files of QAPLIB."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from blindmatch.array_files import read_npz
from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line, read_text
from blindmatch.storage import publish

#: Arrays that a .npz file may hold; the first two must be there.
NAMES = ("A", "B", "linear", "constant", "forbidden")


def write_problem(path: str | Path, parts: Mapping[str, object]) -> None:
    """Publish the parts of a problem as .npz; those that are None are left out."""
    stream = io.BytesIO()
    np.savez(stream, **{name: part for name, part in parts.items() if part is not None})
    publish(path, stream.getbuffer())


def read_problem(path: str | Path) -> dict[str, np.ndarray]:
    """The parts of a problem, by name.

    Parameters
    ----------
    path : path-like
        ``.npz`` with arrays `A`, `B` and, where needed, `linear`, `constant` and `forbidden`; or
        ``.dat`` of QAPLIB: the size, then both matrices row by row, with any white space between
        (Burkard, Karisch and Rendl, 1997).

    Raises
    ------
    BlindmatchError
        If the file is missing, damaged, or something else than a problem.
    """
    path = Path(path)
    readers = {".npz": _read_npz, ".dat": _read_qaplib}
    if path.suffix not in readers:
        raise BlindmatchError(f"{path}: expected a problem as .npz or .dat, found {path.suffix!r}")
    return readers[path.suffix](path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    parts = read_npz(path)
    if not {"A", "B"} <= set(parts) <= set(NAMES):
        raise BlindmatchError(
            f"{path}: expected arrays A, B and perhaps {', '.join(NAMES[2:])}, "
            f"found {one_line(', '.join(parts)) or 'none'}"
        )
    return parts


def _read_qaplib(path: Path) -> dict[str, np.ndarray]:
    words = read_text(path).split()
    try:
        size = int(words[0])
        numbers = np.array(words[1:], dtype=np.float64)
    except (ValueError, IndexError):
        raise BlindmatchError(
            f"{path}: expected a size and the numbers of two matrices, found something else"
        ) from None
    if size < 1 or len(numbers) != 2 * size**2:
        raise BlindmatchError(
            f"{path}: expected a size N and 2 N^2 numbers of two matrices, found size "
            f"{one_line(words[0])} and {len(numbers):,} numbers"
        )
    A, B = numbers.reshape(2, size, size)
    return {"A": A, "B": B}
