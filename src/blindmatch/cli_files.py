"""Files that the command line reads and writes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.storage import publish


def read_array(path: str) -> np.ndarray:
    """An array from .npy, without pickles.

    Raises
    ------
    BlindmatchError
        If the file is missing or something else.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise BlindmatchError(f"{path}: not a readable .npy file ({error})") from error
    if not isinstance(array, np.ndarray):
        raise BlindmatchError(f"{path}: expected one array as .npy, found an archive")
    return array


def read_problem(
    paths: Sequence[str], *, linear: str | None = None, forbidden: str | None = None
) -> QAP:
    """A problem from one file (.npz, .dat) or from two (A.npy, B.npy) and what may go with them.

    Raises
    ------
    BlindmatchError
        If a file cannot be read, or they make no problem.
    """
    if len(paths) == 1:
        if linear or forbidden:
            raise BlindmatchError(
                f"{paths[0]}: expected A.npy and B.npy with --linear or --forbidden, found one file"
            )
        return QAP.load(paths[0])
    if len(paths) > 2:
        raise BlindmatchError(f"problem: expected one file or two, found {len(paths)}")
    optional = {"linear": linear, "forbidden": forbidden}
    A, B = map(read_array, paths)
    return QAP(A, B, **{name: read_array(path) for name, path in optional.items() if path})


def read_names(path: str | None, count: int) -> list[str] | None:
    """One name a line, as many as there are items.

    Raises
    ------
    BlindmatchError
        If the file cannot be read or has another number of lines.
    """
    if path is None:
        return None
    names = _read_text(path).splitlines()
    if len(names) != count:
        raise BlindmatchError(f"{path}: expected {count} names, one a line, found {len(names)}")
    return names


def read_anchors(path: str | None) -> list[tuple[int, int]] | None:
    """Known pairs: the first two columns of a .csv, with or without a line of titles.

    Raises
    ------
    BlindmatchError
        If the file cannot be read or a line does not begin with two whole numbers.
    """
    if path is None:
        return None
    pairs = []
    for number, line in enumerate(csv.reader(_read_text(path).splitlines()), start=1):
        if not line or (number == 1 and line[:2] == ["row", "column"]):
            continue
        try:
            row, column = map(int, line[:2])
        except ValueError:
            raise BlindmatchError(
                f"{path}: expected row,column as whole numbers, found {','.join(line)!r} in line "
                f"{number}"
            ) from None
        pairs.append((row, column))
    return pairs


def _read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError:
        raise BlindmatchError(f"{path}: expected text in UTF-8, found something else") from None


def write_matching(
    path: str,
    permutation: np.ndarray,
    names: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
) -> None:
    """Publish a .csv with columns row, column and names where known; unmatched rows have no column.

    Parameters
    ----------
    path : str
    permutation : np.ndarray, shape (N,)
        -1 for unmatched rows.
    names : pair of (sequence of str or None)
        Of rows and of columns.
    """
    row_names, column_names = names
    titles = [("row_name", row_names), ("column_name", column_names)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["row", "column", *(title for title, known in titles if known is not None)])
    for row, column in enumerate(permutation.tolist()):
        line = [row, column if column >= 0 else ""]
        if row_names is not None:
            line.append(row_names[row])
        if column_names is not None:
            line.append(column_names[column] if column >= 0 else "")
        writer.writerow(line)
    publish(path, stream.getvalue().encode())
