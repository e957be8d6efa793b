"""Linear teachers, one file each: two matrices, fitted on the pairs alone.

What is stored is what is needed to apply them: the means of the pairs as well as the maps.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.registry import Registry

teachers = Registry("teacher", __name__)

#: Rows that are projected at a time, in float64.
_CHUNK = 16384
_TINY = np.finfo(np.float32).tiny


@dataclasses.dataclass(frozen=True, eq=False)
class LinearTeacher:
    """A fitted teacher: rows of either encoder -> unit rows of a shared space.

    Attributes
    ----------
    vision_mean, language_mean : np.ndarray, shapes (Dx,), (Dy,), float64
        Of the pairs' unit rows.
    vision_map, language_map : np.ndarray, shapes (Dx, dimension), (Dy, dimension), float64
    """

    vision_mean: np.ndarray
    language_mean: np.ndarray
    vision_map: np.ndarray
    language_map: np.ndarray

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Image embeddings, shape (rows, Dx) -> unit rows, shape (rows, dimension), float32.

        Scaled to unit length, freed of the mean, projected and scaled to unit length again, as the
        pairs were when the teacher was fitted. A zero row stays finite.

        Raises
        ------
        BlindmatchError
            If the rows have another dimension.
        """
        return _projected("images", rows, self.vision_mean, self.vision_map)

    def texts(self, rows: np.ndarray) -> np.ndarray:
        """Text embeddings, shape (rows, Dy) -> unit rows, as `images`."""
        return _projected("texts", rows, self.language_mean, self.language_map)


class Teacher:
    """What every teacher is: a frozen dataclass of options, derived from this class."""

    def maps(
        self, images: np.ndarray, texts: np.ndarray, *, seed: int, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """The maps of both sides, shapes (Dx, dimension), (Dy, dimension).

        Called by `fit_teacher`, which prepares and checks the pairs. Same pairs and seed, same
        maps.

        Parameters
        ----------
        images, texts : np.ndarray, shapes (pairs, Dx), (pairs, Dy), float64
            Unit rows minus their mean; row i of both belongs together.
        seed : int
        device : str
            Where training runs, if there is any.
        """
        raise NotImplementedError


def fit_teacher(
    teacher: Teacher, images: np.ndarray, texts: np.ndarray, *, seed: int = 0, device: str = "cpu"
) -> LinearTeacher:
    """Fit a teacher on pairs.

    Rows are scaled to unit length, then the mean of the pairs is subtracted.

    Parameters
    ----------
    teacher : Teacher
    images, texts : np.ndarray, shapes (pairs, Dx), (pairs, Dy)
        As the encoders give them; row i of both belongs together.
    seed : int
        Not negative.
    device : str
        "cpu" or "cuda"; closed forms are solved on the CPU in any case.

    Raises
    ------
    BlindmatchError
        If there are not at least two pairs of finite rows, or the teacher's dimension is too large.
    """
    images, texts = (np.asarray(rows) for rows in (images, texts))
    if images.ndim != 2 or texts.ndim != 2 or len(images) != len(texts) or len(images) < 2:
        raise BlindmatchError(
            "pairs: expected at least 2, with as many images as texts, found shapes "
            f"{images.shape} and {texts.shape}"
        )
    images, vision_mean = _centred("images", images)
    texts, language_mean = _centred("texts", texts)
    maps = teacher.maps(images, texts, seed=seed, device=device)
    return LinearTeacher(vision_mean, language_mean, *maps)


def choose_dimension(dimension: int | None, images: np.ndarray, texts: np.ndarray) -> int:
    """Of the shared space of a closed form: what is asked for, or as much as the pairs determine.

    Parameters
    ----------
    dimension : int or None
    images, texts : np.ndarray, shapes (pairs, Dx), (pairs, Dy)
        Centred, so that they span one direction less than there are pairs.

    Raises
    ------
    BlindmatchError
        If more is asked for, or less than one.
    """
    most = min(len(images) - 1, images.shape[1], texts.shape[1])
    if dimension is None:
        return most
    if not 1 <= dimension <= most:
        raise BlindmatchError(
            f"dimension: expected 1 ... {most} for {len(images)} pairs of {images.shape[1]} and "
            f"{texts.shape[1]} dimensions, found {dimension}"
        )
    return dimension


def solve_in_span(
    images: np.ndarray,
    texts: np.ndarray,
    solve: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Maps of a closed form, found in the span of the pairs where that is smaller than the space.

    Nothing outside the span of the pairs can change closed forms of their covariances, so this
    saves time alone: work grows with the cube of the number of pairs, not of the dimensions.

    Parameters
    ----------
    images, texts : np.ndarray, shapes (pairs, Dx), (pairs, Dy)
    solve : callable
        Coordinates of both in their spans -> maps for these coordinates.
    """
    bases = [
        np.linalg.qr(rows.T)[0] if len(rows) < rows.shape[1] else None for rows in (images, texts)
    ]
    coordinates = [
        rows if basis is None else rows @ basis
        for rows, basis in zip((images, texts), bases, strict=True)
    ]
    vision, language = (
        each if basis is None else basis @ each
        for each, basis in zip(solve(*coordinates), bases, strict=True)
    )
    return vision, language


def _centred(name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows minus their mean, and the mean, float64."""
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        raise BlindmatchError(
            f"{name}: expected finite numbers, found others in row {int(finite.argmin())}"
        )
    unit = _unit(rows.astype(np.float64))
    mean = unit.mean(axis=0)
    unit -= mean
    return unit, mean


def _projected(name: str, rows: np.ndarray, mean: np.ndarray, map_: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != len(mean):
        raise BlindmatchError(
            f"{name}: expected rows of dimension {len(mean)}, as the teacher was fitted on, found "
            f"shape {rows.shape}"
        )
    projected = np.empty((len(rows), map_.shape[1]), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        centred = _unit(rows[part].astype(np.float64)) - mean
        projected[part] = _unit(centred @ map_)
    return projected


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length, in place; zero rows stay zero."""
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    return rows
