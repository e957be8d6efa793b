"""Dual ascent on a GPU: the sweeps of `Duals` with threads, bit by bit the same integers.

A sweep's parts are solved on the device, one program per submatrix, then kept. Only leaders,
reduced leaders and blocked pairs (N x N each) travel; the leaders' assignment is solved on the CPU.
"""

import math
import time
from collections.abc import Callable, Sequence

from blindmatch.solvers._duals import PARTS, Duals, typical_pair
from blindmatch.solvers._sweep_device import Batch

#: Bytes of remainders on the device at a time; they bound how many programs run side by side.
SCRATCH = 1 << 31


class DeviceDuals(Duals):
    """Duals of a whole problem that live on a device; `P` and `Q` are tensors there.

    A sweep gives the integers of ``Duals.sweep`` with several threads at any size, whatever the
    device.

    Parameters
    ----------
    duals : Duals
        Where to start from; its costs, blocked pairs included, are shared.
    device : str
        "cuda", or "interpreter": the kernels run slowly on the CPU under TRITON_INTERPRET=1.
    scratch : int
        Bytes of remainders on the device at a time, beside 8.4 N^3 bytes of duals.

    Raises
    ------
    BlindmatchError
        If the device is unknown or not there. Nothing falls back to another one.
    """

    def __init__(self, duals: Duals, *, device: str = "cuda", scratch: int = SCRATCH) -> None:
        self._batch = Batch([duals], device, scratch)
        super().__init__(
            duals.costs,
            self._batch.P[0],
            self._batch.Q[0],
            rows=duals.rows,
            columns=duals.columns,
            fixed=duals.fixed,
            constant=duals.constant,
        )

    def settle(self) -> None:
        """Recompute leaders, bound and reduced leaders from the duals."""
        self.leader[:] = self._batch.leaders()[0]
        self.solve_leaders()

    def sweep(
        self,
        epsilon: int,
        cap: int,
        *,
        threads: int = 1,
        parts: int = PARTS,
        deadline: float = math.inf,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """One sweep, see `Duals.sweep`; `threads` are those of the CPU and make no difference."""
        if self.size < 2:
            return True
        done = self._batch.sweep(
            [self], [epsilon], cap, parts, lambda: stop() or time.perf_counter() > deadline
        )
        self.settle()
        return done

    def state(self) -> tuple:
        """Copies of the duals, on the device."""
        return self.P.clone(), self.Q.clone()

    def to_cpu(self) -> Duals:
        """The same state in arrays of its own on the CPU."""
        return Duals(
            self.costs._replace(blocked=self.costs.blocked.copy()),
            self.P.cpu().numpy().copy(),
            self.Q.cpu().numpy().copy(),
            rows=self.rows,
            columns=self.columns,
            fixed=self.fixed,
            constant=self.constant,
        )

    def copy(self) -> Duals:
        """See `to_cpu`."""
        return self.to_cpu()

    def child(self, i: int, j: int) -> Duals:
        """What is left, on the CPU, when item i is assigned to j; inherits the duals."""
        return self.to_cpu().child(i, j)


def sweep_batch(
    problems: Sequence[Duals],
    *,
    sweeps: int,
    epsilon: float,
    decay: float,
    cap: int,
    parts: int = PARTS,
    device: str = "cuda",
    scratch: int = SCRATCH,
) -> None:
    """Sweep many small problems at the same time; their duals and bounds are raised in place.

    Parameters
    ----------
    problems : sequence of Duals
        Of N items and K terms each (or with a table each).
    sweeps : int
        How many.
    epsilon : float
        Of the first sweep's auction, as a share of each problem's typical pair cost.
    decay : float
        Factor on epsilon from sweep to sweep.
    cap : int
        Bids per row.
    parts : int
        Parts of a sweep, see `Duals.sweep`.
    device, scratch
        See `DeviceDuals`.

    Raises
    ------
    BlindmatchError
        If the problems differ in size or kind, or if the device is unknown or not there.
    """
    if not problems or problems[0].size < 2:
        return
    batch = Batch(problems, device, scratch)
    typical = [typical_pair(duals.costs) for duals in problems]
    for sweep in range(sweeps):
        steps = [int(epsilon * decay**sweep * pair) for pair in typical]
        batch.sweep(problems, steps, cap, parts, lambda: False)
        for duals, leaders in zip(problems, batch.leaders(), strict=True):
            duals.leader[:] = leaders
            duals.solve_leaders()
    for duals, P, Q in zip(problems, batch.P.cpu().numpy(), batch.Q.cpu().numpy(), strict=True):
        duals.P[:], duals.Q[:] = P, Q
