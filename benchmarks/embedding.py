"""Images per second of the embedding loop against a plain loop, in one run on the same CPU.

The peer is what a first script does: a data loader without workers, batches of 64 in the default
memory layout, float32. Both read and preprocess the same images and embed them with the same
model, whose batch normalisations are folded for the peer too.

    python benchmarks/embedding.py | tee benchmarks/embedding.md
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from blindmatch.config import DatasetSettings, ModelSettings, read_yaml
from blindmatch.datasets import open_dataset
from blindmatch.embed import embed_images
from blindmatch.models import families
from blindmatch.progress import say
from blindmatch.storage import open_embeddings

ROOT = Path(__file__).parents[1]


class PlainImages(torch.utils.data.Dataset):
    """Preprocessed images, the usual way."""

    def __init__(self, dataset, rows, preprocess):
        self.dataset, self.rows, self.preprocess = dataset, rows, preprocess

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        return self.preprocess(self.dataset.image(row))


def plain(dataset, rows, encoder, threads):
    """The peer's embeddings."""
    torch.set_num_threads(threads)
    loader = torch.utils.data.DataLoader(PlainImages(dataset, rows, encoder.preprocess), 64)
    model = encoder.model.to(memory_format=torch.contiguous_format)
    with torch.no_grad():
        return torch.cat([encoder.read(model, images, None) for images in loader])


def ours(dataset, rows, encoder, threads, precision):
    """The embeddings of the workflow's loop, read back from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "embeddings.h5"
        embed_images(
            dataset,
            rows,
            encoder,
            output,
            identity={},
            precision=precision,
            device="cpu",
            threads=threads,
            report=say,
        )
        return torch.from_numpy(open_embeddings(output).arrays["embeddings"])


def seconds(function, *arguments):
    """Elapsed time and result of a call."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main():
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    settings = read_yaml(ROOT / "config/datasets.yaml")["datasets"]["emoji-100"]
    dataset = open_dataset("emoji-100", DatasetSettings(**settings), ".")
    model = ModelSettings(**read_yaml(ROOT / "config/models.yaml")["models"][arguments.model])
    rows, threads = arguments.rows, arguments.threads

    variants = {
        "plain loop, batch 64, default layout, float32": (plain,),
        "blindmatch, float32": (ours, "float32"),
        "blindmatch, bfloat16": (ours, "bfloat16"),
    }
    times = {name: [] for name in variants}
    results = {}
    for _ in range(arguments.repeats):
        for name, (function, *precision) in variants.items():
            encoder = families[model.family].vision(model)
            elapsed, results[name] = seconds(function, dataset, rows, encoder, threads, *precision)
            times[name].append(elapsed)
    first = next(iter(variants))
    print(
        f"`{arguments.model}`, {rows} images of Emoji-100, {threads} threads, best of "
        f"{arguments.repeats} interleaved runs, torch {torch.__version__}.\n"
    )
    print("| loop | images/s | ratio | smallest cosine to the plain loop |")
    print("|---|---|---|---|")
    for name in variants:
        cosine = torch.nn.functional.cosine_similarity(results[name], results[first]).min()
        best, peer = min(times[name]), min(times[first])
        print(f"| {name} | {rows / best:.1f} | {peer / best:.2f} | {cosine:.6f} |")


if __name__ == "__main__":
    main()
