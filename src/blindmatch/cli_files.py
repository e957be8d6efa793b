"""Files that the command line reads and writes."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from blindmatch.array_files import read_npy
from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.reading import one_line, read_lines, reading
from blindmatch.storage import publish


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
    A, B = map(read_npy, paths)
    return QAP(A, B, **{name: read_npy(path) for name, path in optional.items() if path})


def read_names(path: str | None, count: int) -> list[str] | None:
    """One name a line, as many as there are items.

    Raises
    ------
    BlindmatchError
        If the file cannot be read or has another number of lines.
    """
    if path is None:
        return None
    names = read_lines(path)
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
    lines = csv.reader(read_lines(path))
    pairs = []
    with reading(path, "table of anchors"):
        for line in lines:
            if not line or (lines.line_num == 1 and line[:2] == ["row", "column"]):
                continue
            try:
                row, column = map(int, line[:2])
            except ValueError:
                raise BlindmatchError(
                    f"{path}: expected row,column as whole numbers, found "
                    f"{one_line(','.join(line))!r} in line {lines.line_num}"
                ) from None
            pairs.append((row, column))
    return pairs


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
