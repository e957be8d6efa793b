"""The frontier of proofs, instance by instance, on one core.

Planted instances (`blindmatch.phase`: a Gaussian cloud of 20 coordinates and its noisy copy) of
several sizes and noise levels, and the problems of a file where one is given. `auto` runs on each
until it has proved its matching or the time is up. Root gaps are those that its dual ascent and its
relaxation leave before it branches, to the best cost it knows in the end; where the ascent excludes
so many pairs that some are forced, it ends early with a gap, and nodes count what is forced.

    python benchmarks/proofs.py | tee benchmarks/proofs.md
"""

import argparse
import contextlib
import importlib.metadata
import os
import platform
import time
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

from instances import cloud, head, kernels_of, row

import blindmatch
from blindmatch.progress import say
from blindmatch.solvers._run import Run

SIZES, NOISES = (20, 30, 40, 50), (10, 30, 50, 70, 100)
QUICK_SIZES, QUICK_NOISES = (20, 25), (30, 70)


@contextlib.contextmanager
def listening():
    """What a run notes as it goes on: (phase, bound)."""
    notes = []
    note = Run.note

    def both(run, phase):
        note(run, phase)
        notes.append((phase, run.bound))

    with mock.patch.object(Run, "note", both):
        yield notes


def last(notes, word):
    """Phase and bound of the last note with a word, or None."""
    return next((each for each in reversed(notes) if word in each[0]), None)


def measure(name, problem, limit):
    """A row of the table; whether the matching was proved."""
    start = time.process_time()
    with listening() as notes:
        found = blindmatch.solve(problem, "auto", time_limit=limit)
    seconds = time.process_time() - start

    def gap(note):
        return f"{(found.cost - note[1]) / abs(found.cost):.2%}" if note else "–"

    tree = last(notes, "nodes")
    row(
        name, problem.size, f"{found.cost / problem.size**2:.6f}",
        "yes" if found.optimal else "no", f"{seconds:.2f}", f"{found.gap:.2%}",
        gap(last(notes, "sweep") or last(notes, "first bound")), gap(last(notes, "in integers")),
        tree[0].split()[0] if tree else "0",
    )  # fmt: skip
    say(f"{name}: {found.status}, gap {found.gap:.2%}, {seconds:.1f} s")
    return found.optimal


def table(title, problems, limit):
    head(
        title,
        f"`auto`, {limit:g} s at most.",
        "instance", "N", "cost / N^2", "proved", "CPU s", "gap", "root gap of the ascent",
        "of the relaxation", "nodes",
    )  # fmt: skip
    proved = [measure(name, problem, limit) for name, problem in problems]
    print(f"\nProved: {sum(proved)} of {len(proved)}.")


def main():
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds per instance")
    parser.add_argument("--quick", action="store_true", help="few small instances")
    parser.add_argument("--kernels", help="the problems of this .npz, too")
    parser.add_argument("--largest", type=int, default=60, help="items of a problem of the file")
    arguments = parser.parse_args()
    sizes, noises = (QUICK_SIZES, QUICK_NOISES) if arguments.quick else (SIZES, NOISES)
    limit = arguments.time_limit
    blindmatch.solve(cloud(8, 100), "auto")  # compiles, or loads what was compiled
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "numba", "scipy")
    )
    print(f"Python {platform.python_version()}, {versions}; one core, one run of each instance.")
    clouds = ((f"cloud, noise {noise} %", cloud(size, noise)) for size in sizes for noise in noises)
    table("Planted instances", clouds, limit)
    if arguments.kernels:
        given = [
            each for each in kernels_of(arguments.kernels) if each[1].size <= arguments.largest
        ]
        table("Kernels of a file", sorted(given, key=lambda each: each[1].size), limit)


if __name__ == "__main__":
    main()
