"""Kernels of one vision model: of each random half of the images, and of all of them."""

import argparse

import numpy as np

from blindmatch.kernels import KERNELS
from blindmatch.prototypes import class_means
from blindmatch.script import one_sentence
from blindmatch.storage import open_embeddings, read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--kernel", choices=sorted(KERNELS), required=True)
parser.add_argument("--embeddings", required=True)
parser.add_argument("--index", required=True)
parser.add_argument("--draws", required=True)
parser.add_argument("--output", required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    described = {"dataset": arguments.dataset, "modality": "vision", "model": arguments.model}
    with one_sentence():
        cache = open_embeddings(arguments.embeddings, **described)
        embeddings = cache.arrays["embeddings"]
        index = read_cache(arguments.index, "index", dataset=arguments.dataset)
        draws = read_cache(arguments.draws, "draws", dataset=arguments.dataset)
        labels = index.arrays["labels"]

        def kernel(rows=slice(None)):
            means = class_means(embeddings[rows], labels[rows], index.attributes["classes"])
            return KERNELS[arguments.kernel](means)

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
            },
        )
