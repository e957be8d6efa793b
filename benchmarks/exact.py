"""Exact matching of 10 classes: the depth-first search against going through all permutations.

The peer is brute force as NumPy does it best on one core: the costs of all 10! permutations in
float64, in chunks that fit into the cache, from a list of the permutations that is made beforehand
and not timed. Both solve the same problems; the program ends with an error where the search's
permutation is not among those of least cost.

Planted problems (`blindmatch.phase`) pair a Gaussian cloud of 20 coordinates with its noisy copy.
From a file of kernels (arrays NAME-vision and NAME-language: standardised distances), 10 classes
are drawn at random for each problem. What was subtracted from distances is unknown: they are
shifted so that the closest two items of a kernel coincide, and inner products follow from that.

    python benchmarks/exact.py | tee benchmarks/exact.md
"""

import argparse
import importlib.metadata
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

import numpy as np
from instances import head, row

from blindmatch import QAP
from blindmatch.metrics import Metric, metrics
from blindmatch.phase import planted
from blindmatch.solvers import solvers

SIZE, SEEDS, CHUNK = 10, 5, 2_000
#: Costs that differ by less count as equal: the rounding of sums of a hundred products.
ROUNDING = 1e-12
METRICS = {
    "gw": metrics["gw"](),
    "cka": metrics["cka"](),
    **{f"mutual-knn, k = {k}": metrics["mutual-knn"](k=k) for k in range(1, 9)},
}
#: Pairs of models, data sets and draws of the small-scale study; each for every metric.
SOLVES = 32 * 27 * 2 * 20
#: Run in a process of its own; the kernel's high-water mark of resident memory, in bytes.
PEAK = """
import sys
from exact import METRICS, SIZE, all_orders, enumerate_all, of_clouds, search
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
bare, problem = peak(), next(of_clouds(METRICS["gw"], 100, 1))
if sys.argv[1] == "search":
    search(problem, 0)
else:
    enumerate_all(problem, all_orders(SIZE))
print(bare, peak())
"""


def all_orders(size: int) -> np.ndarray:
    """All permutations, shape (N!, N), uint8."""
    orders = np.zeros((1, 1), dtype=np.uint8)
    for item in range(1, size):
        places = range(item + 1)
        orders = np.concatenate([np.insert(orders, place, item, axis=1) for place in places])
    return orders


def enumerate_all(problem: QAP, orders: np.ndarray) -> np.ndarray:
    """The permutations of least cost, shape (count, N), by the costs of all; constant left out."""
    A, B, costs = problem.A.ravel(), problem.B.ravel(), np.empty(len(orders))
    for start in range(0, len(orders), CHUNK):
        p = orders[start : start + CHUNK].astype(np.intp)
        pairs = p[:, :, None] * problem.size + p[:, None, :]
        costs[start : start + CHUNK] = B.take(pairs.reshape(len(p), -1)) @ A
    return orders[costs <= costs.min() + ROUNDING * problem.magnitude]


def search(problem: QAP, seed: int):
    """What `brute-force` finds."""
    return solvers.build("brute-force", {}).solve(problem, seed=seed)


def of_clouds(metric: Metric, noise: int, count: int) -> Iterator[QAP]:
    """Planted problems; noise in % of the cloud's standard deviation."""
    for draw in range(count):
        rng = np.random.default_rng([noise, draw])
        yield planted(SIZE, noise / 100, metric=metric, dimension=20, rng=rng)[0]


def of_file(metric: Metric, path: str, count: int) -> Iterator[QAP]:
    """Problems between random classes of the kernels of a file, in random order."""
    arrays = np.load(path)
    names = sorted(key.removesuffix("-vision") for key in arrays if key.endswith("-vision"))
    rng = np.random.default_rng(0)
    for name in rng.choice(names, count):
        sides = [arrays[f"{name}-{side}"] for side in ("vision", "language")]
        classes = rng.choice(len(sides[0]), SIZE, replace=False)
        finished = []
        for kernel, chosen in zip(sides, (classes, rng.permutation(classes)), strict=True):
            distances = kernel - kernel.min()
            np.fill_diagonal(distances, 0.0)
            raw = distances if metric.kernel == "euclidean" else products_of(distances)
            finished.append(metric.finish(raw[np.ix_(chosen, chosen)]))
        yield QAP.from_metric(metric, *finished)


