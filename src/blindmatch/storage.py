"""Files that are whole or absent: HDF5 caches and parquet tables.

A cache is an ordinary HDF5 file behind a 512-byte user block that holds the sha256 of all that
follows, so that any changed byte is noticed. It is built in memory and published by rename: a
reader never meets half a file. The bytes depend on the contents alone.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import io
import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.reading import one_line, read_parquet, reading

#: Version of the layout; a file of another version is refused.
FORMAT = 1

#: What can stand in the place of a result: a folder, a link to itself; None: damaged contents.
_MENDABLE = (errno.EISDIR, errno.ELOOP, None)
_BLOCK = 512
_SEAL = len(f"blindmatch table {FORMAT} sha256:\n") + 64
_CHUNK_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Cache:
    """Contents of a cache: named arrays and attributes (strings, numbers, booleans)."""

    arrays: dict[str, np.ndarray]
    attributes: dict[str, object]


def publish(path: str | Path, data: bytes | memoryview) -> None:
    """Write bytes to `path` completely or not at all: temporary file, flush to disk, rename.

    Raises
    ------
    BlindmatchError
        If the folder is read-only, the disk full, ...: the temporary file is removed.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise BlindmatchError(
            f"{path}: cannot be written ({error.strerror or error}); nothing was kept"
        ) from error


@contextlib.contextmanager
def advising(path: Path) -> Iterator[None]:
    """Add to what is wrong with a result what to do about it: delete it, by which command.

    A file that is missing or cannot be reached is left as it is.
    """
    try:
        yield
    except BlindmatchError as error:
        cause = error.__cause__
        elsewhere = isinstance(cause, OSError) and cause.errno not in _MENDABLE
        if elsewhere:  # a missing file, a disk that fails, ...
            raise
        command = f"rm -r {shlex.quote(str(path))}"
        raise BlindmatchError(f"{error}; delete it ({command}) and run again") from error


def open_alone(path: Path, report: Report, *, patience: float | None = None) -> BinaryIO:
    """Open a file to read and append, once no other process has opened it in this way.

    Jobs may outlive the Snakemake that started them, and projects may share a folder.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    report : callable
        Told when there is something to wait for, and where files cannot be locked.
    patience : float, optional
        Seconds to wait; by default for ever.

    Raises
    ------
    BlindmatchError
        If another process still has it.
    """
    start, waiting = time.monotonic(), False
    while True:
        stream = open(path, "a+b", buffering=0)  # noqa: SIM115 - the caller closes it
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if patience is not None and time.monotonic() - start > patience:
                raise BlindmatchError(
                    f"{path}: another process is still writing it; end it, or run again later"
                ) from None
            if not waiting:
                report(f"{path}: another process is writing it, waiting for its end")
            waiting = True
            stream.close()
            time.sleep(1)
        except OSError as error:
            report(f"{path}: cannot be locked ({error.strerror}), let no other process write it")
            return stream
        else:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(stream.fileno()), os.stat(path)):
                    return stream
            stream.close()  # the process that had it moved or removed it meanwhile


def write_cache(
    path: str | Path,
    kind: str,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, object],
) -> None:
    """Publish a cache of the given kind ("embeddings", "kernels", ...).

    Attributes that are None are left out.
    """
    import h5py

    with h5py.File("cache", "w", driver="core", backing_store=False) as file:
        described = {**attributes, "kind": kind, "format": FORMAT, "complete": True}
        for name in sorted(described):
            if described[name] is not None:
                file.attrs[name] = described[name]
        for name in sorted(arrays):
            _write_array(file, name, np.asarray(arrays[name]))
        file.flush()
        image = file.id.get_file_image()
    header = f"blindmatch {kind} {FORMAT} sha256:{hashlib.sha256(image).hexdigest()}\n"
    publish(path, header.encode().ljust(_BLOCK, b"\0") + image)


