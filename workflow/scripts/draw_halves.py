"""Write the random halves of a dataset's rows."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.paths import rows_digest
from blindmatch.progress import say
from blindmatch.prototypes import draw_halves, draw_seeds
from blindmatch.script import one_sentence, record
from blindmatch.storage import read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--classes", type=Path, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--draws", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        index = read_cache(arguments.index, "index")
        classes = read_cache(arguments.classes, "classes")
        names = classes.arrays["class_names"].tolist()
        labels = index.arrays["labels"]
        seeds = draw_seeds(arguments.seed, arguments.draws)
        rows = draw_halves(labels, names, seeds)
        if rows is None:
            say("every class has one image: random halves are impossible, all images are used")
            rows, seeds = np.arange(len(labels))[None, :], seeds[:1]
        write_cache(
            arguments.output,
            "draws",
            {"rows": rows, "seeds": seeds},
            {
                "dataset": index.attributes["dataset"],
                "rows_digest": rows_digest(index),
                "halves": rows.shape[1] < len(labels),
                **record(
                    vars(arguments),
                    "h5py",
                    "torch",
                    seed=arguments.seed,
                    made_from=[index.attributes, classes.attributes],
                ),
            },
        )
