"""Files of a folder or of a zip archive, read in the same way; images; tar archives unpacked."""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.reading import check_unfolded, one_line, reading, zip_members

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
#: Decoders that may be tried, whatever a file is called: Pillow knows formats that start programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
#: More than any header of a tar archive, or piece of a member, that is read at once.
_LARGEST_READ = 1 << 20


class Folder:
    """A folder: names of files and of folders (those end in "/") below it, relative to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        found = []
        above = {str(self.path): (os.path.realpath(self.path),)}
        for folder, folders, files in os.walk(self.path, followlinks=True):
            # Nothing below a hidden folder is wanted; it may hold a whole repository.
            folders[:] = [name for name in folders if not _is_hidden(name)]
            parents = above.pop(folder)
            for name in folders:
                place = os.path.join(folder, name)
                real = os.path.realpath(place)
                if real in parents:
                    raise BlindmatchError(f"{place}: links back to {real}, which holds it")
                above[place] = (*parents, real)
            relative = Path(folder).relative_to(self.path).as_posix()
            prefix = "" if relative == "." else f"{relative}/"
            found += [f"{prefix}{name}/" for name in folders] + [
                f"{prefix}{name}" for name in files
            ]
        return found

    def read(self, name: str) -> bytes:
        with reading(self.path / name, "file"):
            return (self.path / name).read_bytes()


class Zip:
    """A zip archive; it stays packed.

    Each process opens the archive for itself, because a handle inherited by fork would share its
    position with the parent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def _archive(self) -> zipfile.ZipFile:
        if self._opened is None or self._opened[0] != os.getpid():
            with reading(self.path, "zip file"):
                archive = zipfile.ZipFile(self.path)
                zip_members(archive)
            self._opened = os.getpid(), archive
        return self._opened[1]

    def names(self) -> list[str]:
        return self._archive().namelist()

    def read(self, name: str) -> bytes:
        archive = self._archive()
        with reading(self.path, f"zip file: member {name!r}"):
            return archive.read(name)


def open_files(path: Path) -> Folder | Zip:
    """The files of a folder or of a zip archive."""
    return Folder(path) if path.is_dir() else Zip(path)


def decode(data: bytes, where: str) -> "Image":
    """An image file's bytes as an RGB image.

    Raises
    ------
    BlindmatchError
        If they are not a whole image; `where` names it.
    """
    from PIL import Image

    with reading(where, "image"), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        # Pillow would make white of all that is brighter than 255, be it of 65,535.
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
            return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
        if image.mode in ("I", "F"):
            raise BlindmatchError(f"{where}: expected 8 or 16 bits per colour, found 32")
        return image.convert("RGB")


def class_folders(names: Iterable[str], *, where: str, below: str | None = None) -> dict[str, list]:
    """Images sorted into classes: the class of an image is the name of its parent folder.

    Parameters
    ----------
    names : iterable of str
        As `Folder.names` and `Zip.names` give them; hidden files and other files are left out.
    where : str
        Folder or archive, for messages.
    below : str, optional
        Keep what lies anywhere below a folder of this name, such as "test".

    Returns
    -------
    dict
        Class folder -> names of its images, both sorted.

    Raises
    ------
    BlindmatchError
        If there is no image, an image lies in no folder, a class folder holds no image, or two
        class folders have the same name.
    """
    images: dict[PurePosixPath, list[str]] = {}
    folders: set[PurePosixPath] = set()
    for name in names:
        path = PurePosixPath(name)
        if _skipped(path):
            continue
        folder = path if name.endswith("/") else path.parent
        if below is not None and below not in folder.parts[:-1]:
            continue
        folders.add(folder)
        if not name.endswith("/") and path.suffix.lower() in _IMAGES:
            images.setdefault(folder, []).append(name)
    _check_folders(images, folders, where)
    if not images:
        inside = f" below a folder {below!r}" if below else ""
        raise BlindmatchError(f"{where}: expected folders of images{inside}, found no image")
    return {folder.name: sorted(images[folder]) for folder in sorted(images, key=lambda f: f.name)}


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _skipped(path: PurePosixPath) -> bool:
    return any(_is_hidden(part) for part in path.parts)


