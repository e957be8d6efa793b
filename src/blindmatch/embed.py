"""Embeddings: images or prompts in, one checked cache out; interrupted runs resume.

Rows are appended batch by batch to `<output>.partial`, a plain file with a one-line header that
says what it is for. A restart cuts it back to whole batches and goes on, so that batches, and with
them every bit of the result, are those of an uninterrupted run.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindmatch._memory import Parts, explained_shortage
from blindmatch.datasets import Dataset
from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, VisionEncoder
from blindmatch.progress import Progress, Report, say
from blindmatch.provenance import version_of
from blindmatch.storage import check_embeddings, open_alone, write_cache

#: Images at a time where the configuration leaves it open: small batches stay in a CPU's cache.
BATCH_SIZE = {"cpu": 4, "cuda": 256}

_LIBRARIES = ("torch", "torchvision", "timm", "open_clip_torch", "sentence-transformers")
_HEADER = 4096


class PartialRows:
    """Rows on disk of a computation that may be interrupted at any moment.

    A context manager: until its end no other process can write them.

    Parameters
    ----------
    output : path-like
        The file to be made; rows gather in ``<output>.partial`` beside it.
    identity : dict
        What the rows are; a partial file of anything else is discarded, and said so.
    dimension, batch_size : int
    """

    def __init__(
        self, output: str | Path, identity: dict, dimension: int, batch_size: int, report: Report
    ) -> None:
        self.path = Path(f"{output}.partial")
        described = {**identity, "dimension": dimension, "batch_size": batch_size}
        self._header = json.dumps(described, sort_keys=True).encode().ljust(_HEADER - 1) + b"\n"
        if len(self._header) != _HEADER:
            raise BlindmatchError(f"{output}: the description of the embeddings is too long")
        self._dimension = dimension
        with self._explained():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Workers of a job that was killed end a little later than the job.
            self._stream = open_alone(self.path, report, patience=60)
            self.done = self._resume(batch_size, report)

    def __enter__(self) -> "PartialRows":
        return self

    def __exit__(self, *_) -> None:
        self._stream.close()

    def _resume(self, batch_size: int, report: Report) -> int:
        """Cut an earlier run's file back to whole batches; number of rows that it holds."""
        self._stream.seek(0)
        found = self._stream.read(_HEADER)
        if found != self._header:
            if found:
                report(f"{self.path}: made with other settings or data, starting afresh")
            self._stream.truncate(0)
            self._write(self._header)
            return 0
        batch_bytes = 4 * self._dimension * batch_size
        batches = (self._stream.seek(0, os.SEEK_END) - _HEADER) // batch_bytes
        self._stream.truncate(_HEADER + batches * batch_bytes)
        if batches:
            report(f"{self.path}: resuming after {batches * batch_size:,} rows")
        return batches * batch_size

    def append(self, rows: np.ndarray) -> None:
        """Add one batch, shape (batch, dimension)."""
        with self._explained():
            self._write(np.ascontiguousarray(rows, dtype="<f4").tobytes())

    def _write(self, data: bytes) -> None:
        """Append all of `data`; a disk that is nearly full takes a part of it before it fails."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._stream.write(rest) :]

    def finish(self, rows: int) -> np.ndarray:
        """All rows, shape (rows, dimension), float32; the partial file stays until `remove`."""
        with self._explained():
            values = np.fromfile(self.path, dtype="<f4", offset=_HEADER)
        return values.reshape(-1, self._dimension)[:rows]

    def remove(self) -> None:
        """Delete the partial file: its rows are safe elsewhere."""
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BlindmatchError(
                f"{self.path}: cannot be written ({error.strerror or error}); whole batches in it "
                "are kept, the same command resumes"
            ) from error


def choose_device(device: str, report: Report = say) -> str:
    """Where to run, "cuda" or "cpu", given the configured device; says it aloud.

    Raises
    ------
    BlindmatchError
        If "cuda" is demanded and there is none.
    """
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise BlindmatchError("device: 'cuda' is demanded, no usable GPU was found")
    if device == "cpu" or not available:
        report("runs on the CPU" + ("" if available or device == "cpu" else ": no GPU was found"))
        return "cpu"
    report(f"runs on the GPU {torch.cuda.get_device_name()}")
    return "cuda"


def embed_images(
    dataset: Dataset,
    rows: int,
    encoder: VisionEncoder,
    output: str | Path,
    *,
    identity: dict,
    precision: str = "float32",
    batch_size: int | None = None,
    device: str = "auto",
    threads: int = 1,
    report: Report = say,
) -> None:
    """Embed every image of a dataset and publish the cache.

    Parameters
    ----------
    dataset : Dataset
    rows : int
        Number of images.
    encoder : VisionEncoder
    output : path-like
        The cache: array `embeddings` (rows, dimension), float32.
    identity : dict
        Written into the cache beside the encoder's own: dataset, model, digest of the rows.
    precision : {"float32", "bfloat16"}
        bfloat16 computes under autocast; the result is stored as float32 all the same.
    batch_size : int, optional
        Default `BATCH_SIZE` of the device.
    device : {"auto", "cpu", "cuda"}
    threads : int
        Worker processes: they read images for a GPU, or run the model on a CPU.
    report : callable

    Raises
    ------
    BlindmatchError
        An unreadable image, an embedding with NaN or of length zero, a full disk, too little
        memory for one image at a time, ...

    Notes
    -----
    Where the GPU's memory is too small for a batch, half as many images are tried at a time, and so
    on, and it is said aloud. Values differ then as they do between batch sizes: by rounding.
    """
    import torch

    device = choose_device(device, report)
    batch_size = batch_size or BATCH_SIZE[device]
    described = _describe(identity, encoder, rows, precision, batch_size, device)
    partial = PartialRows(output, described, encoder.dimension, batch_size, report)
    progress = Progress("embedded", "images", rows, done=partial.done, report=report)
    torch.set_num_threads(1)
    run = Parts(_Model(encoder, precision, device), batch_size, report)
    loader = torch.utils.data.DataLoader(
        _Batches(dataset, rows, encoder.preprocess, batch_size, run if device == "cpu" else None),
        sampler=range(partial.done // batch_size, -(-rows // batch_size)),
        batch_size=None,
        num_workers=threads,
        prefetch_factor=4,
        pin_memory=device == "cuda",
    )
    with partial, _enough_memory():
        encoder.model.to(device=device, memory_format=torch.channels_last)
        for batch in loader:
            if isinstance(batch, BlindmatchError):
                raise batch
            embeddings = batch if device == "cpu" else run(*batch)
            partial.append(embeddings)
            progress.advance(len(embeddings))
        _publish(output, partial, rows, described)


class _Batches:
    """Batches by number, for torch's data loader: images for a GPU, embeddings from a CPU.

    On a CPU each worker process runs the model on batches of its own with one thread. That keeps
    all cores busy without threads that wait for each other, and makes results independent of their
    number. Errors travel as values, since a worker's exceptions lose their class.
    """

    def __init__(self, dataset, rows, preprocess, batch_size, run) -> None:
        self._dataset, self._rows, self._preprocess = dataset, rows, preprocess
        self._batch_size, self._run = batch_size, run

    def __getitem__(self, number: int):
        import torch

        first = number * self._batch_size
        rows = torch.arange(first, min(first + self._batch_size, self._rows))
        try:
            with _enough_memory():
                images = self._images(rows)
                return (rows, images) if self._run is None else self._run(rows, images)
        except BlindmatchError as error:
            return error

    def _images(self, rows):
        import torch

        if self._preprocess is None:
            return torch.empty(0)
        return torch.stack([self._preprocess(self._dataset.image(int(row))) for row in rows])


class _Model:
    """A vision model on a device: rows and images in, embeddings out, float32, on the CPU."""

    def __init__(self, encoder: VisionEncoder, precision: str, device: str) -> None:
        self._encoder, self._precision, self._device = encoder, precision, device

    def __call__(self, rows, images) -> np.ndarray:
        import torch

        device, half = self._device, self._precision == "bfloat16"
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, half):
            if images.ndim == 4:
                images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
            return self._encoder.read(self._encoder.model, images, rows).float().cpu().numpy()


def _enough_memory():
    return explained_shortage(
        gpu="embedding: the GPU's memory does not hold the model; free it of other programs, take "
        "a smaller model or set embedding.device to cpu",
        machine="embedding: out of memory, or killed for taking too much; whole batches are kept "
        "and the same command resumes, so ask for more memory or fewer threads",
    )


def _describe(identity, encoder, rows, precision, batch_size, device) -> dict:
    """Everything that an embedding depends on, for the cache and its partial file."""
    versions = version_of(*_LIBRARIES).items()
    return {
        **identity,
        **encoder.identity,
        "n_rows": rows,
        "precision": precision,
        "batch_size": batch_size,
        "device": device,
        **{f"version_{name}": version for name, version in versions},
    }


def embed_texts(
    texts: list[str],
    encoder: LanguageEncoder,
    output: str | Path,
    *,
    identity: dict,
    device: str = "auto",
    batch_size: int = 64,
    threads: int = 1,
    report: Report = say,
) -> None:
    """Embed prompts and publish the cache; parameters as `embed_images`.

    In float32, or in what the encoder records as `weights_precision`; stored as float32.
    """
    import torch

    device = choose_device(device, report)
    torch.set_num_threads(threads)
    described = _describe(identity, encoder, len(texts), "float32", batch_size, device)
    partial = PartialRows(output, described, encoder.dimension, batch_size, report)
    progress = Progress("embedded", "prompts", len(texts), done=partial.done, report=report)
    run = Parts(lambda part: encoder.encode(part, device), batch_size, report)
    with partial, _enough_memory():
        for first in range(partial.done, len(texts), batch_size):
            embeddings = run(texts[first : first + batch_size])
            partial.append(embeddings)
            progress.advance(len(embeddings))
        _publish(output, partial, len(texts), described)


def _publish(output: str | Path, partial: PartialRows, rows: int, described: dict) -> None:
    embeddings = partial.finish(rows)
    try:
        check_embeddings(embeddings, str(output))
    except BlindmatchError:
        partial.remove()
        raise
    write_cache(output, "embeddings", {"embeddings": embeddings}, described)
    partial.remove()


def store_precomputed(
    dataset: Dataset, rows: int, output: str | Path, *, identity: dict, report: Report = say
) -> None:
    """Publish the user's own embeddings of a dataset of loader `embeddings` as a cache.

    Raises
    ------
    BlindmatchError
        If the number of rows is not `rows`.
    """
    embeddings = dataset.embeddings(identity["model"])
    if len(embeddings) != rows:
        raise BlindmatchError(
            f"{identity['dataset']}: expected {rows} embeddings of {identity['model']}, "
            f"found {len(embeddings)}"
        )
    described = {**identity, "n_rows": rows, "precision": str(embeddings.dtype)}
    write_cache(output, "embeddings", {"embeddings": embeddings}, described)
    report(f"took over {rows:,} embeddings of dimension {embeddings.shape[1]}")
