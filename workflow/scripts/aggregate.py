"""Put all matchings of an experiment into one table."""

import json
import sys

from blindmatch.matching import gather
from blindmatch.script import one_sentence
from blindmatch.storage import write_table

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        experiment = json.loads(snakemake.params.experiment)
        rows = gather(snakemake.input, ranks=experiment["ranks"], draws=experiment["draws"])
        write_table(
            snakemake.output[0],
            rows,
            {"experiment": snakemake.wildcards.experiment, **experiment},
        )
