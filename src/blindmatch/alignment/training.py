"""Alignment of two embedding spaces: a method, some pairs and unpaired rows in, two maps out."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blindmatch._memory import explained_shortage
from blindmatch.alignment.methods import Method
from blindmatch.alignment.teachers import LinearTeacher, Teacher, fit_teacher
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.settings import TrainingSettings


@dataclasses.dataclass(frozen=True, eq=False)
class Aligned:
    """Two maps into one space.

    Attributes
    ----------
    images, texts : callable
        Embeddings, shape (rows, Dx) or (rows, Dy) -> unit rows, shape (rows, dimension), float32.
    seconds : float
        Of the training, the time before interruptions included.
    history : list of dict
        Of some hundred steps, the first and the last among them: `step`, `loss`, and its terms.
    diagnostics : dict
        What the method tells (SOTAlign: `perplexity` and `marginal_error` of the teacher's plan),
        and, if its loss has a divergence, `divergence_start` and `divergence_end`.
    """

    images: Callable[[np.ndarray], np.ndarray]
    texts: Callable[[np.ndarray], np.ndarray]
    seconds: float
    history: list[dict]
    diagnostics: dict[str, float]


def fit(
    method: Method,
    images: np.ndarray,
    texts: np.ndarray,
    unpaired_images: np.ndarray | None = None,
    unpaired_texts: np.ndarray | None = None,
    *,
    settings: TrainingSettings,
    teacher: Teacher | LinearTeacher | None = None,
    seed: int = 0,
    device: str | None = None,
    checkpoint: str | Path | None = None,
    report: Report | None = None,
) -> Aligned:
    """Align two embedding spaces.

    Parameters
    ----------
    method : Method
    images, texts : np.ndarray, shapes (pairs, Dx), (pairs, Dy)
        Raw embeddings; row i of both belongs together.
    unpaired_images, unpaired_texts : np.ndarray, shapes (any, Dx), (any, Dy), optional
    settings : TrainingSettings
    teacher : Teacher or LinearTeacher, optional
        For methods that need one; fitted on the pairs, unless it is already.
    seed : int
        Same data, settings, seed, device and number of threads: same maps, to the last bit, also
        where a killed run went on from its checkpoint.
    device : str, optional
        "cpu" or "cuda"; by default that of the settings.
    checkpoint : path-like, optional
        Written while it trains, removed at the end. One of another training is not used, and it is
        said.
    report : callable, optional
        Told of progress.

    Raises
    ------
    BlindmatchError
        If an array has another shape than expected or is not finite, there are fewer than two
        pairs, a teacher is missing, or the memory is too small.
    """
    unpaired_images = images[:0] if unpaired_images is None else unpaired_images
    unpaired_texts = texts[:0] if unpaired_texts is None else unpaired_texts
    _check_rows(images, texts, unpaired_images, unpaired_texts)
    device = device or settings.device
    if device == "auto":
        from blindmatch.embed import choose_device

        device = choose_device(device, report or (lambda _: None))
    start = time.monotonic()
    linear = _fitted(method, teacher, images, texts, seed, device) if method.needs_teacher else None
    if not method.trains:
        return Aligned(linear.images, linear.texts, time.monotonic() - start, [], {})
    _tell_lacking(method, unpaired_images, unpaired_texts, report)
    from blindmatch.alignment._training import train

    with explained_shortage(
        gpu="training: the GPU's memory does not hold a step; lower pairs_per_step and "
        "unpaired_per_step, or set streaming for sotalign",
        machine="training: out of memory; lower pairs_per_step and unpaired_per_step, or set "
        "streaming for sotalign",
    ):
        return train(
            method,
            (images, texts),
            (unpaired_images, unpaired_texts),
            linear,
            settings=settings,
            seed=seed,
            device=device,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            report=report,
        )


def _fitted(method, teacher, images, texts, seed: int, device: str) -> LinearTeacher:
    if teacher is None:
        raise BlindmatchError(
            f"teacher: {type(method).__name__} learns from a linear teacher, found none"
        )
    if isinstance(teacher, LinearTeacher):
        return teacher
    return fit_teacher(teacher, images, texts, seed=seed, device=device)


def _tell_lacking(method, images, texts, report: Report | None) -> None:
    lacking = [name for name, rows in (("images", images), ("texts", texts)) if not len(rows)]
    if lacking and method.uses_unpaired and report is not None:
        report(f"{type(method).__name__} trains without unpaired {' and '.join(lacking)}")


def _check_rows(images, texts, unpaired_images, unpaired_texts) -> None:
    """Refuse what is no embeddings, naming the argument."""
    for name, rows, paired in (
        ("images", images, images),
        ("texts", texts, texts),
        ("unpaired_images", unpaired_images, images),
        ("unpaired_texts", unpaired_texts, texts),
    ):
        if rows.ndim != 2 or rows.shape[1:] != paired.shape[1:] or rows.dtype.kind != "f":
            expected = "dimension" if rows is paired else paired.shape[1]
            raise BlindmatchError(
                f"{name}: expected floating point numbers of shape (rows, {expected}), "
                f"found {rows.dtype} of {rows.shape}"
            )
        if not np.isfinite(rows).all():
            raise BlindmatchError(f"{name}: expected finite numbers, found NaN or infinity")
    if len(images) != len(texts) or len(images) < 2:
        raise BlindmatchError(
            "images and texts: expected as many of both, at least two, "
            f"found {len(images)} and {len(texts)}"
        )
