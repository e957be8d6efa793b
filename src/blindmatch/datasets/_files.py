"""Files of a folder or of a zip archive, read in the same way; images; tar archives unpacked."""

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from blindmatch.errors import BlindmatchError

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class Folder:
    """A folder: names of files and of folders (those end in "/") below it, relative to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        found = []
        for folder, folders, files in os.walk(self.path, followlinks=True):
            # Nothing below a hidden folder is wanted; it may hold a whole repository.
            folders[:] = [name for name in folders if not _is_hidden(name)]
            relative = Path(folder).relative_to(self.path).as_posix()
            prefix = "" if relative == "." else f"{relative}/"
            found += [f"{prefix}{name}/" for name in folders] + [
                f"{prefix}{name}" for name in files
            ]
        return found

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise BlindmatchError(
                f"{self.path / name}: cannot be read ({error.strerror})"
            ) from error


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
            try:
                self._opened = os.getpid(), zipfile.ZipFile(self.path)
            except (OSError, zipfile.BadZipFile) as error:
                raise BlindmatchError(f"{self.path}: not a readable zip file ({error})") from error
        return self._opened[1]

    def names(self) -> list[str]:
        names = self._archive().namelist()
        for name in names:
            if name.startswith("/") or ".." in PurePosixPath(name).parts:
                raise BlindmatchError(f"{self.path}: member {name!r} points outside of the archive")
        return names

    def read(self, name: str) -> bytes:
        try:
            return self._archive().read(name)
        except (OSError, KeyError, RuntimeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise BlindmatchError(
                f"{self.path}: member {name!r} cannot be read ({error})"
            ) from error


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

    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BlindmatchError(f"{where}: not a readable image ({error})") from error


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
    """The folder beside a tar archive into which its wanted members are unpacked, once.

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
        with tarfile.open(archive) as tar:
            for item in tar:
                if item.isfile() and wanted(PurePosixPath(item.name)):
                    _extract(tar, item, temporary / "new")
        (temporary / "new").mkdir(exist_ok=True)
        (temporary / "new" / stamp.name).write_text(state)
        if folder.exists():
            folder.rename(temporary / "old")
        (temporary / "new").rename(folder)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        if not (stamp.is_file() and stamp.read_text() == state):  # not done by another process
            raise BlindmatchError(f"{archive}: cannot be unpacked ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _state(archive: Path) -> str:
    try:
        found = archive.stat()
    except OSError as error:
        raise BlindmatchError(f"{archive}: cannot be read ({error.strerror})") from error
    return f"{archive.name} {found.st_size} bytes, modified {found.st_mtime_ns}\n"


def _extract(tar: tarfile.TarFile, item: tarfile.TarInfo, folder: Path) -> None:
    # By hand, because Python 3.11 before 3.11.4 cannot refuse paths that lead elsewhere.
    name = PurePosixPath(item.name)
    if name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"{name} lies outside of the archive")
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(item) as source, open(place, "wb") as copy:
        shutil.copyfileobj(source, copy)
