"""Retrieval between images and texts, and zero-shot classification, by cosine similarity."""

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.prototypes import class_means

#: Similarities that are held at a time.
_ENTRIES = 2**23
#: Rounding in float32: similarities this close are ties.
_TIE = 1e-6


def recall(
    images: np.ndarray, texts: np.ndarray, image_labels: np.ndarray, text_labels: np.ndarray
) -> dict[str, float]:
    """How often a row's own class is among the most similar rows of the other side.

    A query counts as answered if any of its partners is found: any of the captions of an image.
    Wrong rows that are as similar as the best partner come before it, so a constant embedding finds
    nothing.

    Parameters
    ----------
    images, texts : np.ndarray, shapes (images, D), (texts, D)
        In the shared space.
    image_labels, text_labels : np.ndarray, shapes (images,), (texts,)
        Class of each row; rows of the same class are partners.

    Returns
    -------
    dict
        `i2t_r1`, `i2t_r5`, `t2i_r1`, `t2i_r5`: shares of the images (texts) of which a partner is
        among the first 1 (5) texts (images); `mean_r1`, `mean_r5`: means of both directions;
        `median_rank` of the best partner, counted from 1, `chance_r1` and `chance_r5` of a random
        order, likewise means of both directions; `images`, `texts`: how many there are.

    Raises
    ------
    BlindmatchError
        If shapes do not fit, a number is not finite, or a row has no partner.
    """
    images, image_labels = _checked("image", images, image_labels)
    texts, text_labels = _checked("text", texts, text_labels)
    _check_dimensions(images, texts)
    _check_partners("image", image_labels, "text", text_labels)
    _check_partners("text", text_labels, "image", image_labels)
    directions = {
        "i2t": (images, image_labels, texts, text_labels),
        "t2i": (texts, text_labels, images, image_labels),
    }
    result, medians, chances = {}, [], {1: [], 5: []}
    for name, (queries, labels, gallery, gallery_labels) in directions.items():
        ranks = _ranks(queries, labels, gallery, gallery_labels)
        medians.append(np.median(ranks))
        for first, found in chances.items():
            result[f"{name}_r{first}"] = float(np.mean(ranks <= first))
            found.append(_chance(labels, gallery_labels, first))
    for first, found in chances.items():
        result[f"mean_r{first}"] = (result[f"i2t_r{first}"] + result[f"t2i_r{first}"]) / 2
        result[f"chance_r{first}"] = float(np.mean(found))
    result["median_rank"] = float(np.mean(medians))
    return {**result, "images": len(images), "texts": len(texts)}


def zero_shot(
    images: np.ndarray, labels: np.ndarray, prompts: np.ndarray, prompt_labels: np.ndarray
) -> dict[str, float]:
    """How often an image's class is the one with the most similar prompts.

    A class is the normalised mean of its normalised prompts.

    Parameters
    ----------
    images, prompts : np.ndarray, shapes (images, D), (prompts, D)
        In the shared space.
    labels, prompt_labels : np.ndarray, shapes (images,), (prompts,)
        Class of each row.

    Returns
    -------
    dict
        `top1`, `top5`: shares of the images whose class is the first, or among the first five;
        `chance` of `top1`; `images`, `classes`: how many there are.

    Raises
    ------
    BlindmatchError
        If shapes do not fit, a number is not finite, or an image's class has no prompt.
    """
    images, labels = _checked("image", images, labels)
    prompts, prompt_labels = _checked("prompt", prompts, prompt_labels)
    _check_dimensions(images, prompts)
    _check_partners("image", labels, "prompt", prompt_labels)
    classes, numbers = np.unique(prompt_labels, return_inverse=True)
    means = class_means(prompts, numbers, len(classes)).astype(np.float32)
    ranks = _ranks(images, labels, means, classes)
    return {
        "top1": float(np.mean(ranks <= 1)),
        "top5": float(np.mean(ranks <= 5)),
        "chance": 1 / len(classes),
        "images": len(images),
        "classes": len(classes),
    }


def _ranks(
    queries: np.ndarray, labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray
) -> np.ndarray:
    """Rank of each query's best partner, from 1: the wrong rows that are not less similar, + 1."""
    ranks = np.empty(len(queries), dtype=np.int64)
    step = max(1, _ENTRIES // len(gallery))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        similarity = queries[part] @ gallery.T
        partners = labels[part, None] == gallery_labels
        best = np.where(partners, similarity, -np.inf).max(axis=1, keepdims=True)
        similarity[partners] = -np.inf
        ranks[part] = 1 + np.count_nonzero(similarity >= best - _TIE, axis=1)
    return ranks


def _chance(labels: np.ndarray, gallery_labels: np.ndarray, first: int) -> float:
    """Probability that a random order has a partner among the first; mean over the queries."""
    classes, numbers = np.unique(gallery_labels, return_inverse=True)
    partners = np.bincount(numbers)[np.searchsorted(classes, labels)]
    rows = len(gallery_labels)
    drawn = np.arange(min(first, rows))
    missed = np.clip((rows - partners[:, None] - drawn) / (rows - drawn), 0, None)
    return float(np.mean(1 - missed.prod(axis=1)))


def _checked(word: str, rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in float32, and their labels."""
    rows, labels = np.asarray(rows), np.asarray(labels)
    if rows.ndim != 2 or not len(rows) or labels.shape != rows.shape[:1]:
        raise BlindmatchError(
            f"{word}s: expected rows and a label for each, found shapes {rows.shape} and "
            f"{labels.shape}"
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise BlindmatchError(
            f"{word}s: expected finite numbers, found others in row "
            f"{int(np.isfinite(lengths).argmin())}"
        )
    tiny = np.finfo(np.float32).tiny
    return (rows / np.maximum(lengths, tiny)).astype(np.float32), labels


def _check_dimensions(images: np.ndarray, texts: np.ndarray) -> None:
    if images.shape[1] != texts.shape[1]:
        raise BlindmatchError(
            f"images, texts: expected as many dimensions, found {images.shape[1]} and "
            f"{texts.shape[1]}"
        )


def _check_partners(word: str, labels: np.ndarray, other: str, other_labels: np.ndarray) -> None:
    alone = ~np.isin(labels, other_labels)
    if alone.any():
        row = int(alone.argmax())
        raise BlindmatchError(
            f"{word}s: expected a {other} of each class, found none of class {labels[row]} "
            f"({word} {row})"
        )
