"""Problems that several benchmarks share, and how their tables are printed."""

from collections.abc import Iterator

import numpy as np

from blindmatch import QAP
from blindmatch.metrics import metrics
from blindmatch.phase import planted

GW = metrics["gw"]()


def cloud(size: int, noise: int, draw: int = 0) -> QAP:
    """A Gaussian cloud of 20 coordinates and its copy; noise in % of its standard deviation."""
    rng = np.random.default_rng([size, noise, draw])
    return planted(size, noise / 100, metric=GW, dimension=20, rng=rng)[0]


def kernels_of(path: str) -> Iterator[tuple[str, QAP]]:
    """Names and problems of a file with arrays NAME-vision and NAME-language."""
    arrays = np.load(path)
    for key in arrays.files:
        name, _, side = key.rpartition("-")
        if side == "vision":
            yield name, QAP.from_metric(GW, arrays[key], arrays[f"{name}-language"])


def head(title: str, text: str, *columns: str) -> None:
    """Print the beginning of a section and of its table."""
    print(f"\n## {title}\n\n{text}\n", flush=True)
    row(*columns)
    row(*["---"] * len(columns))


def row(*cells: object) -> None:
    """Print a row of a table in Markdown."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
