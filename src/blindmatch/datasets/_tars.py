"""Members of tar archives, found once and read in place: nothing is unpacked."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from blindmatch.errors import BlindmatchError
from blindmatch.reading import is_writable, one_line, reading

#: More than any header, or filling behind the last member, and less than a memory minds.
_LARGEST_READ = 1 << 20
#: Two empty blocks end an archive.
_END = 1024


class _Bounded(io.FileIO):
    """A file that is never read in large pieces: tarfile reads a header of any size at once."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise tarfile.TarError(f"a header of {size} bytes")
        return super().read(size)


def tar_members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, offset in bytes and size in bytes of each file in a tar archive that is not packed.

    Raises
    ------
    BlindmatchError
        If the archive is unreadable, damaged or cut off, or holds a link, a device, a file with
        holes or a name that points outside.
    """
    with reading(path, "tar archive"):
        whole = path.stat().st_size
        with _Bounded(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            while (item := tar.next()) is not None:
                tar.members.clear()  # they would fill the memory
                if not item.isdir():
                    _check(item, whole)
                    yield item.name, item.offset_data, item.size
            # At a damaged header tarfile stops without a word.
            rest = whole - tar.offset
            stream.seek(tar.offset)
            if not _END <= rest <= _LARGEST_READ or stream.read(rest).strip(b"\0"):
                raise BlindmatchError(
                    f"{path}: damaged or cut off at byte {tar.offset:,}, expected a whole tar "
                    "archive"
                )


def _check(item: tarfile.TarInfo, whole: int) -> None:
    name, end = PurePosixPath(item.name), item.offset_data + item.size
    if not item.isfile() or item.issparse():
        problem = "is a link, a device or has holes, expected a plain file"
    elif item.size < 0 or end > whole:
        problem = f"has {item.size:,} bytes, which the archive does not hold"
    elif name.is_absolute() or ".." in name.parts:
        problem = "lies outside of the archive"
    elif not is_writable(item.name):
        problem = "has a name that is no text in UTF-8"
    else:
        return
    raise tarfile.TarError(f"{one_line(ascii(item.name))} {problem}")
