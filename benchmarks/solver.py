"""The solver in numbers: sweeps, certificates, exactness, memory, threads, import.

The peer of a sweep is the same dual ascent written plainly: factorised costs in float64, the
reduced matrix of each assignment built by NumPy, solved to the end by `lap`, one after the other in
the same sorted order. As `lap` returns no duals, they are recovered from its assignment by shortest
paths in NumPy; the share of the peer's time that is spent in `lap` alone is stated. Both solve
N^2 + 1 assignment problems a sweep; ours ends each after a few bids per row and repairs the duals.

Instances are planted ones (`blindmatch.phase`): a Gaussian cloud of 20 coordinates and its noisy
copy, noise in per cent of the cloud's standard deviation.

    python benchmarks/solver.py | tee benchmarks/solver.md
"""

import argparse
import contextlib
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

import lap
import numpy as np
from instances import cloud, head, kernels_of, row

import blindmatch
from blindmatch import QAP
from blindmatch.progress import say
from blindmatch.solvers._duals import Duals
from blindmatch.solvers._run import Run

#: Sweeps that are measured of each size, and how often.
SWEEPS, QUICK_SWEEPS = {20: 40, 40: 20, 60: 8, 100: 3}, {20: 10, 40: 4}
REPEATS = {20: 3, 40: 3, 60: 3, 100: 1}
MEMORY_SIZES, QUICK_MEMORY_SIZES = (100, 200, 331), (100,)
#: Run in a process of its own; the kernel's high-water mark of resident memory, in bytes.
PEAK = """
import sys, numpy, blindmatch
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024
size = int(sys.argv[1])
rng = numpy.random.default_rng(0)
A, B = (X + X.T for X in rng.normal(size=(2, size, size)))
blindmatch.solve(blindmatch.QAP(A[:5, :5], B[:5, :5]), "hahn-grant")
bare = peak()
found = blindmatch.solve(blindmatch.QAP(A, B), "hahn-grant", max_sweeps=3, time_limit=150)
print(bare, peak(), found.iterations)
"""


class PlainAscent:
    """The peer; symmetric problems with one term."""

    def __init__(self, problem):
        self.size = size = problem.size
        self.a, self.b, self.constant = 2.0 * problem.A, problem.B, problem.constant
        self.P, self.Q = np.zeros((2, size, size, size))
        self.bound, self.lap_seconds = -np.inf, 0.0

    def sweep(self):
        """Spread the leaders over their pairs, solve all assignments, gather what they gained."""
        size, P, Q = self.size, self.P, self.Q
        _, u, v = self.assign(P.sum(axis=0) + Q.sum(axis=0))
        reduced = P.sum(axis=0) + Q.sum(axis=0) - u[:, None] - v
        P -= reduced / (size - 1)
        P[np.arange(size), np.arange(size)] = 0.0
        items = np.arange(size)
        for number in np.argsort(reduced, axis=None, kind="stable"):
            i, j = divmod(int(number), size)
            rest = np.multiply.outer(self.a[i], self.b[j])
            rest -= P[:, i, j, None]
            rest -= Q[:, i, j]
            rest -= P[i]
            rest -= Q[j]
            rows, columns = items[items != i], items[items != j]
            _, u, v = self.assign(rest[np.ix_(rows, columns)])
            P[rows, i, j] += u
            Q[columns, i, j] += v
        self.bound = self.assign(P.sum(axis=0) + Q.sum(axis=0))[0] + self.constant

    def assign(self, costs):
        """Cost and duals of an assignment problem."""
        start = time.process_time()
        _, columns, rows = lap.lapjv(costs)
        self.lap_seconds += time.process_time() - start
        # A path from column to column: leave one's row, pay what the other costs it more.
        matched = costs[np.arange(len(columns)), columns]
        steps = (costs - matched[:, None])[rows]
        v = steps.min(axis=0)
        while True:
            shorter = (steps + v[:, None]).min(axis=0)
            if not (shorter < v - 1e-12).any():
                break
            v = shorter
        return matched.sum(), (costs - v).min(axis=1), v


@contextlib.contextmanager
def stopwatch(clock=time.process_time):
    """After each sweep of the solver: seconds spent in sweeps until then, and the bound."""
    spent, marks, before = 0.0, [], 0

    def timed(function):
        def call(duals, *arguments, **options):
            nonlocal spent
            start = clock()
            result = function(duals, *arguments, **options)
            spent += clock() - start
            return result

        return call

    def noted(note):
        def call(run, phase):
            nonlocal before
            if run.iterations > before:
                marks.append((spent, run.bound))
                before = run.iterations
            note(run, phase)

        return call

    with (
        mock.patch.object(Duals, "sweep", timed(Duals.sweep)),
        mock.patch.object(Duals, "push", timed(Duals.push)),
        mock.patch.object(Run, "note", noted(Run.note)),
    ):
        yield marks


