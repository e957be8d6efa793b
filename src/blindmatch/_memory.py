"""Memory that is too small: batches in parts on a GPU, one sentence everywhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report

#: How CUDA's libraries say that memory is too small, where torch does not raise its own error.
_GPU_SHORTAGES = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
#: How torch says that of the machine's memory, for the want of which its workers are killed, too.
_SHORTAGES = ("can't allocate memory", "exited unexpectedly", "killed by signal")


class Parts:
    """Embeds batches: whole, or in parts of half the size each time that the GPU lacks memory.

    Parameters
    ----------
    embed : callable
        Sequences of one length -> embeddings, shape (length, dimension).
    batch_size : int
    report : callable
        Told of every halving.
    """

    def __init__(self, embed: Callable[..., np.ndarray], batch_size: int, report: Report) -> None:
        self._embed, self._most, self._report = embed, batch_size, report

    def __call__(self, *batch: Sequence) -> np.ndarray:
        """Embeddings of a batch; smaller parts are kept to in later batches.

        Raises
        ------
        BlindmatchError
            If not even one row fits.
        """
        parts, done = [], 0
        while done < len(batch[0]):
            part = [each[done : done + self._most] for each in batch]
            embeddings = self._try(*part)
            if embeddings is not None:
                parts.append(embeddings)
                done += len(embeddings)
        return np.concatenate(parts)

    def _try(self, *part: Sequence) -> np.ndarray | None:
        """Embeddings of a part; None where it is to be tried in halves."""
        import torch

        size = len(part[0])
        try:
            return self._embed(*part)
        except RuntimeError as error:
            # The error itself must not be kept: what fills the memory hangs on its frames.
            reason = gpu_shortage(error)
            if reason is None:
                raise
        if size == 1:
            raise BlindmatchError(
                f"embedding: the GPU's memory does not hold one row at a time ({reason}); free it "
                "of other programs, take a smaller model or set embedding.device to cpu"
            )
        self._most = size // 2
        self._report(
            f"the GPU's memory does not hold {size} rows at a time ({reason}), going on with "
            f"{self._most}"
        )
        torch.cuda.empty_cache()
        return None


def gpu_shortage(error: BaseException) -> str | None:
    """What an error says of a GPU whose memory is too small, in short; None for other errors."""
    torch = sys.modules.get("torch")
    text = str(error)
    own = torch is not None and isinstance(error, torch.OutOfMemoryError)
    if own or any(said in text for said in _GPU_SHORTAGES):
        return text.partition("\n")[0].partition(". GPU ")[0]
    return None


@contextlib.contextmanager
def explained_shortage(*, gpu: str, machine: str) -> Iterator[None]:
    """Turn errors about memory into a sentence.

    Parameters
    ----------
    gpu, machine : str
        What is too large for the memory of which of both, and what to do about it.

    Raises
    ------
    BlindmatchError
        In place of `MemoryError`, torch's errors about memory, and that about a worker that was
        killed, for taking too much as a rule.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        reason = gpu_shortage(error)
        if reason is not None:
            raise BlindmatchError(f"{gpu} (the GPU says: {reason})") from error
        if isinstance(error, MemoryError) or any(said in str(error) for said in _SHORTAGES):
            said = str(error).partition("\n")[0] or "MemoryError"
            raise BlindmatchError(f"{machine} ({said})") from error
        raise
