"""What a file must be: what its path says, made of the rows that its readers read, too."""

import re
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.provenance import text_digest
from blindmatch.storage import Cache

#: Embeddings of one model; a pattern like `blindmatch.studies.Study.path`.
EMBEDDINGS = "results/embeddings/{dataset}/{modality}/{model}.h5"
#: Kernels of one model in all draws; a pattern like `blindmatch.studies.Study.path`.
KERNELS = "results/kernels/{dataset}/{kernel}/{modality}/{model}.h5"


def names_in(path: str | Path, pattern: str) -> dict[str, str]:
    """What a path says of its file.

    Parameters
    ----------
    path : path-like
    pattern : str
        As `blindmatch.studies.Study.path`: names of settings in braces, in the plural where they
        are lists.

    Returns
    -------
    dict
        Name of each setting, in the singular as results call it -> its value in the path.

    Raises
    ------
    BlindmatchError
        If the path is not made by the pattern.
    """
    groups = re.sub(r"\\{(\w+?)s?\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
    found = re.fullmatch(rf"(?:.*/)?{groups}", str(path))
    if found is None:
        raise BlindmatchError(f"{path}: expected a path like {pattern}")
    return found.groupdict()


def rows_digest(cache: Cache) -> str:
    """Digest of what rows of embeddings stand for: the images of an index, the prompts of classes.

    Embeddings of a vision model, and random halves, hold that of their index; embeddings of a
    language model that of their classes.
    """
    arrays = cache.arrays
    if "prompts" in arrays:
        return text_digest(*arrays["prompts"])
    return text_digest(*arrays["keys"], *map(str, arrays["labels"]))