def ascend(problem, sweeps, **options):
    """Our ascent without searches or stalling."""
    return blindmatch.solve(
        problem, "hahn-grant", starts=1, max_sweeps=sweeps, patience=sweeps,
        certificate_limit=0, **options,
    )  # fmt: skip


def sweep_table(problems, counts):
    """Ours against the peer; gives back our seconds by size."""
    head(
        "Time per sweep",
        "Mean CPU seconds over the first sweeps; then the CPU seconds in which the peer has done "
        "all of them, and in which ours has reached the bound (in GW / N^2) that the peer ends "
        "with. Best of several interleaved runs. Ours begins with the duals that sorting gives, "
        "the peer with zeros.",
        "instance", "N", "sweeps", "runs", "NumPy + lap, s", "of it lap", "ours, s", "ratio",
        "bound", "NumPy + lap, s", "ours, s", "ratio",
    )  # fmt: skip
    seconds = {}
    for name, problem in problems:
        size = problem.size
        count, repeats = counts[size], REPEATS[size]
        plain, in_lap = np.inf, 0.0
        seconds[size] = reached = np.inf
        for _ in range(repeats):
            peer, start = PlainAscent(problem), time.process_time()
            for _ in range(count):
                peer.sweep()
            plain, in_lap = min((plain, in_lap), (time.process_time() - start, peer.lap_seconds))
            say(f"{name}: the peer took {plain:.1f} s")
            with stopwatch() as marks:
                ascend(problem, 10 * count)
            seconds[size] = min(seconds[size], marks[count - 1][0] / count)
            reached = min([reached, *(spent for spent, bound in marks if bound >= peer.bound)])
        row(
            name, size, count, repeats, f"{plain / count:.3f}", f"{in_lap / plain:.0%}",
            f"{seconds[size]:.5f}", f"**{plain / count / seconds[size]:.0f}**",
            f"{peer.bound / size**2:.4f}", f"{plain:.2f}", f"{reached:.3f}",
            f"**{plain / reached:.0f}**",
        )  # fmt: skip
    return seconds


def scaling(seconds):
    """The exponent of N that fits the time of a sweep."""
    sizes = np.array(sorted(seconds))
    times = np.log([seconds[size] for size in sizes])
    overall = np.polyfit(np.log(sizes), times, 1)[0]
    last = (times[-1] - times[-2]) / np.log(sizes[-1] / sizes[-2])
    print(
        f"\nA sweep of ours grows as N^{overall:.2f} from {sizes[0]} to {sizes[-1]} items (least "
        f"squares), as N^{last:.2f} from {sizes[-2]} to {sizes[-1]}."
    )


def certificate_table(cases):
    head(
        "Time to certificate",
        "CPU seconds until the certificate is there, and of `blindmatch.verify` reading it from "
        "its file and checking it without the solver's code.",
        "instance", "N", "noise, %", "solver", "result", "gap", "solved in, s", "steps", "file, MB",
        "verified in, s",
    )  # fmt: skip
    for size, noise, solver, options in cases:
        problem = cloud(size, noise)
        start = time.process_time()
        found = blindmatch.solve(problem, solver, **options)
        solved = time.process_time() - start
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "certificate.npz"
            found.certificate.save(path)
            size_on_disk = path.stat().st_size / 1e6
            start = time.process_time()
            verdict = blindmatch.verify(path, problem)
            verified = time.process_time() - start
        row(
            "planted", size, noise, f"`{solver}`", found.status, f"{found.gap:.2%}",
            f"{solved:.3f}", verdict.steps, f"{size_on_disk:.2f}", f"{verified:.3f}",
        )  # fmt: skip


