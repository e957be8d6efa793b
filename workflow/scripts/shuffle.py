"""Similarity of a pair of models when more and more of their items are shuffled."""

import argparse
from pathlib import Path

from blindmatch.metrics import metrics
from blindmatch.paths import rows_digest
from blindmatch.progress import Progress, say
from blindmatch.prototypes import class_means
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import MetricSettings
from blindmatch.shuffling import shuffle
from blindmatch.storage import open_embeddings, read_cache, write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--vision", required=True)
parser.add_argument("--vision-embeddings", type=Path, required=True)
parser.add_argument("--language", required=True)
parser.add_argument("--language-embeddings", type=Path, required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--classes", type=Path, required=True)
parser.add_argument("--metrics", type=settings(dict[str, MetricSettings]), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)


def prototypes(path, modality, labels, **names):
    """Class means of all rows of a cache, and its attributes."""
    cache = open_embeddings(path, modality=modality, **names)
    means = class_means(cache.arrays["embeddings"], labels, int(labels.max()) + 1)
    return means, cache.attributes


if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        same = {"dataset": arguments.dataset}
        index = read_cache(arguments.index, "index", **same)
        classes = read_cache(arguments.classes, "classes", **same)
        vision, images = prototypes(
            arguments.vision_embeddings,
            "vision",
            index.arrays["labels"],
            model=arguments.vision,
            rows_digest=rows_digest(index),
            **same,
        )
        language, prompts = prototypes(
            arguments.language_embeddings,
            "language",
            classes.arrays["labels"],
            model=arguments.language,
            rows_digest=rows_digest(classes),
            **same,
        )
        levels, draws = arguments.asked["levels"], arguments.asked["draws"]
        progress = Progress("evaluated", "shuffles", len(arguments.metrics) * levels * draws)
        rows = []
        for row in shuffle(
            vision,
            language,
            metrics={
                slug: metrics.build(entry.metric, entry.options)
                for slug, entry in arguments.metrics.items()
            },
            levels=levels,
            draws=draws,
            dataset=arguments.dataset,
            seed=arguments.seed,
            report=say,
        ):
            rows.append(row)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "names": {
                    **same,
                    "vision": arguments.vision,
                    "language": arguments.language,
                    "size": len(vision),
                },
                "metrics": {slug: entry.model_dump() for slug, entry in arguments.metrics.items()},
                **record(
                    vars(arguments),
                    "pyarrow",
                    "scipy",
                    "numba",
                    seed=arguments.seed,
                    made_from=[images, index.attributes, prompts, classes.attributes],
                ),
            },
        )
