"""Write the class names of a dataset and the prompts that stand for them."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.datasets import open_dataset
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import DatasetSettings
from blindmatch.storage import write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--settings", type=settings(DatasetSettings), required=True)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        dataset = open_dataset(arguments.dataset, arguments.settings, arguments.folder)
        prompts = dataset.prompts()
        write_cache(
            arguments.output,
            "classes",
            {
                "class_names": np.array(dataset.index().class_names),
                "prompts": np.array([prompt for group in prompts for prompt in group]),
                "labels": np.repeat(np.arange(len(prompts)), [len(group) for group in prompts]),
            },
            {"dataset": arguments.dataset, **record(vars(arguments), "h5py")},
        )