def products_of(distances: np.ndarray) -> np.ndarray:
    """Inner products of centred points with these distances."""
    products = -(distances**2) / 2
    means = products.mean(axis=0)
    return products - means - means[:, None] + means.mean()


def processor_seconds(function, *arguments):
    """What a function returns, and the CPU seconds that it took."""
    start = time.process_time()
    found = function(*arguments)
    return found, time.process_time() - start


def measure(problems: Iterator[QAP], orders: np.ndarray) -> tuple[list, list, list, int]:
    """CPU seconds of every search and every enumeration; nodes; problems with several optima."""
    ours, peers, nodes, several = [], [], [], 0
    for problem in problems:
        optima, seconds = processor_seconds(enumerate_all, problem, orders)
        peers.append(seconds)
        several += len(optima) > 1
        for seed in range(SEEDS):
            found, seconds = processor_seconds(search, problem, seed)
            ours.append(seconds)
            nodes.append(found.iterations)
            if not (found.optimal and (optima == found.permutation).all(axis=1).any()):
                sys.exit(f"error: {found.permutation} is not among the best, {optima}")
    return ours, peers, nodes, several


def compare(title: str, text: str, make, count: int, orders: np.ndarray) -> None:
    """Print a table, one row for each metric, and what the small-scale study would take."""
    head(
        title,
        f"{text} CPU milliseconds of the search: median (largest) of n problems with {SEEDS} seeds "
        "each. CPU seconds of the enumeration: median. Every permutation of the search is one of "
        "least cost.",
        "metric", "n", "search, ms", "enumeration, s", "ratio of medians", "nodes, median",
        "n with several optima",
    )  # fmt: skip
    total = 0.0
    for name, metric in METRICS.items():
        ours, peers, nodes, several = measure(make(metric, count), orders)
        total += SOLVES * float(np.mean(ours))
        row(
            name, count, f"{1e3 * np.median(ours):.2f} ({1e3 * max(ours):.1f})",
            f"{np.median(peers):.2f}", f"**{np.median(peers) / np.median(ours):,.0f}**",
            f"{np.median(nodes):.0f}", several,
        )  # fmt: skip
    print(
        f"\nAt these means, {len(METRICS) * SOLVES:,} solves (32 x 27 pairs of models, 2 data "
        f"sets, {len(METRICS)} metrics, 20 draws) take {total / 60:.0f} minutes of one core.",
        flush=True,
    )


def memory_table():
    head(
        "Memory",
        "Peak resident memory of a process that solves one problem (gw). The interpreter and what "
        "it has imported before are stated apart; the search's share is mostly its compiler.",
        "program", "bare process, MB", "above it, MB",
    )  # fmt: skip
    for program in ("search", "enumeration"):
        done = subprocess.run(
            [sys.executable, "-c", PEAK, program],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent,
        )  # fmt: skip
        bare, peak = map(int, done.stdout.split())
        row(program, f"{bare / 1e6:.0f}", f"{(peak - bare) / 1e6:.0f}")
    cells = math.factorial(SIZE) * SIZE**2
    print(
        f"\nWithout chunks, the enumeration would hold {SIZE}! x {SIZE**2} entries of B: "
        f"{8 * cells / 1e9:.1f} GB in float64, and as much once more for their places."
    )


def main():
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one problem of each kind")
    parser.add_argument("--kernels", help="problems of this .npz, too")
    arguments = parser.parse_args()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba")
    )
    print(f"Python {platform.python_version()}, {versions}; one core, N = {SIZE}, CPU time.")
    orders, (few, many) = all_orders(SIZE), (1, 2) if arguments.quick else (3, 10)
    search(next(of_clouds(METRICS["gw"], 100, 1)), 0)  # compiles, or loads what was compiled
    for noise in (30, 100):
        text = "A Gaussian cloud and its noisy copy."
        make = lambda metric, count, noise=noise: of_clouds(metric, noise, count)  # noqa: E731
        compare(f"Planted problems, noise {noise} %", text, make, few, orders)
    if arguments.kernels:
        make = lambda metric, count: of_file(metric, arguments.kernels, count)  # noqa: E731
        text = "Ten classes at random of real kernels."
        compare("Real kernels", text, make, many, orders)
    memory_table()


if __name__ == "__main__":
    main()
