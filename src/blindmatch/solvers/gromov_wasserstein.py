"""The Gromov-Wasserstein solvers of POT (Python Optimal Transport)."""

import dataclasses

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from blindmatch.solvers import solvers
from blindmatch.solvers._gromov_wasserstein import GromovWasserstein, Structures, couple


@solvers.register("gw")
@dataclasses.dataclass(frozen=True)
class ConditionalGradientGW(GromovWasserstein):
    """Gromov-Wasserstein by conditional gradient: Frank-Wolfe on plans, as FAQ does it.

    Parameters
    ----------
    starts : int, optional
        As for `GromovWasserstein`.
    iterations : int
        Steps of one start at most.
    tolerance : float
        A step that changes the objective by less, relatively or absolutely, is the last.
    """

    starts: PositiveInt | None = 20

    def plan(self, structures: Structures, start: np.ndarray) -> np.ndarray:
        """See `GromovWasserstein`."""
        return couple(
            "",
            structures,
            start,
            max_iter=self.iterations,
            tol_rel=self.tolerance,
            tol_abs=self.tolerance,
        )


@solvers.register("entropic-gw")
@dataclasses.dataclass(frozen=True)
class EntropicGW(GromovWasserstein):
    """Entropic Gromov-Wasserstein by projected gradient (Peyre et al. 2016), annealed.

    Each step is a Sinkhorn projection. The entropy's weight falls from `first_epsilon` to `epsilon`
    in `stages`, each of which starts from the plan of the one before. One stage with an epsilon of
    0.1 and a thousand iterations inside and out is POT's default, and the paper's baseline.

    Parameters
    ----------
    epsilon, first_epsilon : float
        In units of `Structures`. Small ones fail numerically, large ones give the uniform plan.
    stages : int
    iterations : int
        Steps of one stage at most.
    tolerance : float
        A step (one of ten is looked at) of a smaller Frobenius norm ends the stage.
    sinkhorn_iterations : int
        Of one projection at most.
    sinkhorn_tolerance : float
        Error of the marginals at which a projection ends.
    starts : int, optional
        As for `GromovWasserstein`.
    """

    starts: PositiveInt | None = 5
    iterations: PositiveInt = 20
    epsilon: PositiveFloat = 0.05
    first_epsilon: PositiveFloat = 0.3
    stages: PositiveInt = 4
    sinkhorn_iterations: PositiveInt = 50
    sinkhorn_tolerance: PositiveFloat = 1e-9

    def plan(self, structures: Structures, start: np.ndarray) -> np.ndarray:
        """See `GromovWasserstein`."""
        plan = start
        for epsilon in np.geomspace(self.epsilon, self.first_epsilon, self.stages)[::-1]:
            plan = couple(
                "entropic_",
                structures,
                plan,
                epsilon=epsilon,
                max_iter=self.iterations,
                tol=self.tolerance,
                numItermax=self.sinkhorn_iterations,
                stopThr=self.sinkhorn_tolerance,
                warn=False,
            )
        return plan


@solvers.register("proximal-gw")
@dataclasses.dataclass(frozen=True)
class ProximalGW(GromovWasserstein):
    """Gromov-Wasserstein by proximal points (Xu et al. 2019): entropy keeps the steps short only.

    Parameters
    ----------
    epsilon : float
        In units of `Structures`: the larger, the shorter the steps.
    iterations, tolerance, sinkhorn_iterations, sinkhorn_tolerance
        As for `EntropicGW`.
    starts : int, optional
        As for `GromovWasserstein`.
    """

    epsilon: PositiveFloat = 2.0
    sinkhorn_iterations: PositiveInt = 10
    sinkhorn_tolerance: PositiveFloat = 1e-9

    def plan(self, structures: Structures, start: np.ndarray) -> np.ndarray:
        """See `GromovWasserstein`."""
        return couple(
            "entropic_",
            structures,
            start,
            solver="PPA",
            epsilon=self.epsilon,
            max_iter=self.iterations,
            tol=self.tolerance,
            numItermax=self.sinkhorn_iterations,
            stopThr=self.sinkhorn_tolerance,
            warn=False,
        )


@solvers.register("bapg")
@dataclasses.dataclass(frozen=True)
class BAPG(GromovWasserstein):
    """Bregman alternating projected gradient (Li et al. 2023): rows and columns in turn.

    Parameters
    ----------
    epsilon : float
        In units of `Structures`: the larger, the shorter the steps.
    iterations : int
        Steps of one start at most.
    tolerance : float
        A step (one of ten is looked at) of a smaller Frobenius norm is the last.
    starts : int, optional
        As for `GromovWasserstein`.
    """

    iterations: PositiveInt = 3000
    epsilon: PositiveFloat = 5.0

    def plan(self, structures: Structures, start: np.ndarray) -> np.ndarray:
        """See `GromovWasserstein`."""
        return couple(
            "BAPG_",
            structures,
            start,
            epsilon=self.epsilon,
            max_iter=self.iterations,
            tol=self.tolerance,
        )
