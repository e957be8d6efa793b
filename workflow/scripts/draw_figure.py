"""Draw a figure from its aggregate."""

import json

from blindmatch.plotting import draw_figure
from blindmatch.script import logged, one_sentence

if __name__ == "__main__":
    with logged(snakemake.log[0]), one_sentence():
        figure = json.loads(snakemake.params.figure)
        draw_figure(
            figure["kind"],
            snakemake.input[0],
            [snakemake.output.pdf, snakemake.output.png],
            title=figure["title"],
            styles=json.loads(snakemake.params.styles),
            figure=figure,
        )
