"""How a model stretches the distances that a reference gives to the same images."""

import argparse
from pathlib import Path

from blindmatch.progress import say
from blindmatch.ratios import measure_ratios
from blindmatch.script import one_sentence, record, settings
from blindmatch.storage import open_embeddings, write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--model-embeddings", type=Path, required=True)
parser.add_argument("--reference", required=True)
parser.add_argument("--reference-embeddings", type=Path, required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        same = {"dataset": arguments.dataset, "modality": "vision"}
        model = open_embeddings(arguments.model_embeddings, model=arguments.model, **same)
        reference = open_embeddings(
            arguments.reference_embeddings,
            model=arguments.reference,
            rows_digest=model.attributes["rows_digest"],
            **same,
        )
        rows = measure_ratios(
            model.arrays["embeddings"],
            reference.arrays["embeddings"],
            bins=arguments.asked["bins"],
            report=say,
        )
        names = {name: getattr(arguments, name) for name in ("dataset", "model", "reference")}
        described = record(
            vars(arguments), "pyarrow", "scipy", made_from=[model.attributes, reference.attributes]
        )
        write_table(arguments.output, list(rows), {"names": names, **described})
