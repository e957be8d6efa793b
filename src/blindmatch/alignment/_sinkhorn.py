"""Entropic transport plans between images and texts, by Sinkhorn's algorithm.

SOTAlign's plan of an affinity matrix K is

    OT_eps(K) = argmin over couplings P of  -<P, K> + eps <P, log P>

where a coupling has row sums 1/n and column sums 1/m: all plans here have MASS 1. The paper's have
mass n; whatever is linear in a plan is n times as large there. Optimal plans have the form
``log P_ij = K_ij / eps + u_i + v_j``. No gradient flows through anything in this module.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator

import torch

from blindmatch.errors import BlindmatchError

#: The widest (largest - smallest affinity) / epsilon whose exponentials a type of number holds, the
#: scalings of rows and columns included; cosines span 2 / epsilon at most.
_WIDEST = {torch.float32: 80.0, torch.float64: 640.0}
#: Between two looks at the marginal error, each of which makes a GPU wait.
_ITERATIONS_PER_CHECK = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Potentials:
    """The dual solution of an entropic transport problem: log P = K / epsilon + u 1^T + 1 v^T.

    Attributes
    ----------
    u : torch.Tensor, shape (n,), float64
    v : torch.Tensor, shape (m,), float64
    marginal_error : float
        The plan's columns have the right sums; its rows miss theirs, summed over rows, by at most
        this much of a mass of 1.
    iterations : int
        That were made.
    """

    u: torch.Tensor
    v: torch.Tensor
    marginal_error: float
    iterations: int


def potentials(
    affinity: torch.Tensor,
    epsilon: float,
    *,
    iterations: int,
    tolerance: float = 0.0,
    start: torch.Tensor | None = None,
    name: str = "affinity",
) -> Potentials:
    """Solve the dual of the plan's problem (see above), for uniform marginals of mass 1.

    Where the range of the affinities allows it, iterations are products of a matrix of exponentials
    with vectors, in float32 or float64; beyond, they are made in the log domain.

    Parameters
    ----------
    affinity : torch.Tensor, shape (n, m)
    epsilon : float
        Entropy's weight, in the unit of the affinities.
    iterations : int
        The most; one updates all rows, then all columns.
    tolerance : float
        It ends as soon as the marginal error is no larger.
    start : torch.Tensor, shape (m,), optional
        The v of an earlier solve.
    name : str
        What errors call the affinity.

    Raises
    ------
    BlindmatchError
        If an argument has another shape or range, or the affinity is not finite.
    """
    affinity = as_matrix(name, affinity)
    check_settings(epsilon, iterations, name=name)
    low, high = finite_range(name, affinity)
    v = _first(start, affinity)
    with full_precision(affinity):
        span = (high - low) / epsilon
        dtype = torch.float64 if span > _WIDEST[torch.float32] else affinity.dtype
        if span > _WIDEST[dtype]:
            return solve_by_blocks(
                lambda rows: affinity[rows].to(dtype, copy=True),
                row_blocks(affinity),
                v,
                epsilon,
                iterations=iterations,
                tolerance=tolerance,
            )
        kernel = affinity.to(dtype, copy=True).sub_(high).div_(epsilon).exp_()
        a, b = (1.0 / size for size in kernel.shape)

        def step(scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            row_scale = a / (kernel @ scale)
            sums = kernel.T @ row_scale
            return row_scale, b / sums, scale * sums

        row_scale, scale, error, done = _iterate(
            step, (v - v.max()).exp().to(dtype), b, iterations, tolerance
        )
        return Potentials(
            row_scale.double().log() - high / epsilon, scale.double().log(), error, done
        )


def solve_by_blocks(
    affinity_of: Callable[[slice], torch.Tensor],
    blocks: list[slice],
    v: torch.Tensor,
    epsilon: float,
    *,
    iterations: int,
    tolerance: float,
) -> Potentials:
    """Sinkhorn's algorithm in the log domain, on one block of rows at a time.

    Parameters
    ----------
    affinity_of : callable
        Rows -> their affinities, shape (rows, m), a tensor that may be overwritten.
    blocks : list of slice
        All rows, once.
    v : torch.Tensor, shape (m,), float64
        To start from.
    epsilon, iterations, tolerance
        As in `potentials`.
    """
    size = blocks[-1].stop
    a, b = 1.0 / size, 1.0 / len(v)

    def step(v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        u, sums = v.new_empty(size), torch.zeros_like(v)
        for rows in blocks:
            scores = affinity_of(rows)
            scores.div_(epsilon).add_(v.to(scores.dtype))
            top = scores.amax(dim=1)
            row_sums = scores.sub_(top[:, None]).exp_().sum(dim=1)
            u[rows] = math.log(a) - top.double() - row_sums.double().log()
            sums += scores.T @ (a / row_sums)
        # A column whose mass is too small a number is raised as far as numbers go, and again next
        # time.
        least = torch.finfo(scores.dtype).tiny
        return u, v + math.log(b) - sums.clamp_min(least).log(), sums

    return Potentials(*_iterate(step, v, b, iterations, tolerance))


def _iterate(step, state, mass: float, iterations: int, tolerance: float):
    """Rows' and columns' solution, marginal error and number of iterations."""
    for done in range(1, iterations + 1):
        rows, state, sums = step(state)
        if done == iterations or (tolerance > 0.0 and done % _ITERATIONS_PER_CHECK == 0):
            # Taken before the columns are set right, which cannot make the rows' error larger.
            error = float((sums.double() - mass).abs().sum())
            if error <= tolerance:
                break
    return rows, state, error, done


def plan(
    affinity: torch.Tensor, epsilon: float, *, iterations: int = 100, tolerance: float = 0.0
) -> torch.Tensor:
    """The entropic transport plan of an affinity matrix (see above), of mass 1.

    Parameters
    ----------
    affinity : torch.Tensor, shape (n, m)
        Half precision is raised to float32.
    epsilon, iterations, tolerance
        As in `potentials`.

    Returns
    -------
    torch.Tensor, shape (n, m)
        Columns sum to 1/m, rows to 1/n as far as the iterations went.
    """
    affinity = as_matrix("affinity", affinity)
    solved = potentials(affinity, epsilon, iterations=iterations, tolerance=tolerance)
    entries = torch.empty_like(affinity)
    with full_precision(affinity):
        for rows in row_blocks(affinity):
            entries[rows] = log_plan(affinity[rows], rows, solved, epsilon).exp_()
    return entries


def log_plan(
    affinity: torch.Tensor, rows: slice, solved: Potentials, epsilon: float
) -> torch.Tensor:
    """Logarithms of some rows of a plan, float64, from the same rows of the affinity."""
    return (
        affinity.to(torch.float64, copy=True)
        .div_(epsilon)
        .add_(solved.v)
        .add_(solved.u[rows, None])
    )


def perplexity(plan: torch.Tensor) -> float:
    """To how many texts an image is matched: exp of the mean entropy of the rows, each made sum 1.

    Parameters
    ----------
    plan : torch.Tensor, shape (n, m)
        Non-negative, of any mass.
    """
    plan, total = as_matrix("plan", plan), 0.0
    with full_precision(plan):
        for rows in row_blocks(plan):
            shares = plan[rows].double()
            shares = shares / shares.sum(dim=1, keepdim=True)
            total += torch.special.entr(shares).sum()
    return math.exp(float(total) / len(plan))


@contextlib.contextmanager
def full_precision(tensor: torch.Tensor) -> Iterator[None]:
    """Neither gradients nor the half precision of autocast."""
    with torch.no_grad(), torch.autocast(tensor.device.type, enabled=False):
        yield


def row_blocks(matrix: torch.Tensor, block: int | None = None) -> list[slice]:
    """Slices of rows; by default such that a block is small beside the matrix, and fits a cache."""
    if block is None:
        entries = 2**16 if matrix.device.type == "cpu" else 2**22
        block = max(1, entries // matrix.shape[1])
    size = len(matrix)
    return [slice(start, min(start + block, size)) for start in range(0, size, block)]


def as_matrix(name: str, matrix: torch.Tensor) -> torch.Tensor:
    """A matrix of at least one entry, half precision raised to float32; gradients flow through."""
    if not isinstance(matrix, torch.Tensor) or not matrix.is_floating_point():
        found = matrix.dtype if isinstance(matrix, torch.Tensor) else type(matrix).__name__
        raise BlindmatchError(f"{name}: expected a tensor of real numbers, found {found}")
    if matrix.ndim != 2 or matrix.numel() == 0:
        raise BlindmatchError(
            f"{name}: expected a matrix of at least one entry, found shape {tuple(matrix.shape)}"
        )
    return matrix if matrix.dtype in _WIDEST else matrix.float()


def finite_range(name: str, matrix: torch.Tensor) -> tuple[float, float]:
    """Smallest and largest entry."""
    low, high = (float(extreme) for extreme in torch.aminmax(matrix.detach()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BlindmatchError(
            f"{name}: expected finite numbers, found entries from {low} to {high}"
        )
    return low, high


def check_settings(epsilon: float, iterations: int, *, name: str) -> None:
    """Refuse what no plan exists for."""
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise BlindmatchError(f"{name}: expected a positive epsilon, found {epsilon}")
    if iterations < 1:
        raise BlindmatchError(f"{name}: expected at least 1 iteration, found {iterations}")


def _first(start: torch.Tensor | None, affinity: torch.Tensor) -> torch.Tensor:
    columns = affinity.shape[1]
    if start is None:
        return torch.zeros(columns, dtype=torch.float64, device=affinity.device)
    if start.shape != (columns,):
        raise BlindmatchError(f"start: expected shape ({columns},), found {tuple(start.shape)}")
    return start.detach().to(affinity.device, torch.float64)
