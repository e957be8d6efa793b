"""Draw a figure from its aggregate."""

import json
import sys

from blindmatch.plotting import draw_figure
from blindmatch.script import one_sentence

if __name__ == "__main__":
    with open(snakemake.log[0], "w", buffering=1) as sys.stderr, one_sentence():
        figure = json.loads(snakemake.params.figure)
        draw_figure(
            figure["kind"],
            snakemake.input[0],
            [snakemake.output.pdf, snakemake.output.png],
            title=figure["title"],
            styles=json.loads(snakemake.params.styles),
            figure=figure,
        )
