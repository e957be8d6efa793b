"""Checkpoints of a training: whole or absent, and of no other training."""

import hashlib
import io
from pathlib import Path

import torch

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.reading import reading
from blindmatch.storage import advising, publish


def save_checkpoint(path: Path, identity: str, state: dict) -> None:
    """Publish the state of a training.

    Parameters
    ----------
    path : Path
    identity : str
        A digest of all that the training depends on.
    state : dict
        Tensors, numbers, strings, lists and dicts.
    """
    stream = io.BytesIO()
    torch.save(state, stream)
    publish(path, _header(identity, stream.getvalue()) + stream.getvalue())


def load_checkpoint(
    path: Path, identity: str, device: torch.device, report: Report | None
) -> dict | None:
    """The state that was saved; None if there is none, or one of another training, as is said.

    Raises
    ------
    BlindmatchError
        If the file is damaged.
    """
    if not path.exists():
        return None
    with advising(path):
        with reading(path, "checkpoint"):
            data = path.read_bytes()
        header, _, content = data.partition(b"\n")
        words = header.decode("ascii", "replace").split()
        if header + b"\n" != _header(words[2] if len(words) == 4 else "", content):
            raise BlindmatchError(
                f"{path}: not a checkpoint of blindmatch, or truncated, or altered"
            )
        if words[2] != identity:
            if report is not None:
                report(f"{path}: made with other settings or data, starting afresh")
            return None
        with reading(path, "checkpoint"):
            return torch.load(io.BytesIO(content), map_location=device, weights_only=True)


def _header(identity: str, content: bytes) -> bytes:
    return f"blindmatch checkpoint {identity} {hashlib.sha256(content).hexdigest()}\n".encode()
