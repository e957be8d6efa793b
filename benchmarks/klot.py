"""Memory, time and error of KLOT's gradient: explicit, unrolled, implicit, streamed; in one run.

Each gradient is made in a process of its own, between random unit rows of 256 numbers, with
epsilon 0.05 for the student and 0.01 for the teacher (see `blindmatch.alignment.gradients`). Memory
is the most in use at a time: of the process on a CPU, of torch on a GPU. A matrix is n x n in
float32; the two affinities that are given count. What does not fit into free memory is not
tried.

    python benchmarks/klot.py | tee benchmarks/klot.md
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

import numpy as np
import torch
from instances import head, row
from torch.nn.functional import normalize

from blindmatch.alignment import streaming_klot
from blindmatch.alignment._gradients import bytes_at_most, bytes_now, clock
from blindmatch.alignment.gradients import WAYS, measure_gradient
from blindmatch.machine import describe_machine
from blindmatch.progress import say

ROOT = Path(__file__).resolve().parent.parent
#: Iterations of all ways, and those at which only the explicit gradient is measured.
ITERATIONS, MORE_ITERATIONS = (10, 50, 100), (400,)
SIZES, QUICK_SIZES = (1000, 2000, 4000), (500,)
DIMENSION = 256
#: Streamed: rows on each side, and iterations.
STREAMED, QUICK_STREAMED = ((4000, 100), (20_000, 5)), ((1000, 10),)


def measured(size: int, iterations: int, way: str, device: str) -> dict:
    """A row of `measure_gradient`, announced."""
    say(f"{device}: {way}, n = {size}, {iterations} iterations")
    return measure_gradient(size, iterations, way, dimension=DIMENSION, device=device)


def gradient_table(size: int, device: str) -> None:
    """All ways at one size; ratios are to the explicit gradient with the same iterations."""
    head(
        f"n = {size:,}, {device}",
        f"Two affinities of {4e-6 * size**2:.0f} MB each. Error: relative Frobenius distance to "
        "the converged gradient in float64.",
        *("way", "iterations", "matrices", "ratio", "MB beyond inputs", "s", "ratio", "error"),
    )
    for iterations in (*ITERATIONS, *MORE_ITERATIONS):
        ways = WAYS if iterations in ITERATIONS else WAYS[:1]
        rows = [measured(size, iterations, way, device) for way in ways]
        for found in rows:
            if found["status"] != "ok":
                row(found["way"], iterations, found["status"], *["-"] * 5)
                continue
            memory, seconds = (found[key] / rows[0][key] for key in ("matrices", "seconds"))
            row(
                found["way"], iterations, f"**{found['matrices']:.1f}**", f"{memory:.1f}",
                f"{found['megabytes']:.0f}", f"{found['seconds']:.2f}", f"{seconds:.1f}",
                f"{found['error']:.1e}",
            )  # fmt: skip


def stream(size: int, iterations: int, device: str) -> None:
    """Print bytes beyond the rows, and seconds, of one streamed gradient in a fresh process."""
    rng = np.random.default_rng(size)
    for length, most in ((300, 2), (size, iterations)):  # the first loads libraries
        rows = [
            normalize(torch.from_numpy(rng.normal(size=(length, DIMENSION)).astype("f4"))).to(
                device
            )
            for _ in range(4)
        ]
        for each in rows[:2]:
            each.requires_grad_()
        before, start = bytes_now(device), clock(device)
        streaming_klot(*rows, iterations=most).backward()
        seconds, taken = clock(device) - start, bytes_at_most(device) - before
    print(taken, seconds)


def streaming_table(cases: tuple, device: str) -> None:
    """What streaming takes, each case in a process of its own."""
    head(
        f"Streamed, {device}",
        f"`streaming_klot` of four blocks of n rows of {DIMENSION} numbers, with the gradients for "
        "the student's two; blocks of 256 rows.",
        *("n", "iterations", "MB beyond the rows", "one n x n matrix, MB", "s"),
    )
    for size, iterations in cases:
        say(f"{device}: streamed, n = {size}, {iterations} iterations")
        program = f"import klot; klot.stream({size}, {iterations}, {device!r})"
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent,
        )  # fmt: skip
        taken, seconds = map(float, done.stdout.split())
        megabytes = f"**{taken / 1e6:.0f}**"
        row(f"{size:,}", iterations, megabytes, f"{4e-6 * size**2:.0f}", f"{seconds:.1f}")


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    quick = parser.parse_args().quick
    machine = describe_machine(ROOT)
    facts = ", ".join(f"{name} {machine[name]}" for name in ("python", "torch"))
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    print(
        f"`python benchmarks/klot.py{' --quick' * quick}`, measured in one run: "
        f"{machine['processor']}, {torch.get_num_threads()} thread, memory {machine['memory']}, "
        f"GPU: {machine['gpu']}; {facts}. Seconds are CPU time on a CPU, elapsed on a GPU."
    )
    for device in devices:
        for size in QUICK_SIZES if quick else SIZES:
            gradient_table(size, device)
        streaming_table(QUICK_STREAMED if quick else STREAMED, device)


if __name__ == "__main__":
    main()