def exact_table(count):
    head(
        "Exact for N = 10",
        "CPU milliseconds a problem, median (largest). `brute-force` goes through all permutations "
        "depth first and leaves branches that its bound rules out. Random: symmetric, entries "
        "uniform from 0 to 1.",
        "instances", "n", "`brute-force`, ms", "`auto`, ms", "ratio of medians", "same cost",
        "proved",
    )  # fmt: skip

    def uniform(draw):
        entries = np.random.default_rng(draw).random((2, 10, 10))
        return QAP(*(entries + entries.transpose(0, 2, 1)))

    families = {
        "planted, noise 30 %": lambda draw: cloud(10, 30, draw),
        "planted, noise 100 %": lambda draw: cloud(10, 100, draw),
        "random": uniform,
    }
    for name, make in families.items():
        times, same, proved = {"brute-force": [], "auto": []}, 0, 0
        for problem in map(make, range(count)):
            found = {}
            for solver, each in times.items():
                start = time.process_time()
                found[solver] = blindmatch.solve(problem, solver)
                each.append(1e3 * (time.process_time() - start))
            exact, ours = found.values()
            same += abs(exact.cost - ours.cost) <= 1e-9 * abs(exact.cost)
            proved += ours.optimal
        medians = {solver: np.median(each) for solver, each in times.items()}
        row(
            name, count,
            *(f"{medians[solver]:.1f} ({max(each):.0f})" for solver, each in times.items()),
            f"{medians['brute-force'] / medians['auto']:.2f}", same, proved,
        )  # fmt: skip


def memory_table(sizes):
    head(
        "Memory",
        "Peak resident memory of a process that runs `hahn-grant` on a random problem, above what "
        "the same process held after a problem of 5 items (interpreter, NumPy, compiled code). "
        "Three sweeps, or as many as 150 s allow.",
        "N", "sweeps done", "bare process, MB", "above it, MB", "in N^3 bytes",
        "allowed: 10 N^3 bytes + 50 MB",
    )  # fmt: skip
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(size)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        bare, peak, sweeps = map(int, done.stdout.split())
        above = peak - bare
        row(
            size, sweeps, f"{bare / 1e6:.0f}", f"{above / 1e6:.0f}", f"{above / size**3:.1f}",
            f"{(10 * size**3 + 50e6) / 1e6:.0f}",
        )  # fmt: skip


def thread_table(size, sweeps):
    head(
        "Threads",
        f"`hahn-grant` with one and two threads, N = {size}, noise 100 %, mean of {sweeps} sweeps. "
        "Two threads solve parts of the order side by side: another schedule, the same for any "
        "number of threads above one.",
        "threads", "elapsed s a sweep", "CPU s a sweep", "speed", "bound in GW / N^2",
    )  # fmt: skip
    problem, first = cloud(size, 100), None
    for threads in (1, 2):
        ascend(problem, 1, threads=threads)  # compiles what this schedule needs
        seconds = {}
        for clock in (time.perf_counter, time.process_time):
            with stopwatch(clock) as marks:
                found = ascend(problem, sweeps, threads=threads)
            seconds[clock] = marks[-1][0] / sweeps
        elapsed = seconds[time.perf_counter]
        first = first or elapsed
        row(
            threads, f"{elapsed:.3f}", f"{seconds[time.process_time]:.3f}",
            f"{first / elapsed:.2f}", f"{found.bound / size**2:.4f}",
        )  # fmt: skip


def import_table(repeats):
    head(
        "Import",
        f"A process of its own, least of {repeats}.",
        "program", "CPU s", "elapsed s",
    )  # fmt: skip
    for program in ("pass", "import numpy", "import blindmatch", "import blindmatch.solvers"):
        cpu, elapsed = [], []
        for _ in range(repeats):
            before, start = children_seconds(), time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            elapsed.append(time.perf_counter() - start)
            cpu.append(children_seconds() - before)
        row(f"`{program}`", f"{min(cpu):.3f}", f"{min(elapsed):.3f}")


def children_seconds():
    """CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute")
    parser.add_argument("--kernels", help="sweep table on the problems of this .npz, too")
    arguments = parser.parse_args()
    quick = arguments.quick
    counts = QUICK_SWEEPS if quick else SWEEPS
    blindmatch.solve(cloud(8, 100), "auto")  # compiles, or loads what was compiled
    blindmatch.solve(cloud(8, 100), "brute-force")
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("lap", "numpy", "numba", "scipy")
    )
    print(f"Python {platform.python_version()}, {versions}; one core unless stated, CPU seconds.")
    problems = [(f"planted, noise 100 %, N = {size}", cloud(size, 100)) for size in counts]
    seconds = sweep_table(problems, counts)
    scaling(seconds)
    if arguments.kernels:
        given = [each for each in kernels_of(arguments.kernels) if each[1].size in counts]
        sweep_table(given, counts)
    cases = [(size, 30, "auto", {}) for size in ((20, 30) if quick else (20, 30, 40, 50))]
    cases += [(size, 100, "hahn-grant", {"max_sweeps": 10}) for size in counts]
    certificate_table(cases)
    exact_table(5 if quick else 50)
    memory_table(QUICK_MEMORY_SIZES if quick else MEMORY_SIZES)
    thread_table(60 if quick else 100, 5)
    import_table(3 if quick else 10)


if __name__ == "__main__":
    main()
