"""Embed every prompt of a dataset with one language model."""

import argparse
from pathlib import Path

from blindmatch.datasets import open_dataset
from blindmatch.embed import embed_texts, store_precomputed
from blindmatch.models import families
from blindmatch.paths import rows_digest
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import DatasetSettings, ModelSettings
from blindmatch.storage import read_cache

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--dataset-settings", type=settings(DatasetSettings), required=True)
parser.add_argument("--classes", type=Path, required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--model-settings", type=settings(ModelSettings), required=True)
parser.add_argument("--device", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        classes = read_cache(arguments.classes, "classes", dataset=arguments.dataset)
        prompts = classes.arrays["prompts"].tolist()
        identity = {
            "dataset": arguments.dataset,
            "modality": "language",
            "model": arguments.model,
            "rows_digest": rows_digest(classes),
            **record(vars(arguments), "h5py", "transformers", made_from=[classes.attributes]),
        }
        if arguments.model_settings.family == "precomputed":
            dataset = open_dataset(arguments.dataset, arguments.dataset_settings, ".")
            store_precomputed(dataset, len(prompts), arguments.output, identity=identity)
        else:
            embed_texts(
                prompts,
                families[arguments.model_settings.family].language(arguments.model_settings),
                arguments.output,
                identity=identity,
                device=arguments.device,
                threads=arguments.threads,
            )
