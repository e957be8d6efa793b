"""Write the numbers of a figure."""

import json
import sys

from blindmatch.plotting import write_table
from blindmatch.script import one_sentence

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        figure = json.loads(snakemake.params.figure)
        write_table(
            figure["kind"],
            snakemake.input[0],
            snakemake.output.csv,
            snakemake.output.tex,
            title=figure["title"],
            styles=json.loads(snakemake.params.styles),
            figure=figure,
        )
