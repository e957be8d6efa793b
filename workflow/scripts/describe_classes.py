"""Write the class names of a dataset and the prompts that stand for them."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.datasets import open_dataset
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import DatasetSettings
from blindmatch.storage import write_cache

#: Bytes beyond which texts are stored in their own lengths instead of that of the longest.
_MOST_BYTES = 1 << 28

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--settings", type=settings(DatasetSettings), required=True)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--output", type=Path, required=True)


def as_array(texts: list[str]) -> np.ndarray:
    """Texts as an array that takes bounded memory, however long one of them is."""
    widest = 4 * max(map(len, texts)) * len(texts)
    return np.array(texts, dtype=object if widest > _MOST_BYTES else str)


if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        dataset = open_dataset(arguments.dataset, arguments.settings, arguments.folder)
        prompts = dataset.prompts()
        write_cache(
            arguments.output,
            "classes",
            {
                "class_names": as_array(dataset.index().class_names),
                "prompts": as_array([prompt for group in prompts for prompt in group]),
                "labels": np.repeat(np.arange(len(prompts)), [len(group) for group in prompts]),
            },
            {"dataset": arguments.dataset, **record(vars(arguments), "h5py")},
        )
