"""Download one file of a dataset, or draw a synthetic one."""

import argparse
from pathlib import Path

from blindmatch.datasets._synthetic import draw_source
from blindmatch.datasets.download import fetch
from blindmatch.script import one_sentence, settings
from blindmatch.settings import Source

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--source", type=settings(Source), required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        if arguments.source.synthetic is None:
            fetch(arguments.source, arguments.output, dataset=arguments.dataset)
        else:
            draw_source(arguments.source.synthetic, arguments.output)
