"""Put all files of a study into one table."""

import json

from blindmatch.aggregates import gather, results_digest
from blindmatch.script import logged, one_sentence, record
from blindmatch.storage import write_table
from blindmatch.studies import SECTIONS

if __name__ == "__main__":
    with logged(snakemake.log[0]), one_sentence():
        study = json.loads(snakemake.params.study)
        settings = {name: value for name, value in study.items() if name != "seed"}
        pattern = SECTIONS[snakemake.wildcards.section](**settings).path
        rows, made_from = gather(snakemake.input, study, pattern=pattern)
        described = {
            **record(study, "pyarrow", seed=study["seed"], made_from=made_from),
            "results_digest": results_digest(rows),
        }
        metadata = {"study": snakemake.wildcards.study, **study, **described}
        write_table(snakemake.output[0], rows, metadata)
