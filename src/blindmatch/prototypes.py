"""Prototypes: one vector per class, the mean over a random half ("draw") of its images."""

import numpy as np

from blindmatch.errors import BlindmatchError


def draw_seeds(seed: int, draws: int) -> np.ndarray:
    """Seeds of the draws, shape (draws,), int64: the reference code's ``get_seeds(seed, draws)``.

    They come from torch's CPU generator; the first ones of seed 42 are 734796314, 576165995, ...
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2**32 - 1, (draws,), generator=generator).numpy()


def draw_halves(labels: np.ndarray, class_names: list[str], seeds: np.ndarray) -> np.ndarray | None:
    """Row numbers of a random half of the images for each seed, shape (draws, rows // 2), int64.

    The same halves as the reference code's: ``torch.randperm(rows)[: rows // 2]``, classes mixed.

    Returns
    -------
    np.ndarray or None
        None where every class has one image: no half can hold all classes.

    Raises
    ------
    BlindmatchError
        If a half misses a class that other halves hold.
    """
    import torch

    counts = np.bincount(labels, minlength=len(class_names))
    if counts.max() == 1:
        return None
    halves = np.empty((len(seeds), len(labels) // 2), dtype=np.int64)
    for draw, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(int(seed))
        halves[draw] = torch.randperm(len(labels), generator=generator)[: len(labels) // 2]
        missing = np.setdiff1d(np.arange(len(class_names)), labels[halves[draw]])
        if len(missing):
            name = class_names[missing[0]]
            raise BlindmatchError(
                f"draw {draw}: the random half of the images holds none of class {name!r} "
                f"({counts[missing[0]]} image(s) in all); give each class more images"
            )
    return halves


def class_means(embeddings: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """L2-normalised mean embedding of each class, shape (classes, dimension), float64.

    Embeddings are averaged as they are, then normalised (paper, section 4).

    Raises
    ------
    BlindmatchError
        If a class has no row, or its mean is zero.
    """
    if len(embeddings) != len(labels):
        raise BlindmatchError(
            f"labels: expected one for each of {len(embeddings)} embeddings, found {len(labels)}"
        )
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes or not counts.all():
        found = (
            f"class {int(counts.argmin())} without a row"
            if len(counts) == classes
            else (f"label {len(counts) - 1}")
        )
        raise BlindmatchError(f"labels: expected every class 0 ... {classes - 1}, found {found}")
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(np.asarray(embeddings, dtype=np.float64)[order], starts, axis=0)
    return normalise(sums / counts[:, None])


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1.

    Raises
    ------
    BlindmatchError
        If a row is zero.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise BlindmatchError(
            f"prototypes: the mean of class {int(lengths.argmin())} is zero, it has no direction"
        )
    return vectors / lengths
