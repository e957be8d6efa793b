"""Kernel of one language model over all prompts of each class."""

import argparse
from pathlib import Path

from blindmatch.kernels import KERNELS
from blindmatch.paths import rows_digest
from blindmatch.prototypes import class_means
from blindmatch.script import one_sentence, record
from blindmatch.storage import open_embeddings, read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--kernel", choices=sorted(KERNELS), required=True)
parser.add_argument("--embeddings", type=Path, required=True)
parser.add_argument("--classes", type=Path, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    described = {"dataset": arguments.dataset, "modality": "language", "model": arguments.model}
    with one_sentence():
        classes = read_cache(arguments.classes, "classes", dataset=arguments.dataset)
        rows = {"rows_digest": rows_digest(classes)}
        cache = open_embeddings(arguments.embeddings, **described, **rows)
        means = class_means(
            cache.arrays["embeddings"],
            classes.arrays["labels"],
            len(classes.arrays["class_names"]),
        )
        write_cache(
            arguments.output,
            "kernels",
            {"all": KERNELS[arguments.kernel](means)},
            {
                **described,
                "kernel": arguments.kernel,
                "parameters": cache.attributes.get("parameters"),
                **record(
                    vars(arguments),
                    "h5py",
                    "scipy",
                    made_from=[cache.attributes, classes.attributes],
                ),
            },
        )
