"""Ways to the gradient of KLOT for the student's affinities; for `blindmatch.alignment.gradients`.

All start from a teacher's plan that is a constant, P*, and give d KL(P* || P) / dK for P =
OT_eps(K). Where P* has the right marginals they agree once the iterations have converged.
"""

import ctypes
import math
import resource
import sys
import time
from multiprocessing.connection import Connection

import numpy as np
import torch

from blindmatch.alignment._klot import Target, klot, target
from blindmatch.alignment._sinkhorn import plan
from blindmatch.solvers._child import end_with_parent

#: mallopt(3): from how many bytes on an array has pages of its own, which go back when it goes.
_M_MMAP_THRESHOLD = -3
#: When the plans of the reference count as converged.
_CONVERGED = {"iterations": 10_000, "tolerance": 1e-7}


def explicit(student, teacher, epsilon, epsilon_teacher, iterations):
    """SOTAlign, Theorem 5.1, as training uses it."""
    student = student.requires_grad_()
    klot(
        student,
        teacher,
        epsilon_student=epsilon,
        epsilon_teacher=epsilon_teacher,
        iterations=iterations,
    ).backward()
    return student.grad


def unrolled(student, teacher, epsilon, epsilon_teacher, iterations):
    """Automatic differentiation through iterations in the log domain."""
    towards = target(teacher, epsilon_teacher, iterations=iterations, tolerance=0.0)
    student = student.requires_grad_()
    a, b = (-math.log(length) for length in student.shape)
    scores = student / epsilon
    v = scores.new_zeros(scores.shape[1])
    for _ in range(iterations):
        u = a - torch.logsumexp(scores + v, dim=1)
        v = b - torch.logsumexp(scores + u[:, None], dim=0)
    _value(towards, student, u, v, epsilon).backward()
    return student.grad


def unrolled_kernel(student, teacher, epsilon, epsilon_teacher, iterations):
    """Automatic differentiation through products with the matrix of exponentials."""
    towards = target(teacher, epsilon_teacher, iterations=iterations, tolerance=0.0)
    student = student.requires_grad_()
    a, b = (1.0 / length for length in student.shape)
    kernel = torch.exp((student - student.detach().max()) / epsilon)
    scale = kernel.new_ones(kernel.shape[1])
    for _ in range(iterations):
        row_scale = a / (kernel @ scale)
        scale = b / (kernel.T @ row_scale)
    # The constant that the largest affinity adds to u has no gradient.
    _value(towards, student, row_scale.log(), scale.log(), epsilon).backward()
    return student.grad


def _value(towards: Target, student, u, v, epsilon):
    linear = towards.row_sums.to(u) @ u + towards.column_sums.to(v) @ v
    return towards.negative_entropy - (towards.plan * student).sum() / epsilon - linear


def implicit(student, teacher, epsilon, epsilon_teacher, iterations):
    """The implicit function theorem, for the equations P 1 = a, P^T 1 = b in (u, v).

    Their derivative is [[diag(a'), P], [P^T, diag(b')]] with the marginals a', b' of P. Rows are
    eliminated; the last v is fixed, as constants may pass from v to u. The right side, which is
    solved for, would vanish for exact marginals, and that is Theorem 5.1; it is not made use of.
    """
    towards = target(teacher, epsilon_teacher, iterations=iterations, tolerance=0.0)
    model = plan(student, epsilon, iterations=iterations)
    rows, columns = model.sum(dim=1), model.sum(dim=0)
    # Derivatives of the value with respect to u and v.
    by_u, by_v = -towards.row_sums.to(rows), -towards.column_sums.to(columns)
    scaled = model / rows[:, None]
    reduced = (model.T @ scaled).neg_()
    del scaled
    reduced.diagonal().add_(columns)
    right = (by_v - model.T @ (by_u / rows))[:-1]
    along_v = torch.zeros_like(columns)
    along_v[:-1] = torch.linalg.solve(reduced[:-1, :-1], right)
    del reduced
    along_u = (by_u - model @ along_v) / rows
    return model.mul_(along_u[:, None] + along_v).add_(towards.plan).div_(-epsilon)


_WAYS = {
    "explicit": explicit,
    "unrolled": unrolled,
    "unrolled-kernel": unrolled_kernel,
    "implicit": implicit,
}


def affinities(
    *, size: int, dimension: int, seed: int, draw: int, device: str, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines of random unit rows, of a student and of a teacher, shape (size, size)."""
    rng = np.random.default_rng([seed, draw, size, dimension])
    pairs = []
    for _ in ("student", "teacher"):
        images, texts = (
            torch.nn.functional.normalize(
                torch.from_numpy(rng.normal(size=(size, dimension))).to(device)
            )
            for _ in ("images", "texts")
        )
        pairs.append(images.to(dtype) @ texts.to(dtype).T)
    return tuple(pairs)


def converged(*, epsilon_student: float, epsilon_teacher: float, **inputs) -> np.ndarray:
    """The explicit gradient in float64."""
    student, teacher = affinities(**inputs, dtype=torch.float64)
    gradient = plan(student, epsilon_student, **_CONVERGED)
    del student
    gradient -= plan(teacher, epsilon_teacher, **_CONVERGED)
    return gradient.div_(epsilon_student).cpu().numpy()


def serve(descriptor: int) -> None:
    """In a child: measure one gradient; its connection has that descriptor.

    It sends the gradient (np.ndarray, float32), the seconds, and the bytes that were taken beyond
    the inputs; None where memory ran out.
    """
    end_with_parent()
    if sys.platform == "linux":
        # It grows up to 32 MiB otherwise, and holes that small matrices leave count as memory.
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 2**16)
    connection = Connection(descriptor)
    work = connection.recv()
    try:
        connection.send(_measure(**work))
    except (MemoryError, RuntimeError) as error:
        from blindmatch._memory import gpu_shortage

        if gpu_shortage(error) is None and "allocate memory" not in str(error):
            raise
        connection.send(None)


def _measure(inputs: dict, iterations: int, way: str) -> tuple[np.ndarray, float, int]:
    inputs = dict(inputs)
    epsilons = inputs.pop("epsilon_student"), inputs.pop("epsilon_teacher")
    gradient_of, device = _WAYS[way], inputs["device"]
    # Libraries are loaded, and pools of threads started, on the way.
    small = affinities(**inputs | {"size": 64}, dtype=torch.float32)
    gradient_of(*small, *epsilons, 2)
    student, teacher = affinities(**inputs, dtype=torch.float32)
    before = bytes_now(device)
    start = clock(device)
    gradient = gradient_of(student, teacher, *epsilons, iterations)
    seconds = clock(device) - start
    taken = bytes_at_most(device) - before
    return gradient.cpu().numpy(), seconds, taken


def clock(device: str) -> float:
    """Seconds: CPU time, which other programs do not stretch, or time on the clock for a GPU."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def bytes_now(device: str) -> int:
    """Memory in use; on a GPU, the peak is counted from here."""
    if device != "cpu":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    return _of_process("VmRSS")


def bytes_at_most(device: str) -> int:
    """The most memory that was in use at a time."""
    return torch.cuda.max_memory_allocated(device) if device != "cpu" else _of_process("VmHWM")


def _of_process(field: str) -> int:
    """Resident memory of this process, VmRSS, or the most that it has had, VmHWM."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024
    except FileNotFoundError:  # not Linux: only the most is known
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
