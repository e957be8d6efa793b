"""Draw accuracy against the number of classes."""

import json
import sys

from blindmatch.plotting.scaling import draw_scaling
from blindmatch.script import one_sentence

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        draw_scaling(
            snakemake.input[0],
            [snakemake.output.pdf, snakemake.output.png],
            title=snakemake.params.title,
            styles=json.loads(snakemake.params.styles),
        )
