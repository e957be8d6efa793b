"""Embed every image of a dataset with one vision model."""

import argparse
from pathlib import Path

from blindmatch.datasets import open_dataset
from blindmatch.embed import embed_images, store_precomputed
from blindmatch.models import families
from blindmatch.paths import rows_digest
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import DatasetSettings, EmbeddingSettings, ModelSettings
from blindmatch.storage import read_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--dataset-settings", type=settings(DatasetSettings), required=True)
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--model-settings", type=settings(ModelSettings), required=True)
parser.add_argument("--embedding", type=settings(EmbeddingSettings), required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        index = read_cache(arguments.index, "index", dataset=arguments.dataset)
        dataset = open_dataset(arguments.dataset, arguments.dataset_settings, arguments.folder)
        rows = len(index.arrays["labels"])
        identity = {
            "dataset": arguments.dataset,
            "modality": "vision",
            "model": arguments.model,
            "rows_digest": rows_digest(index),
            **record(vars(arguments), "h5py", "pillow", made_from=[index.attributes]),
        }
        if arguments.model_settings.family == "precomputed":
            store_precomputed(dataset, rows, arguments.output, identity=identity)
        else:
            embed_images(
                dataset,
                rows,
                families[arguments.model_settings.family].vision(arguments.model_settings),
                arguments.output,
                identity=identity,
                precision=arguments.embedding.precision,
                batch_size=arguments.embedding.batch_size,
                device=arguments.embedding.device,
                threads=arguments.threads,
            )
