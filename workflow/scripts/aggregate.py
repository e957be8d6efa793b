"""Put all files of a study into one table."""

import json
import sys

from blindmatch.aggregates import gather
from blindmatch.script import one_sentence
from blindmatch.storage import write_table

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        study = json.loads(snakemake.params.study)
        rows = gather(snakemake.input, study)
        write_table(snakemake.output[0], rows, {"study": snakemake.wildcards.study, **study})
