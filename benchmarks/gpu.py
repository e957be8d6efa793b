"""Dual ascent on a GPU against one core of the CPU, in one run: sweeps, bounds, memory, batches.

The problems are planted: distances of N points in eight dimensions against those of a noisy,
shuffled copy; gaps are to the cost of the planted matching. The CPU sweeps one submatrix after the
other and is charged its CPU time; the device sweeps 20 parts and is charged elapsed time, which
includes the assignment of the leaders on the CPU. Without a GPU its columns say "not measured".

    python benchmarks/gpu.py | tee benchmarks/gpu.md
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

import numpy as np
import torch

from blindmatch.fixed_point import FixedPoint
from blindmatch.progress import say
from blindmatch.qap import QAP
from blindmatch.solvers._duals import Duals, integer_costs, typical_pair
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._sweep import ascend, spread_leaders
from blindmatch.solvers._sweep_gpu import SCRATCH, DeviceDuals, sweep_batch

#: As in the solvers: first epsilon as a share of a typical pair cost, its decay, bids per row.
EPSILON, DECAY, BIDS = 0.1, 0.95, 6
#: On the CPU, sweeps are timed whole up to so many items; beyond, so many submatrices are, evenly
#: spaced in the order. Bounds are raised up to so many items.
WHOLE, SAMPLE, RAISED = 150, 1500, 400
#: Sweeps of a batch, and problems of it that the CPU solves.
BATCH_SWEEPS, BATCH_SAMPLE = 10, 50
TIMES = (1, 10, 60)
NOT_MEASURED = "not measured"


def planted(size, seed=0, noise=0.5):
    """A problem and the cost of its planted matching."""
    rng = np.random.default_rng([seed, size])
    cloud, p = rng.normal(size=(size, 8)), rng.permutation(size)
    other = np.empty_like(cloud)
    other[p] = cloud + noise * rng.normal(size=cloud.shape)
    A, B = (np.linalg.norm(x[:, None] - x, axis=-1) for x in (cloud, other))
    problem = QAP(-A, 2 * B, constant=np.sum(A**2) + np.sum(B**2))
    return problem, problem.cost(p)


def root(fixed_point):
    """Duals that an ascent starts from."""
    costs = integer_costs(fixed_point)
    items = np.arange(fixed_point.size)
    return Duals(costs, *first_duals(fixed_point, costs), rows=items, columns=items)


class Ascent:
    """Sweeps of one problem: CPU or elapsed seconds of each, and the gap after it."""

    def __init__(self, duals, clock, gap):
        self.duals, self.clock, self.gap = duals, clock, gap
        self.seconds, self.gaps = [], [gap(duals.bound)]
        self.typical = typical_pair(duals.costs)

    def run(self, most_sweeps, limit):
        """Sweep until either is reached."""
        while len(self.seconds) < most_sweeps and sum(self.seconds) < limit:
            epsilon = int(EPSILON * DECAY ** len(self.seconds) * self.typical)
            began, deadline = self.clock(), time.perf_counter() + limit - sum(self.seconds)
            self.duals.sweep(epsilon, BIDS, deadline=deadline)
            self.seconds.append(self.clock() - began)
            self.gaps.append(self.gap(self.duals.bound))
        return self

    def gap_at(self, seconds):
        """The least gap so far at a point in time."""
        done = int(np.searchsorted(np.cumsum(self.seconds), seconds * 1.02, side="right"))
        return min(self.gaps[: done + 1])


def sampled_sweep(duals):
    """CPU seconds of a sweep, from some of its submatrices; spoils the duals."""
    order = np.argsort(duals.reduced, axis=None, kind="stable")
    sample = np.ascontiguousarray(order[:: max(1, len(order) // SAMPLE)])
    spread_leaders(duals.P, duals.costs.blocked, duals.reduced)
    epsilon = int(EPSILON * typical_pair(duals.costs))
    began = time.process_time()
    ascend(duals.costs, duals.P, duals.Q, sample, 0, len(sample), epsilon, BIDS, duals.work)
    return (time.process_time() - began) * len(order) / len(sample)


def same_integers(duals, device):
    """Whether one sweep of the CPU's own parts gives the integers of the device's."""
    epsilon = int(EPSILON * typical_pair(duals.costs))
    cpu, gpu = duals.copy(), DeviceDuals(duals.copy(), device=device)
    cpu.sweep(epsilon, BIDS, threads=2)
    gpu.sweep(epsilon, BIDS)
    return all(np.array_equal(getattr(gpu, x).cpu().numpy(), getattr(cpu, x)) for x in "PQ")


def compare(size, device, sweeps, limit):
    """One size: a row of the table of sweeps and one of the table of bounds against time."""
    say(f"N = {size}")
    problem, cost = planted(size)
    fixed_point = FixedPoint.of(problem)
    duals = root(fixed_point)

    def gap(bound):
        return (cost - fixed_point.below(bound)) / cost

    gpu = memory = same = None
    if device:
        DeviceDuals(duals, device=device).sweep(1, 1)  # compiles the kernels
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        gpu = Ascent(DeviceDuals(duals, device=device), time.perf_counter, gap)
        gpu.run(sweeps, limit)
        memory = torch.cuda.max_memory_allocated()
        if size <= WHOLE:
            same = same_integers(duals, device)
    cpu = None
    if size <= RAISED:
        cpu = Ascent(duals.copy(), time.process_time, gap).run(sweeps, limit)
    whole = size <= WHOLE
    each = np.mean(cpu.seconds) if whole else sampled_sweep(duals)
    swept = [
        f"{size}",
        f"{each:.3g}" + ("" if whole else " (sampled)"),
        f"{np.mean(gpu.seconds):.3g}" if gpu else NOT_MEASURED,
        f"{each / np.mean(gpu.seconds):.1f}" if gpu else NOT_MEASURED,
        f"{memory / 2**20:.0f} ({(memory - scratch(size)) / size**3:.1f})" if gpu else NOT_MEASURED,
        {None: NOT_MEASURED, True: "yes", False: "NO"}[same],
    ]
    bounds = [f"{size}"]
    for run in (cpu, gpu):
        bounds += [f"{run.gap_at(at):.1%}" if run else NOT_MEASURED for at in TIMES if at <= limit]
    return swept, bounds


def scratch(size):
    """Bytes of remainders that a sweep of 20 parts holds at a time."""
    matrix = 4 * size * -(-size // 32) * 32
    return min(SCRATCH // matrix, -(-(size**2) // 20)) * matrix


def batch(size, count, device):
    """One size: a row of the table of batches."""
    say(f"{count} problems, N = {size}")
    duals = [root(FixedPoint.of(planted(size, seed)[0])) for seed in range(count)]
    options = {"sweeps": BATCH_SWEEPS, "epsilon": EPSILON, "decay": DECAY, "cap": BIDS}
    sample = [each.copy() for each in duals[:BATCH_SAMPLE]]
    began = time.process_time()
    for each in sample:
        typical = typical_pair(each.costs)
        for number in range(BATCH_SWEEPS):
            each.sweep(int(EPSILON * DECAY**number * typical), BIDS)
    cpu = (time.process_time() - began) * count / len(sample)
    row = [f"{size}", f"{cpu:.3g}"]
    if not device:
        return [*row, NOT_MEASURED, NOT_MEASURED]
    sweep_batch([each.copy() for each in duals[:2]], device=device, **options)
    began = time.perf_counter()
    sweep_batch(duals, device=device, **options)
    gpu = time.perf_counter() - began
    return [*row, f"{gpu:.3g}", f"{cpu / gpu:.1f}"]


def table(head, rows):
    """Print a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    print()


