"""Files that are whole or absent: HDF5 caches and parquet tables.

A cache is an ordinary HDF5 file behind a 512-byte user block that holds the sha256 of all that
follows, so that any changed byte is noticed. It is built in memory and published by rename: a
reader never meets half a file. The bytes depend on the contents alone.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError

#: Version of the layout; a file of another version is refused.
FORMAT = 1

_BLOCK = 512
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
    if array.dtype.kind == "U":
        encoded = np.char.encode(array, "utf-8")
        file.create_dataset(name, data=encoded, chunks=True, compression="gzip", fletcher32=True)
    elif array.ndim == 0 or array.size == 0:
        file.create_dataset(name, data=array)
    else:
        rows = max(1, min(len(array), _CHUNK_BYTES // max(1, array[:1].nbytes)))
        file.create_dataset(name, data=array, chunks=(rows, *array.shape[1:]), fletcher32=True)


def _read_array(dataset) -> np.ndarray:
    array = dataset[()]
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array


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
    import h5py

    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror})") from error
    header, image = data[:_BLOCK], memoryview(data)[_BLOCK:]
    words = header.rstrip(b"\0").decode("ascii", "replace").split()
    if not words or words[0] != "blindmatch" or len(words) != 4:
        raise BlindmatchError(f"{path}: not a file written by blindmatch")
    if words[1] != kind:
        raise BlindmatchError(f"{path}: holds {words[1]!r}, expected {kind!r}")
    if words[2] != str(FORMAT):
        raise BlindmatchError(f"{path}: has format {words[2]}, expected {FORMAT}; delete it")
    digest = f"sha256:{hashlib.sha256(image).hexdigest()}"
    if header != f"blindmatch {kind} {FORMAT} {digest}\n".encode().ljust(_BLOCK, b"\0"):
        raise BlindmatchError(
            f"{path}: is truncated or was altered ({len(data):,} bytes, {digest[:19]}... "
            f"instead of {words[3][:19]}...); delete it and run again"
        )
    with h5py.File(io.BytesIO(image), "r") as file:
        attributes = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in file.attrs.items()
        }
        arrays = {name: _read_array(file[name]) for name in file}
    for name, value in expected.items():
        if attributes.get(name) != value:
            raise BlindmatchError(
                f"{path}: made for {name}={attributes.get(name)!r}, expected {value!r}"
            )
    return Cache(arrays, attributes)


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
        If the array is not 2-D, empty, not floating, or has a row with NaN, infinity or zero
        length; names the first such row.
    """
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise BlindmatchError(
            f"{where}: expected embeddings as a table rows x dimension, found {embeddings.shape}"
        )
    if embeddings.dtype.kind != "f":
        raise BlindmatchError(f"{where}: expected floating point, found {embeddings.dtype}")
    bad = ~np.isfinite(embeddings).all(axis=1)
    if bad.any():
        raise BlindmatchError(
            f"{where}: {bad.sum()} of {len(bad)} embeddings hold NaN or infinity, "
            f"first in row {int(bad.argmax())}"
        )
    zero = ~embeddings.any(axis=1)
    if zero.any():
        raise BlindmatchError(
            f"{where}: {zero.sum()} of {len(zero)} embeddings are all zero, "
            f"first in row {int(zero.argmax())}"
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
    pq.write_table(table, stream)
    publish(path, stream.getbuffer())


def read_table(path: str | Path) -> tuple[list[dict], dict]:
    """Rows and metadata of a table written by `write_table`.

    Raises
    ------
    BlindmatchError
        If the file is missing, damaged or foreign.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        metadata = json.loads(table.schema.metadata[b"blindmatch"])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise BlindmatchError(f"{path}: not a readable table of blindmatch ({error})") from error
    return table.to_pylist(), metadata
