"""Kernel of one language model over all prompts of each class."""

import argparse

from blindmatch.kernels import KERNELS
from blindmatch.prototypes import class_means
from blindmatch.script import one_sentence
from blindmatch.storage import open_embeddings, read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--kernel", choices=sorted(KERNELS), required=True)
parser.add_argument("--embeddings", required=True)
parser.add_argument("--classes", required=True)
parser.add_argument("--output", required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    described = {"dataset": arguments.dataset, "modality": "language", "model": arguments.model}
    with one_sentence():
        cache = open_embeddings(arguments.embeddings, **described)
        classes = read_cache(arguments.classes, "classes", dataset=arguments.dataset).arrays
        means = class_means(
            cache.arrays["embeddings"], classes["labels"], len(classes["class_names"])
        )
        write_cache(
            arguments.output,
            "kernels",
            {"all": KERNELS[arguments.kernel](means)},
            {
                **described,
                "kernel": arguments.kernel,
                "parameters": cache.attributes.get("parameters"),
            },
        )
