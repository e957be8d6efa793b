"""Draw a phase diagram."""

import sys

from blindmatch.plotting.phase import draw_phase
from blindmatch.script import one_sentence

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        draw_phase(
            snakemake.input[0],
            [snakemake.output.pdf, snakemake.output.png],
            title=snakemake.params.title,
        )
