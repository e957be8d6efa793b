"""Write the numbers of the scaling figure."""

import sys

from blindmatch.plotting.scaling import tabulate_scaling
from blindmatch.script import one_sentence

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        tabulate_scaling(snakemake.input[0], snakemake.output.csv, snakemake.output.tex)
