"""What a run of the exact solvers does: the common ground of their options."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from blindmatch._memory import explained_shortage
from blindmatch.certificate import Certificate
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report
from blindmatch.qap import QAP, Matching
from blindmatch.solvers import Solver, require_square

#: Modules whose logic decides the result of a run.
MODULES = (
    "blindmatch.certificate",
    "blindmatch.fixed_point",
    "blindmatch.lap._shortest_path",
    "blindmatch.proof",
    "blindmatch.qap",
    "blindmatch.solvers._dnn",
    "blindmatch.solvers._dnn_space",
    "blindmatch.solvers._duals",
    "blindmatch.solvers._first_duals",
    "blindmatch.solvers._gilmore_lawler",
    "blindmatch.solvers._incumbent",
    "blindmatch.solvers._local_search",
    "blindmatch.solvers._pair_costs",
    "blindmatch.solvers._plan",
    "blindmatch.solvers._record",
    "blindmatch.solvers._relaxed",
    "blindmatch.solvers._resume",
    "blindmatch.solvers._run",
    "blindmatch.solvers._sweep",
    "blindmatch.solvers._sweep_device",
    "blindmatch.solvers._sweep_gpu",
    "blindmatch.solvers._sweep_triton",
    "blindmatch.solvers._tree",
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Options of a run.

    Attributes
    ----------
    max_sweeps, patience, stall
        As for `HahnGrant`.
    starts, threads, device, memory_limit, certificate_limit
        As for `Planned`.
    branch : bool
        Whether to branch where the ascent leaves a gap.
    relax : bool
        Whether to relax where branching alone would take long.
    relax_size : int
        Items up to which the relaxation is tried.
    relax_gap : float
        Share of the cost at which the relaxation has done enough.
    """

    max_sweeps: int | None = None
    starts: int = 15
    patience: int = 20
    stall: float = 1e-3
    threads: int = 1
    device: str = "cpu"
    memory_limit: float = 8.0
    certificate_limit: float = 0.25
    branch: bool = False
    relax: bool = False
    relax_size: int = 45
    relax_gap: float = 0.01


@dataclasses.dataclass(frozen=True)
class Planned(Solver):
    """What the exact solvers share: the options that are not about the plan, and `solve`.

    Parameters
    ----------
    starts : int
        Searches for a first incumbent.
    threads : int
        More than one solves submatrices side by side: a somewhat different sweep, whose result
        does not depend on how many threads there are. They also work on branches side by side.
    device : str
        "cpu", or "cuda" for sweeps on a GPU: those of several threads, integer by integer. The
        relaxation runs on the device, too.
    memory_limit : float
        Gigabytes; a problem whose duals need more is refused (N = 331: 0.4, N = 900: 7.3).
    certificate_limit : float
        Gigabytes of packed duals up to which the proof is kept; 0 keeps none.
    """

    starts: int = 15
    threads: int = 1
    device: str = "cpu"
    memory_limit: float = 8.0
    certificate_limit: float = 0.25

    bounds: ClassVar[bool] = True

    @property
    def plan(self) -> Plan:
        """What a run does."""
        raise NotImplementedError

    def solve(
        self,
        problem: QAP,
        *,
        seed: int = 0,
        time_limit: float | None = None,
        progress: Report | None = None,
        warm_start: Certificate | None = None,
    ) -> Matching:
        """See `blindmatch.solvers.Solver`.

        Parameters
        ----------
        problem, seed, time_limit, progress
        warm_start : Certificate, optional
            Of an earlier run on the same problem, which goes on from there.

        Raises
        ------
        BlindmatchError
            If the duals do not fit into `memory_limit`, or the certificate belongs elsewhere.
        """
        return run(self.plan, problem, seed, time_limit, progress, warm_start)


def run(
    plan: Plan,
    problem: QAP,
    seed: int,
    time_limit: float | None,
    progress: Report | None,
    warm_start: Certificate | None = None,
) -> Matching:
    """Run a plan; compiling does not count as solving.

    Raises
    ------
    BlindmatchError
        If the problem is not square, or its duals do not fit into the memory limit or the memory.
    """
    from blindmatch.solvers._run import Run

    require_square(problem)
    if plan.device not in ("cpu", "cuda"):
        raise BlindmatchError(f"device: expected cpu or cuda, found {plan.device!r}")
    needed = 10e-9 * problem.size**3
    if needed > plan.memory_limit:
        raise BlindmatchError(
            f"problem: the duals of {problem.size} items need {needed:.1f} GB, "
            f"memory_limit allows {plan.memory_limit:g}"
        )
    _compile(plan.relax, plan.threads > 1)
    with explained_shortage(
        gpu=f"device: the GPU's memory does not hold {problem.size} items, take device='cpu'",
        machine=f"problem: out of memory with {problem.size} items",
    ):
        return Run(problem, plan, seed, time_limit, progress, warm_start).solve()


@functools.cache
def _compile(relax: bool, parallel: bool) -> None:
    """Compile (or load) the kernels."""
    from blindmatch.solvers._gilmore_lawler import gilmore_lawler
    from blindmatch.solvers._run import Run

    size = 40 if parallel else 5  # smaller problems are not solved side by side
    tiny = np.random.default_rng(0).normal(size=(2, size, size))
    plan = Plan(max_sweeps=1, branch=True, threads=1 + parallel)
    Run(QAP(*tiny), plan, 0, None if size == 5 else 0.1, None).solve()
    if relax:
        gilmore_lawler(np.zeros((9, 9)), np.zeros((3, 3)))
