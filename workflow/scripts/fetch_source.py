"""Download one file of a dataset."""

import argparse
from pathlib import Path

from blindmatch.config import Source
from blindmatch.datasets.download import fetch
from blindmatch.script import one_sentence, settings

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dataset", required=True)
parser.add_argument("--source", type=settings(Source), required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        fetch(arguments.source, arguments.output, dataset=arguments.dataset)
