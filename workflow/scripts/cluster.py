"""Cluster the images of each random half, without their labels."""

import argparse
from pathlib import Path

import numpy as np

from blindmatch.classification import cluster_draws
from blindmatch.clusterings import clusterings
from blindmatch.paths import rows_digest
from blindmatch.progress import Progress
from blindmatch.script import canonical, one_sentence, record, settings
from blindmatch.settings import ClusteringSettings
from blindmatch.storage import open_embeddings, read_cache, write_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--clustering", required=True)
parser.add_argument("--settings", type=settings(ClusteringSettings), required=True)
parser.add_argument("--embeddings", type=Path, required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--draws", type=Path, required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    about = {"dataset": arguments.dataset, "modality": "vision", "model": arguments.model}
    entry = arguments.settings
    with one_sentence():
        index = read_cache(arguments.index, "index", dataset=arguments.dataset)
        rows = {"rows_digest": rows_digest(index)}
        draws = read_cache(arguments.draws, "draws", dataset=arguments.dataset, **rows)
        embeddings = open_embeddings(arguments.embeddings, **about, **rows)
        count = arguments.asked["draws"]
        seeds = draws.arrays["seeds"][:count]
        progress = Progress("clustered", "draws", len(seeds))
        found = []
        for clusters in cluster_draws(
            embeddings.arrays["embeddings"],
            draws.arrays["rows"][:count],
            index.attributes["classes"],
            clustering=clusterings.build(entry.clustering, entry.options),
            seeds=seeds,
            threads=arguments.threads,
        ):
            found.append(clusters)
            progress.advance()
        write_cache(
            arguments.output,
            "clusters",
            {
                "assignments": np.stack([clusters.assignment for clusters in found]),
                "centroids": np.stack([clusters.centroids for clusters in found]),
                "inertia": np.array([clusters.inertia for clusters in found]),
                "seeds": seeds,
            },
            {
                **about,
                "clustering": arguments.clustering,
                "settings": canonical(entry.model_dump()),
                "classes": index.attributes["classes"],
                **record(
                    vars(arguments),
                    "h5py",
                    *clusterings[entry.clustering].requires,
                    seed=draws.attributes.get("seed"),
                    made_from=[embeddings.attributes, index.attributes, draws.attributes],
                ),
            },
        )
