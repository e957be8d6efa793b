"""Files from anybody: what they may cost is bounded, what goes wrong becomes one sentence.

A file says itself how large it unfolds to, and may lie; the libraries that parse it raise whatever
comes to hand at what they did not expect. Every reader of the package goes through these functions.
"""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from blindmatch.errors import BlindmatchError

#: A packed file may unfold to this many bytes, or to this many times its own size: numbers and
#: texts shrink 1 to 20 times, so what is large and shrinks 200 times was made to fill a memory.
MODEST_BYTES = 1 << 28
MOST_TIMES = 200
#: Text is read at once; the problems of QAPLIB's format with 5,000 items take half of this.
MOST_TEXT_BYTES = 1 << 30
#: Methods whose decompressor gives no more than it is asked for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_BATCH_ROWS = 1 << 16


def one_line(value: object, most: int = 200) -> str:
    """A text for a message: without line breaks, and of bounded length."""
    text = " ".join(str(value)[: 10 * most].split())
    return text if len(text) <= most else f"{text[:most]}..."


def is_writable(text: str) -> bool:
    """Whether a text has no zero byte, which ends paths and texts, and no half of a character."""
    return "\0" not in text and text.encode(errors="replace").decode() == text


@contextlib.contextmanager
def reading(path: object, what: str) -> Iterator[None]:
    """Turn whatever a missing, damaged or hostile file makes a library raise into one sentence.

    Parameters
    ----------
    path : path-like
        Names the file in the message.
    what : str
        What it was expected to be, e.g. "zip file".

    Raises
    ------
    BlindmatchError
    """
    try:
        yield
    except BlindmatchError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            message = f"{path}: cannot be read ({error.strerror}); expected a readable {what}"
        elif isinstance(error, MemoryError):
            message = f"{path}: not a readable {what} (it asks for more memory than there is)"
        else:
            message = f"{path}: not a readable {what} ({one_line(error) or type(error).__name__})"
        raise BlindmatchError(message) from error


def check_unfolded(where: object, unfolded: int, packed: int) -> None:
    """Refuse what would unfold to an absurd size.

    Parameters
    ----------
    where : path-like or str
        Names the file in the message.
    unfolded, packed : int
        Bytes in memory and in the file.

    Raises
    ------
    BlindmatchError
    """
    most = max(MODEST_BYTES, MOST_TIMES * packed)
    if unfolded > most:
        raise BlindmatchError(
            f"{where}: would unfold from {packed:,} bytes to {unfolded:,} or more, "
            f"expected at most {most:,}"
        )


def read_text(path: str | Path) -> str:
    """A text file in UTF-8, with or without a byte order mark.

    Raises
    ------
    BlindmatchError
        If it cannot be read, is something else, or longer than `MOST_TEXT_BYTES`.
    """
    with reading(path, "text file in UTF-8"), open(path, "rb") as stream:
        data = stream.read(MOST_TEXT_BYTES + 1)
        if len(data) > MOST_TEXT_BYTES:
            raise BlindmatchError(f"{path}: expected a text of at most {MOST_TEXT_BYTES:,} bytes")
        return data.decode("utf-8-sig")


def read_lines(path: str | Path) -> list[str]:
    """Lines of a text file, however they end; other signs for a break may be part of a name.

    Raises
    ------
    BlindmatchError
        As `read_text`.
    """
    return [line.removesuffix("\n") for line in io.StringIO(read_text(path), newline=None)]


def zip_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The members of an archive, if each can be read by name without surprises.

    Raises
    ------
    BlindmatchError
        If a member points outside, stands twice, is encrypted, is packed by a method without
        bounds, or would unfold to an absurd size.
    """
    path, members, seen = archive.filename, archive.infolist(), set()
    whole = Path(path).stat().st_size
    for member in members:
        where = f"{path}: member {member.filename!r}"
        if member.filename.startswith("/") or ".." in member.filename.split("/"):
            raise BlindmatchError(f"{where} points outside of the archive")
        if member.filename in seen:
            raise BlindmatchError(f"{where} stands twice, expected once")
        if member.flag_bits & _ENCRYPTED:
            raise BlindmatchError(f"{where} is encrypted, expected an archive without a password")
        if member.compress_type not in _METHODS:
            raise BlindmatchError(
                f"{where} is packed by method {member.compress_type}, expected 0 or 8 (deflated)"
            )
        check_unfolded(where, member.file_size, min(member.compress_size, whole))
        seen.add(member.filename)
    return members


def read_parquet(path: str | Path, what: str = "parquet file"):
    """A parquet file as a `pyarrow.Table`, read piece by piece so that its size can be watched.

    Parameters
    ----------
    path : path-like
    what : str
        What the file was expected to be, for messages.

    Raises
    ------
    BlindmatchError
        If it cannot be read, is damaged, or would unfold to an absurd size.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with (
        reading(path, what),
        open(path, "rb") as stream,
        pq.ParquetFile(stream, page_checksum_verification=True) as file,
    ):
        size, columns = Path(path).stat().st_size, len(file.schema_arrow)
        if not columns:
            raise BlindmatchError(f"{path}: expected columns, found none")
        batches, rows, unfolded = [], 0, 0
        for batch in file.iter_batches(_BATCH_ROWS):
            rows, unfolded = rows + len(batch), unfolded + batch.nbytes
            # A column of nothing but nulls takes no bytes, and yet a cell for each.
            check_unfolded(path, max(unfolded, 8 * rows * columns), size)
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=file.schema_arrow)
