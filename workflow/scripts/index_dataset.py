"""Write what a dataset holds: keys and labels of its rows."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.datasets import open_dataset
from blindmatch.progress import say
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
        index = dataset.index()
        write_cache(
            arguments.output,
            "index",
            {"keys": np.array(index.keys), "labels": index.labels},
            {
                "dataset": arguments.dataset,
                "classes": int(index.labels.max()) + 1,
                "paired": arguments.settings.paired,
                **record(vars(arguments), "h5py"),
            },
        )
        say(f"{arguments.dataset}: {len(index.keys):,} rows")
