"""Kernels of one vision model: of each random half of the images, and of all of them."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.paths import rows_digest
from blindmatch.progress import Progress
from blindmatch.prototypes import class_means
from blindmatch.script import one_sentence, record
from blindmatch.storage import open_embeddings, read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--kernel", choices=sorted(KERNELS), required=True)
parser.add_argument("--embeddings", type=Path, required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--draws", type=Path, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    described = {"dataset": arguments.dataset, "modality": "vision", "model": arguments.model}
    with one_sentence():
        index = read_cache(arguments.index, "index", dataset=arguments.dataset)
        same = {"rows_digest": rows_digest(index)}
        draws = read_cache(arguments.draws, "draws", dataset=arguments.dataset, **same)
        cache = open_embeddings(arguments.embeddings, **described, **same)
        embeddings = cache.arrays["embeddings"]
        labels = index.arrays["labels"]
        progress = Progress("computed", "kernels", 1 + len(draws.arrays["rows"]))

        def kernel(rows=slice(None)):
            means = class_means(embeddings[rows], labels[rows], index.attributes["classes"])
            result = KERNELS[arguments.kernel](means)
            progress.advance()
            return result

        write_cache(
            arguments.output,
            "kernels",
            {
                "all": kernel(),
                "draws": np.stack([kernel(rows) for rows in draws.arrays["rows"]]),
                "seeds": draws.arrays["seeds"],
            },
            {
                **described,
                "kernel": arguments.kernel,
                "parameters": cache.attributes.get("parameters"),
                "halves": draws.attributes["halves"],
                "paired": index.attributes["paired"],
                **record(
                    vars(arguments),
                    "h5py",
                    "scipy",
                    seed=draws.attributes.get("seed"),
                    made_from=[cache.attributes, index.attributes, draws.attributes],
                ),
            },
        )
