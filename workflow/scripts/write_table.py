"""Write the numbers of a figure."""

import json

from blindmatch.plotting import write_table
from blindmatch.script import logged, one_sentence

if __name__ == "__main__":
    with logged(snakemake.log[0]), one_sentence():
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
