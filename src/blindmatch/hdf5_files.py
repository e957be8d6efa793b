"""Datasets of an HDF5 file, read only if they lie in the file itself and are of bounded size.

HDF5 can refer to other files (external links, external storage, virtual datasets), loads filters by
number from shared libraries, and fills what was never written: none of that is wanted here. Its
library hangs or crashes at some damaged files, so that a file from outside is first read in a
process of its own: `python -m blindmatch.hdf5_files FILE DATASET ...`.
"""

import math
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.reading import check_unfolded, one_line, reading

#: Filters that HDF5 and h5py bring along themselves.
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
}
#: Texts of any length that are read at a time: each may be as long as the file.
_TEXTS = 64
#: A file is read on trial for so long, in seconds of the processor, and is given up then.
_TRIAL_SECONDS, _TRIAL_BYTES_PER_SECOND = 10, 10_000_000


def read_arrays(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Arrays of a file from outside.

    Parameters
    ----------
    path : Path
    wanted : sequence of str

    Returns
    -------
    names : list of str
        What lies at the top level.
    arrays : dict
        Those datasets that are wanted and there.

    Raises
    ------
    BlindmatchError
        If the file is missing, damaged, or unsafe (`read_dataset`).
    """
    with reading(path, "HDF5 file"):
        size = path.stat().st_size
        seconds = _TRIAL_SECONDS + size // _TRIAL_BYTES_PER_SECOND
        trial = subprocess.run(
            [sys.executable, "-m", "blindmatch.hdf5_files", str(seconds), path, *wanted],
            capture_output=True,
            text=True,
            errors="replace",
        )
    if trial.returncode < 0:
        ended = signal.Signals(-trial.returncode)
        slow = ended in (signal.SIGXCPU, signal.SIGKILL)
        raise BlindmatchError(
            f"{path}: not a readable HDF5 file (the library "
            f"{f'was not done after {seconds} s' if slow else f'crashed with {ended.name}'})"
        )
    if trial.returncode:
        raise BlindmatchError(trial.stdout.strip() or one_line(trial.stderr[-200:]))
    return _read_arrays(path, wanted)


def _read_arrays(path: Path, wanted: Sequence[str]) -> tuple[list[str], dict[str, np.ndarray]]:
    about = {"where": str(path), "size": path.stat().st_size}
    with reading(path, "HDF5 file"), h5py.File(path, "r") as file:
        names = list(file)
        return names, {name: read_dataset(file, name, **about) for name in wanted if name in names}


def read_dataset(file: h5py.File, name: str, *, where: str, size: int) -> np.ndarray:
    """An array of numbers or texts from the top level of a file.

    Parameters
    ----------
    file : h5py.File
    name : str
        Of a dataset that is there.
    where : str
        Names the file in messages.
    size : int
        Bytes of the file.

    Returns
    -------
    np.ndarray
        Texts of any length as Python strings (dtype object), those of fixed length as bytes.

    Raises
    ------
    BlindmatchError
        If the dataset lies elsewhere, or would unfold to an absurd size, or holds something else.
    """
    where = f"{where}: {name!r}"
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise BlindmatchError(f"{where} is a link, expected a dataset of this file")
    if file.get(name, getclass=True) is not h5py.Dataset:
        raise BlindmatchError(f"{where} is no dataset, expected one")
    dataset = file[name]
    if dataset.shape is None:
        raise BlindmatchError(f"{where} is empty, expected an array")
    if dataset.is_virtual or dataset.external:
        raise BlindmatchError(f"{where} lies in other files, expected its numbers in this one")
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(number)[0] for number in range(properties.get_nfilters())]
    for number in filters:
        if number not in _FILTERS:
            raise BlindmatchError(
                f"{where} is packed by filter {number}, expected one of "
                f"{', '.join(_FILTERS.values())}"
            )
    item, text = dataset.dtype.itemsize, h5py.check_string_dtype(dataset.dtype)
    if text is None and dataset.dtype.kind not in "biuf":
        raise BlindmatchError(
            f"{where}: expected numbers or texts, found {one_line(dataset.dtype)}"
        )
    check_unfolded(where, math.prod(dataset.shape) * item, size)
    check_unfolded(where, math.prod(dataset.chunks or ()) * item, size)
    return _texts(dataset, where, size) if text and text.length is None else dataset[()]


def _texts(dataset: h5py.Dataset, where: str, size: int) -> np.ndarray:
    """Texts of any length; many may point to the same bytes of the file."""
    if dataset.ndim != 1:
        raise BlindmatchError(f"{where}: expected one text per row, found shape {dataset.shape}")
    texts: list[str] = []
    unfolded = 0
    for start in range(0, len(dataset), _TEXTS):
        part = dataset.asstr()[start : start + _TEXTS]
        unfolded += sum(map(len, part))
        check_unfolded(where, unfolded, size)
        texts.extend(part)
    return np.array(texts, dtype=object)


def _trial(seconds: str, path: str, *wanted: str) -> int:
    """Read a file and forget it; the exit code."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    try:
        _read_arrays(Path(path), wanted)
    except BlindmatchError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_trial(*sys.argv[1:]))