def _check_folders(images: dict, folders: set[PurePosixPath], where: str) -> None:
    root = PurePosixPath(".")
    if root in images:
        raise BlindmatchError(f"{where}: image {images[root][0]!r} lies in no class folder")
    used = {parent for folder in images for parent in (folder, *folder.parents)}
    parents = {parent for folder in folders for parent in folder.parents}
    for folder in sorted(folders - used - parents - {root}):
        raise BlindmatchError(f"{where}: empty class {folder.name!r}: {folder}/ holds no image")
    seen: dict[str, PurePosixPath] = {}
    for folder in sorted(images):
        if folder.name in seen:
            raise BlindmatchError(
                f"{where}: two folders of one class {folder.name!r}: {seen[folder.name]}/ and "
                f"{folder}/; rename one, or name the part to take as `split`"
            )
        seen[folder.name] = folder


def unpacked(archive: Path, target: str, wanted: Callable[[PurePosixPath], bool]) -> Path:
    """The folder beside a .tar.gz archive into which its wanted members are unpacked, once.

    Parameters
    ----------
    archive : Path
    target : str
        Name of the folder. It is made anew when the archive has changed, and appears complete.
    wanted : callable
        Whether a member, by its path in the archive, is needed.

    Raises
    ------
    BlindmatchError
        If the archive is unreadable or unsafe, or the disk full.
    """
    folder = archive.parent / target
    state = _state(archive)
    stamp = folder / ".unpacked-from"
    if stamp.is_file() and stamp.read_text() == state:
        return folder
    temporary = Path(tempfile.mkdtemp(prefix=f".{target}-", dir=archive.parent))
    try:
        size = archive.stat().st_size
        with _Bounded(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for item in tar:
                if item.size < 0 or item.issparse():
                    raise tarfile.TarError(f"{item.name!r} has holes or a size below 0")
                check_unfolded(archive, item.offset_data + item.size, size)
                name = PurePosixPath(item.name)
                # By hand, because Python 3.11 before 3.11.4 cannot refuse what leads elsewhere.
                if name.is_absolute() or ".." in name.parts:
                    raise tarfile.TarError(f"{name} lies outside of the archive")
                if wanted(name) and not item.isdir():
                    _extract(tar, item, temporary / "new" / name)
        (temporary / "new").mkdir(exist_ok=True)
        (temporary / "new" / stamp.name).write_text(state)
        if folder.exists():
            folder.rename(temporary / "old")
        (temporary / "new").rename(folder)
    except BlindmatchError:
        raise
    except Exception as error:  # whatever tarfile raises at what is no archive
        if not (stamp.is_file() and stamp.read_text() == state):  # not done by another process
            raise BlindmatchError(
                f"{archive}: cannot be unpacked ({one_line(error) or type(error).__name__})"
            ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _state(archive: Path) -> str:
    try:
        found = archive.stat()
    except OSError as error:
        raise BlindmatchError(f"{archive}: cannot be read ({error.strerror})") from error
    return f"{archive.name} {found.st_size} bytes, modified {found.st_mtime_ns}\n"


class _Bounded(gzip.GzipFile):
    """A .gz file that is never read in large pieces: tarfile reads a header of any size at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise tarfile.TarError(f"a header of {size} bytes")
        return super().read(size)


def _extract(tar: tarfile.TarFile, item: tarfile.TarInfo, place: Path) -> None:
    if not item.isfile():
        raise tarfile.TarError(f"{item.name!r} is a link or a device, expected a file")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(item) as source, open(place, "xb") as copy:
        shutil.copyfileobj(source, copy)
