"""Caches of embeddings -> the images and texts of each dataset that an alignment needs."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.paths import EMBEDDINGS, names_in, rows_digest
from blindmatch.prototypes import class_means, normalise
from blindmatch.storage import Cache, open_embeddings, read_cache


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Images and texts of one dataset; either side is empty where it is not needed.

    Attributes
    ----------
    images : np.ndarray, shape (images, Dx), float32
    image_labels : np.ndarray, shape (images,), int64
        Class of each image.
    texts : np.ndarray, shape (texts, Dy), float32
    text_labels : np.ndarray, shape (texts,), int64
        Class that each text stands for.
    """

    images: np.ndarray
    image_labels: np.ndarray
    texts: np.ndarray
    text_labels: np.ndarray


def read_corpora(
    embeddings: Iterable[Path],
    indexes: Iterable[Path],
    classes: Iterable[Path],
    *,
    averaged: bool,
    prompted: Iterable[str] = (),
) -> tuple[dict[str, Corpus], list[Mapping[str, object]]]:
    """The corpora of some datasets, and the attributes of what they were read from.

    Parameters
    ----------
    embeddings : iterable of Path
        Embedding caches, at most one of each modality for each dataset.
    indexes, classes : iterable of Path
        ``index.h5`` of the datasets with images, ``classes.h5`` of those with texts.
    averaged : bool
        The prompts of a class are one text: the normalised mean of their normalised embeddings.
    prompted : iterable of str
        Datasets whose texts are never averaged.

    Raises
    ------
    BlindmatchError
        If a file is damaged, or made of other rows than its dataset's.
    """
    described = {path.parent.name: read_cache(path, "index") for path in indexes}
    worded = {path.parent.name: read_cache(path, "classes") for path in classes}
    read = [*described.values(), *worded.values()]
    images, texts = {}, {}
    for path in embeddings:
        said = names_in(path, EMBEDDINGS)
        of, known = (images, described) if said["modality"] == "vision" else (texts, worded)
        name = said["dataset"]
        if name not in known:
            raise BlindmatchError(f"{path}: expected the rows of dataset {name!r}, found none")
        cache = open_embeddings(path, **said, rows_digest=rows_digest(known[name]))
        of[name] = cache.arrays["embeddings"], known[name].arrays["labels"]
        read.append(cache)
        if averaged and of is texts and name not in prompted:
            of[name] = _averaged(*of[name], worded[name])
    names = dict.fromkeys([*images, *texts])
    nothing = np.empty((0, 1), dtype=np.float32), np.empty(0, dtype=np.int64)
    corpora = {
        name: Corpus(*images.get(name, nothing), *texts.get(name, nothing)) for name in names
    }
    return corpora, [cache.attributes for cache in read]


def _averaged(
    embeddings: np.ndarray, labels: np.ndarray, classes: Cache
) -> tuple[np.ndarray, np.ndarray]:
    count = len(classes.arrays["class_names"])
    means = class_means(normalise(embeddings.astype(np.float64)), labels, count)
    return means.astype(np.float32), np.arange(count)