def _write_array(file, name: str, array: np.ndarray) -> None:
    if array.dtype == object:  # texts of very different lengths
        import h5py

        file.create_dataset(name, data=array, dtype=h5py.string_dtype())
    elif array.dtype.kind == "U":
        encoded = np.char.encode(array, "utf-8")
        file.create_dataset(name, data=encoded, chunks=True, compression="gzip", fletcher32=True)
    elif array.ndim == 0 or array.size == 0:
        file.create_dataset(name, data=array)
    else:
        rows = max(1, min(len(array), _CHUNK_BYTES // max(1, array[:1].nbytes)))
        file.create_dataset(name, data=array, chunks=(rows, *array.shape[1:]), fletcher32=True)


class _Named(dict):
    """Arrays by name; asking for one that a file lacks is an error that names the file."""

    def __init__(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__(arrays)
        self._path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise BlindmatchError(
            f"{self._path}: expected an array {name!r}, found {', '.join(self) or 'none'}; "
            "delete it and run again"
        )


def _unfold(path: Path, image: memoryview) -> Cache:
    """Arrays and attributes of an HDF5 file in memory."""
    import h5py

    from blindmatch.hdf5_files import read_dataset

    arrays, attributes = {}, {}
    with reading(path, "cache"), h5py.File(io.BytesIO(image), "r") as file:
        for name, value in file.attrs.items():
            attributes[name] = value.item() if isinstance(value, np.generic) else value
            if not isinstance(attributes[name], str | bool | int | float):
                raise BlindmatchError(
                    f"{path}: expected a text or a number as attribute {name!r}, "
                    f"found {one_line(value)}"
                )
        for name in file:
            array = read_dataset(file, name, where=str(path), size=len(image))
            arrays[name] = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    return Cache(_Named(path, arrays), attributes)


def read_cache(path: str | Path, kind: str, **expected: object) -> Cache:
    """Read a cache after checking every byte of it.

    Parameters
    ----------
    path : path-like
    kind : str
        What the file must be.
    **expected
        Attributes that must have these values, e.g. ``dataset="cifar-10"``.

    Raises
    ------
    BlindmatchError
        If the file is missing, truncated, altered, of another kind or made for something else;
        the message names the file and says which.
    """
    path = Path(path)
    with advising(path):
        with reading(path, "cache"):
            data = path.read_bytes()
        header, image = data[:_BLOCK], memoryview(data)[_BLOCK:]
        words = header.rstrip(b"\0").decode("ascii", "replace").split()
        if not words or words[0] != "blindmatch" or len(words) != 4:
            raise BlindmatchError(f"{path}: not a file written by blindmatch")
        if words[1] != kind:
            raise BlindmatchError(f"{path}: holds {one_line(words[1], 40)!r}, expected {kind!r}")
        if words[2] != str(FORMAT):
            raise BlindmatchError(f"{path}: has format {one_line(words[2], 40)}, expected {FORMAT}")
        digest = f"sha256:{hashlib.sha256(image).hexdigest()}"
        if header != f"blindmatch {kind} {FORMAT} {digest}\n".encode().ljust(_BLOCK, b"\0"):
            raise BlindmatchError(
                f"{path}: is truncated or was altered ({len(data):,} bytes, {digest[:19]}... "
                f"instead of {words[3][:19]}...)"
            )
        cache = _unfold(path, image)
        for name, value in expected.items():
            found = cache.attributes.get(name)
            if found != value:
                raise BlindmatchError(f"{path}: made for {name}={found!r}, expected {value!r}")
        return cache


def open_embeddings(path: str | Path, **expected: object) -> Cache:
    """Read an embedding cache: array `embeddings` (rows x dimension, float32).

    Raises
    ------
    BlindmatchError
        As `read_cache`, and if a row is missing, not finite or zero.
    """
    cache = read_cache(path, "embeddings", **expected)
    check_embeddings(cache.arrays["embeddings"], str(path))
    return cache


def check_embeddings(embeddings: np.ndarray, where: str) -> None:
    """Refuse embeddings that no distance can be taken of.

    Raises
    ------
    BlindmatchError
        If the array is not 2-D, empty, not floating, or has a row with NaN, infinity, or a length
        that is zero or whose square is no number of float64; names the first such row.
    """
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise BlindmatchError(
            f"{where}: expected embeddings as a table rows x dimension, found {embeddings.shape}"
        )
    if embeddings.dtype.kind != "f":
        raise BlindmatchError(f"{where}: expected floating point, found {embeddings.dtype}")
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64)
    for bad, what in (
        (~np.isfinite(embeddings).all(axis=1), "hold NaN or infinity"),
        (~embeddings.any(axis=1), "are all zero"),
        (~np.isfinite(squares) | (squares == 0), "have a length outside of floating point"),
    ):
        if bad.any():
            raise BlindmatchError(
                f"{where}: {bad.sum()} of {len(bad)} embeddings {what}, "
                f"first in row {int(bad.argmax())}"
            )


def write_table(path: str | Path, rows: list[dict], metadata: Mapping[str, object]) -> None:
    """Publish rows (dicts with the same keys) as parquet; metadata goes into the file's schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not rows:
        raise BlindmatchError(f"{path}: a table needs at least one row")
    table = pa.Table.from_pylist(rows)
    table = table.replace_schema_metadata({"blindmatch": json.dumps(metadata, sort_keys=True)})
    stream = io.BytesIO()
    pq.write_table(table, stream, write_page_checksum=True)
    publish(path, _sealed(stream.getvalue()))


def _sealed(table: bytes) -> bytes:
    """A parquet file with the sha256 of all its bytes between data and footer, unseen by readers.

    The format has checksums for its pages alone: what a changed footer says would be believed.
    """
    footer = len(table) - 8 - int.from_bytes(table[-8:-4], "little")
    seal = f"blindmatch table {FORMAT} sha256:{hashlib.sha256(table).hexdigest()}\n".encode()
    return b"".join([table[:footer], seal, table[footer:]])


def _is_sealed(data: bytes) -> bool:
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    start = footer - _SEAL
    return start > 0 and data == _sealed(data[:start] + data[footer:])


def read_table(path: str | Path) -> tuple[list[dict], dict]:
    """Rows and metadata of a table written by `write_table`.

    Raises
    ------
    BlindmatchError
        If the file is missing, damaged or foreign.
    """
    path, what = Path(path), "table of blindmatch"
    with advising(path), reading(path, what):
        if not _is_sealed(path.read_bytes()):
            raise BlindmatchError(f"{path}: not a readable {what}, or truncated, or altered")
        table = read_parquet(path, what)
        metadata = json.loads((table.schema.metadata or {}).get(b"blindmatch", b"null"))
        if not isinstance(metadata, dict):
            raise BlindmatchError(f"{path}: not a readable {what} (it lacks the metadata)")
        return table.to_pylist(), metadata
