"""What the gradient of KLOT costs, by several ways to get it (SOTAlign, Fig. 3)."""

import functools
import signal
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report, say

#: How many n x n float32 matrices each way is known to need at most, given the iterations: what
#: decides whether it is tried.
_MATRICES = {
    "explicit": lambda iterations: 6,
    "unrolled": lambda iterations: 2 * iterations + 18,
    "unrolled-kernel": lambda iterations: 10,
    "implicit": lambda iterations: 10,
}
WAYS = tuple(_MATRICES)
#: Of the memory that is free, how much may be taken.
_SHARE = 0.9


def measure_gradient(
    size: int,
    iterations: int,
    way: str,
    *,
    epsilon_student: float = 0.05,
    epsilon_teacher: float = 0.01,
    dimension: int = 256,
    seed: int = 0,
    draw: int = 0,
    device: str = "cpu",
    report: Report = say,
) -> dict[str, object]:
    """Time, memory and error of one gradient of KLOT for the student's affinities, in float32.

    Affinities are the cosines of random unit rows. The gradient is made in a process of its own,
    which has made one of a small problem before. What is measured includes the value and the
    teacher's plan.

    Parameters
    ----------
    size : int
        n; affinities are n x n.
    iterations : int
        Of Sinkhorn's algorithm, on both sides.
    way : {"explicit", "unrolled", "unrolled-kernel", "implicit"}
        The closed form of SOTAlign, Theorem 5.1; automatic differentiation through all iterations
        in the log domain, as usual; the same through products of the matrix of exponentials with
        vectors, which are all that is kept of an iteration, but for large epsilons only; a dense
        solve of the equations that the implicit function theorem gives.
    epsilon_student, epsilon_teacher : float
    dimension : int
        Of the random rows: their cosines have standard deviation 1 / sqrt(dimension).
    seed, draw : int
        Of the random rows.
    device : str
        "cpu" or a device of CUDA.
    report : callable
        Told why there is no measurement.

    Returns
    -------
    dict
        size, iterations, way, draw and

        * status: "ok", "skipped" (the machine's free memory is too small), "out of memory"; the
          others are None unless it is ok
        * seconds: CPU time on a CPU, on the clock on a GPU
        * megabytes: the most memory in use at a time beyond both inputs; resident memory of the
          process on a CPU, memory allocated by torch on a GPU
        * matrices: the same in n x n float32 matrices, both inputs counted in
        * error: relative Frobenius distance to the explicit gradient in float64 of plans whose
          iterations have converged
    """
    if way not in WAYS:
        raise BlindmatchError(f"way: expected one of {', '.join(WAYS)}, found {way!r}")
    inputs = {
        "size": size,
        "epsilon_student": epsilon_student,
        "epsilon_teacher": epsilon_teacher,
        "dimension": dimension,
        "seed": seed,
        "draw": draw,
        "device": device,
    }
    row = {"size": size, "iterations": iterations, "way": way, "draw": draw, "status": "ok"}
    row |= dict.fromkeys(("seconds", "megabytes", "matrices", "error"))
    name = f"{way} gradient, n = {size}, {iterations} iterations"
    bytes_each, free = 4 * size**2, _free_bytes()
    needed = _MATRICES[way](iterations) * bytes_each
    if device == "cpu" and free is not None and needed > _SHARE * free:
        report(f"{name}: skipped, needs {needed / 1e9:.1f} GB where {free / 1e9:.1f} GB are free")
        return row | {"status": "skipped"}
    measured = _in_child(name, {"inputs": inputs, "iterations": iterations, "way": way})
    if measured is None:
        report(f"{name}: out of memory")
        return row | {"status": "out of memory"}
    gradient, seconds, taken = measured
    return row | {
        "seconds": seconds,
        "megabytes": taken / 1e6,
        "matrices": taken / bytes_each + 2.0,
        "error": _error(gradient, inputs),
    }


def _in_child(name: str, work: dict):
    """What `blindmatch.alignment._gradients.serve` says in an interpreter of its own."""
    from blindmatch.solvers._child import Child

    child = Child.start("blindmatch.alignment._gradients", "serve")
    try:
        child.connection.send(work)
        return child.receive(name)
    except BlindmatchError:
        if child.process.returncode == -signal.SIGKILL:
            return None
        raise
    finally:
        child.kill()


def _error(gradient, inputs: dict) -> float:
    import numpy as np

    reference = _reference(tuple(inputs.items()))
    return float(np.linalg.norm(gradient - reference) / np.linalg.norm(reference))


@functools.lru_cache(maxsize=1)
def _reference(inputs: tuple):
    from blindmatch.alignment._gradients import converged

    return converged(**dict(inputs))


def _free_bytes() -> int | None:
    """Memory that programs can still get; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