def main():
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[40, 100, 331, 1000])
    parser.add_argument("--sweeps", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=max(TIMES))
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[10, 20, 30, 40])
    arguments = parser.parse_args()
    limit = arguments.seconds
    device = "cuda" if torch.cuda.is_available() else None

    compare(8, device, 2, 1.0)  # compiles
    rows = [compare(size, device, arguments.sweeps, limit) for size in arguments.sizes]
    batches = [batch(size, arguments.batch, device) for size in arguments.batch_sizes]
    name = torch.cuda.get_device_name() if device else "none, so it is not measured"
    print(
        f"Device: {name}. CPU: one core, CPU seconds. At most {arguments.sweeps} sweeps or "
        f"{limit:g} s each. PyTorch {torch.__version__}.\n"
    )
    print("Mean seconds per sweep; peak device memory in MB (without scratch, bytes per N^3).\n")
    table(
        ["N", "CPU", "GPU", "ratio", "device memory", "same integers as the CPU's parts"],
        [swept for swept, _ in rows],
    )
    print("Gap to the planted cost after so many seconds, the first duals not counted.\n")
    table(
        ["N", *(f"{on} {at} s" for on in ("CPU", "GPU") for at in TIMES if at <= limit)],
        [bounds for _, bounds in rows],
    )
    print(
        f"Seconds for {BATCH_SWEEPS} sweeps of each of {arguments.batch} problems (CPU: from "
        f"{BATCH_SAMPLE} of them).\n"
    )
    table(["N", "CPU", "GPU", "ratio"], batches)


if __name__ == "__main__":
    main()
