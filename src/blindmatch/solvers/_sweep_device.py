"""Duals of one or many problems on a device, and the launches of a sweep."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.solvers._duals import Duals
from blindmatch.solvers._sweep import MOST_SPREAD

if TYPE_CHECKING:
    from torch import Tensor

#: Entries of remainders that a warp works on at a time; more would cost it registers.
_WARP_ENTRIES = 256
#: Duals that are summed at a time: PyTorch widens them to int64 first.
_SUMMED = 1 << 26


class Batch:
    """Costs and duals of B problems of N items on a device."""

    def __init__(self, problems: Sequence[Duals], device: str, scratch: int) -> None:
        self.torch, self.kernels = _modules(device)
        self.device = "cuda" if device == "cuda" else "cpu"
        shapes = {each.costs.a.shape + each.costs.table.shape for each in problems}
        if len(shapes) > 1:
            raise BlindmatchError(
                "problems: expected as many items and terms in all of them, found factors (and "
                f"tables) of shapes {sorted(shapes)}"
            )
        self.size = problems[0].size
        self.width = problems[0].work.matrix.shape[1]
        self.programs = max(1, scratch // (4 * self.size * self.width))
        self.a, self.b, self.table, self.single = (
            self._upload(getattr(each.costs, name) for each in problems)
            for name in ("a", "b", "table", "single")
        )
        self.P = self._upload(each.P for each in problems)
        self.Q = self._upload(each.Q for each in problems)

    def leaders(self) -> np.ndarray:
        """Leaders of each problem, shape (B, N, N), int64, on the CPU."""
        total = self.single.clone()
        step = max(1, _SUMMED // total.numel())
        for held in (*self.P.split(step, dim=1), *self.Q.split(step, dim=1)):
            total += held.sum(1, dtype=total.dtype)
        return total.cpu().numpy()

    def sweep(
        self,
        problems: Sequence[Duals],
        epsilons: Sequence[int],
        cap: int,
        parts: int,
        stop: Callable[[], bool],
    ) -> bool:
        """Sweep in the order of the problems' reduced leaders; False where it was stopped.

        Problems some of whose duals have left their range become `exhausted`.
        """
        torch, square = self.torch, self.size**2
        blocked = self._upload(each.costs.blocked for each in problems)
        reduced = self._upload(each.reduced for each in problems)
        self._spread(blocked, reduced)
        tasks = len(problems) * -(-square // parts)
        now = Sweep(
            blocked,
            torch.argsort(reduced.flatten(1), dim=1, stable=True),
            torch.tensor(epsilons, dtype=torch.int64, device=self.device),
            self._empty(min(self.programs, tasks), self.size, self.width),
            self._empty(tasks, self.size),
            self._empty(tasks, self.size),
            self._empty(tasks),
            torch.zeros(len(problems), dtype=torch.bool, device=self.device),
        )
        done = all(self._advance(now, *part, cap, stop) for part in _cut(square, parts))
        for each, exhausted in zip(problems, now.exhausted.tolist(), strict=True):
            each.exhausted |= exhausted
        return done

    def _spread(self, blocked, reduced) -> None:
        """See `spread_leaders`."""
        share = (reduced // (self.size - 1)).clamp(max=MOST_SPREAD).to(blocked.dtype)
        share[blocked != 0] = 0
        self.P -= share[:, None]
        # No item is a pair with itself; that much was too much.
        self.P.diagonal(dim1=1, dim2=2).add_(share.transpose(1, 2))

    def _advance(self, now: "Sweep", start: int, count: int, cap: int, stop) -> bool:
        """Solve a part of every order, then keep its duals; False where it was stopped."""
        if count == 0:
            return True
        part = self.torch.zeros_like(now.blocked)
        part.flatten(1).scatter_(1, now.order[:, start : start + count], 1)
        lanes = 1 << (self.width - 1).bit_length()
        warps = max(1, lanes // _WARP_ENTRIES)
        tasks = len(part) * count
        pieces = list(_cut(tasks, -(-tasks // self.programs)))
        for first, programs in pieces:
            if stop():
                return False
            self.kernels.solve_tasks[(programs,)](
                self.a, self.b, self.table, self.P, self.Q,
                now.blocked, part, now.order, now.epsilon,
                now.scratch, now.U, now.V, now.state,
                first, start, count, cap, self.size, self.width,
                TERMS=self.a.shape[1], TABLED=self.table.shape[1] > 0,
                ROWS=max(1, warps * _WARP_ENTRIES // lanes), LANES=lanes, num_warps=warps,
            )  # fmt: skip
            if len(pieces) > 1 and self.device == "cuda":
                # Long work must not queue up, or it would go on long after it was to stop.
                self.torch.cuda.synchronize()
        self.kernels.keep_tasks[(tasks,)](
            self.P, self.Q, now.order, now.U, now.V, now.state,
            start, count, self.size, LANES=lanes, num_warps=warps,
        )  # fmt: skip
        left = now.state[:tasks].view(len(part), count) == self.kernels.LEFT.value
        now.exhausted.logical_or_(left.any(dim=1))
        return True

    def _upload(self, arrays):
        arrays = list(arrays)
        stacked = arrays[0][None] if len(arrays) == 1 else np.stack(arrays)
        return self.torch.from_numpy(stacked).to(
            self.device, copy=True, memory_format=self.torch.contiguous_format
        )

    def _empty(self, *shape: int):
        return self.torch.empty(shape, dtype=self.torch.int32, device=self.device)


class Sweep(NamedTuple):
    """What the kernels read and write during a sweep, see `_sweep_triton.solve_tasks`."""

    blocked: "Tensor"
    order: "Tensor"
    epsilon: "Tensor"
    scratch: "Tensor"
    U: "Tensor"
    V: "Tensor"
    state: "Tensor"
    exhausted: "Tensor"


def _cut(length: int, parts: int) -> Iterator[tuple[int, int]]:
    """Beginning and length of each part, as `np.array_split` cuts."""
    short, longer = divmod(length, parts)
    for number in range(parts):
        yield number * short + min(number, longer), short + (number < longer)


def _modules(device: str):
    """PyTorch and the kernels, for a device that is there."""
    if device not in ("cuda", "interpreter"):
        raise BlindmatchError(f"device: expected cuda or interpreter, found {device!r}")
    try:
        import torch
        import triton  # noqa: F401
    except ImportError as error:
        raise BlindmatchError(
            f"device: {device!r} expects PyTorch and Triton, found no {error.name}"
        ) from error
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if interpreted != (device == "interpreter"):
        raise BlindmatchError(
            f"device: {device!r} expects TRITON_INTERPRET to be {int(not interpreted)}, "
            f"found {int(interpreted)}"
        )
    if device == "cuda" and not torch.cuda.is_available():
        raise BlindmatchError("device: 'cuda' expects a CUDA device, found none")
    from blindmatch.solvers import _sweep_triton

    return torch, _sweep_triton
