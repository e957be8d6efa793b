"""Small file systems that fill up, become read-only and vanish; for root only."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs the right to mount file systems: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "16m") -> Iterator[None]:
    """Move a folder onto a small disk of its own, and back in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    outside = folder.with_name(f"{folder.name}.outside")
    shutil.copytree(folder, outside)
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", folder)
    try:
        shutil.copytree(outside, folder, dirs_exist_ok=True)
        yield
        shutil.copytree(folder, outside, dirs_exist_ok=True)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder)
        outside.rename(folder)


@contextlib.contextmanager
def filled(folder: Path, *, free: int = 0) -> Iterator[None]:
    """A disk with room for so many bytes and no more."""
    status = os.statvfs(folder)
    filler = folder / "filler.tmp"
    filler.write_bytes(bytes(status.f_bavail * status.f_frsize - free))
    yield
    filler.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody can write to, not even root."""
    with mounted(folder, folder):
        _mount("-o", "remount,bind,ro", folder)
        yield


@contextlib.contextmanager
def mounted(store: Path, folder: Path) -> Iterator[None]:
    """A folder that lies elsewhere, as on a file server; it may vanish before the end."""
    _mount("--bind", store, folder)
    try:
        yield
    finally:
        vanish(folder)


def vanish(folder: Path) -> None:
    """Take a mounted folder away from whoever uses it."""
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
