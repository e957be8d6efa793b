"""Files of NumPy, .npy and .npz: numbers and texts, never pickles, never more than is there."""

import io
import math
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.reading import check_unfolded, one_line, reading, zip_members

#: Readers of the header, by version; version 3 is for named fields, which nothing here has.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_KINDS = "biufcSU"
#: More than any header of plain numbers; a file may claim one of 4 GB.
_HEAD_BYTES = 1 << 16


def read_npy(path: str | Path) -> np.ndarray:
    """The array of a .npy file, in the byte order of the machine.

    Raises
    ------
    BlindmatchError
        If the file is missing or damaged, is something else, or holds Python objects.
    """
    with reading(path, ".npy file"), open(path, "rb") as stream:
        if stream.read(2) == b"PK":
            raise BlindmatchError(f"{path}: expected one array as .npy, found an archive")
        stream.seek(0)
        return _read_array(stream, Path(path).stat().st_size, str(path))


def read_npz(path: str | Path, what: str = ".npz file") -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name.

    Parameters
    ----------
    path : path-like
    what : str
        What the file was expected to be, for messages.

    Raises
    ------
    BlindmatchError
        If the file is missing or damaged, is something else, holds Python objects, or would unfold
        to an absurd size.
    """
    arrays = {}
    with reading(path, what), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        members = zip_members(archive)
        check_unfolded(path, sum(member.file_size for member in members), Path(path).stat().st_size)
        for member in members:
            name = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                arrays[name] = _read_array(stream, member.file_size, f"{path}: {name!r}")
                stream.read(1)  # The end of a member is where its checksum is compared.
    return arrays


def _read_array(stream: BinaryIO, size: int, where: str) -> np.ndarray:
    """An array from a stream of `size` bytes."""
    head = io.BytesIO(stream.read(_HEAD_BYTES))
    version = np.lib.format.read_magic(head)
    if version not in _HEADERS:
        raise BlindmatchError(f"{where}: has version {version} of the .npy format, expected 1 or 2")
    shape, fortran, dtype = _HEADERS[version](head)
    if dtype.hasobject:
        raise BlindmatchError(
            f"{where}: holds pickled Python objects, which could run code; expected numbers or "
            "texts"
        )
    if dtype.kind not in _KINDS or not dtype.itemsize:
        raise BlindmatchError(f"{where}: expected numbers or texts, found {one_line(dtype)}")
    claimed, there = math.prod(shape) * dtype.itemsize, size - head.tell()
    if claimed != there or min(shape, default=0) < 0:
        raise BlindmatchError(
            f"{where}: expected {one_line(claimed)} bytes of an array of shape {one_line(shape)}, "
            f"found {there:,}"
        )
    stream.seek(head.tell())
    data = bytearray(there)
    if stream.readinto(data) != there:
        raise BlindmatchError(f"{where}: ends before its array does")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)
