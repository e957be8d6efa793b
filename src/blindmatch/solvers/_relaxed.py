"""The doubly nonnegative relaxation in integers: lower costs, and duals that prove a bound."""

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from blindmatch.proof import lowered
from blindmatch.solvers._duals import Duals, share_nothing
from blindmatch.solvers._sweep import Costs

if TYPE_CHECKING:
    from blindmatch.solvers._dnn import Factor
    from blindmatch.solvers._run import Run

#: Entries of the integer factor stay below 2^this, so that its products are exact in float64.
_FACTOR_BITS = 20
#: Lowered pair costs beyond this would leave no room for duals in int32.
_LARGEST_PAIR = 1 << 26
#: Seconds, over N^6, that a factor and its integers take at most: kept free before a deadline.
_RESERVE = 1e-9


def relax(run: "Run", blocked: np.ndarray) -> Iterator[Duals]:
    """Costs without the semidefinite form that the relaxation finds, with its duals as a start.

    The first come once the gap is below the share `relax_gap` of the cost, then each time it has
    halved, and the last when the relaxation ends. The run's factor becomes that of the certificate.

    Parameters
    ----------
    run : Run
    blocked : np.ndarray
        That of `Costs`.
    """
    from blindmatch.solvers._dnn import Relaxation, ascend

    reserve = _RESERVE * run.problem.size**6
    if run.deadline - time.perf_counter() < 3 * reserve:
        return
    allowed = blocked == 0
    relaxation = Relaxation(_dense(run), allowed=allowed, device=run.plan.device)
    best, wanted = None, run.plan.relax_gap * abs(run.incumbent.cost)

    def late() -> bool:
        return run.stopped() or time.perf_counter() > run.deadline - reserve

    for factor in ascend(relaxation, target=float(run.target), stop=late):
        run.incumbent.follow(_rounded(relaxation.assignment(), allowed))
        if best is None or factor.value > best.value:
            best = factor
        gap = (run.target - best.value) * float(run.fixed_point.unit)
        run.note(f"relaxation, {relaxation.iterations} iterations, gap about {gap:.4g}")
        if gap <= wanted:
            wanted = gap / 2
            yield from _integers(run, best, blocked)
    if best is not None:
        yield from _integers(run, best, blocked)


def _dense(run: "Run") -> np.ndarray:
    """Costs over assignments in units: x' C x is the cost of a permutation."""
    fixed_point = run.fixed_point
    size = fixed_point.size
    costs = np.zeros((size, size, size, size))
    for i in range(size):
        for k in range(size):
            if i != k:
                costs[i, :, k, :] = fixed_point.pairs(i, k) / 2
    costs = costs.reshape(size**2, size**2)
    costs[np.diag_indices(size**2)] = np.where(fixed_point.forbidden, 0, fixed_point.single).ravel()
    return costs


def _rounded(weights: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The permutation of most weight."""
    return linear_sum_assignment(np.where(allowed, weights, -1e3), maximize=True)[1]


def _integers(run: "Run", best: "Factor", blocked: np.ndarray) -> Iterator[Duals]:
    """Round a factor and its duals; one sweep mends what rounding broke.

    Nothing comes where integers cannot hold the result.
    """
    size = run.fixed_point.size
    largest = float(np.abs(best.G).max(initial=0.0))
    if largest == 0.0:
        return
    bits = _FACTOR_BITS - math.frexp(largest)[1]
    if not 0 <= 2 * bits <= 60:
        return
    factor = np.rint(np.ldexp(best.G, bits)).astype(np.int64)
    np.clip(factor, 1 - (1 << _FACTOR_BITS), (1 << _FACTOR_BITS) - 1, out=factor)
    constant, single, pairs = lowered(run.fixed_point, factor, 2 * bits)
    if np.abs(pairs[share_nothing(size)]).max(initial=0) > _LARGEST_PAIR:
        return
    costs = lowered_costs(single, pairs, blocked)
    items = np.arange(size)
    P, Q = (_whole(duals, blocked) for duals in (best.rows, best.columns))
    duals = Duals(costs, P, Q, rows=items, columns=items, constant=constant)
    if not duals.mend():
        return
    run.factor, run.factor_shift = factor, 2 * bits
    run.raise_bound(duals.bound)
    run.note("relaxation in integers")
    yield duals


def lowered_costs(single: np.ndarray, pairs: np.ndarray, blocked: np.ndarray) -> Costs:
    """What `blindmatch.proof.lowered` gives, as the compiled loops read it."""
    size = len(single)
    nothing = np.zeros((1, size, size))
    table = np.where(share_nothing(size), pairs, 0).astype(np.int32)
    return Costs(nothing, nothing, table, single, blocked.copy())


def _whole(duals: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Duals of each (i,j), shape (N, N, N), as `_sweep` stores them; blocked pairs hold none."""
    held = np.where(blocked[:, :, None], 0.0, duals)
    held = np.clip(np.nan_to_num(held), -_LARGEST_PAIR, _LARGEST_PAIR)
    return np.floor(held).transpose(2, 0, 1).astype(np.int32, order="C")
