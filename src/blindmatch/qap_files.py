"""Files of quadratic assignment problems: .npz, and the text files of QAPLIB."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
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
    try:
        return readers[path.suffix](path)
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror or error})") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise BlindmatchError(f"{path}: not a readable .npz file ({error})") from error
    if not {"A", "B"} <= set(parts) <= set(NAMES):
        raise BlindmatchError(
            f"{path}: expected arrays A, B and perhaps {', '.join(NAMES[2:])}, "
            f"found {', '.join(parts) or 'none'}"
        )
    return parts


def _read_qaplib(path: Path) -> dict[str, np.ndarray]:
    words = path.read_text(encoding="utf-8", errors="replace").split()
    try:
        size = int(words[0])
        numbers = np.array(words[1:], dtype=np.float64)
    except (ValueError, IndexError):
        raise BlindmatchError(
            f"{path}: expected a size and the numbers of two matrices, found something else"
        ) from None
    if len(numbers) != 2 * size**2:
        raise BlindmatchError(
            f"{path}: expected {2 * size**2} numbers of two {size} x {size} matrices, "
            f"found {len(numbers)}"
        )
    A, B = numbers.reshape(2, size, size)
    return {"A": A, "B": B}
