"""Quadratic assignment by the conventions of `scipy.optimize`, with proofs."""

from collections.abc import Mapping

import numpy as np

from blindmatch.qap import QAP
from blindmatch.solvers import solve


def quadratic_assignment(
    A: np.ndarray,
    B: np.ndarray,
    method: str = "auto",
    options: Mapping[str, object] | None = None,
):
    """Minimise (or maximise) ``trace(A.T @ P @ B @ P.T)`` over permutation matrices P.

    The same call as `scipy.optimize.quadratic_assignment`. With P[i, col_ind[i]] = 1 the objective
    is ``sum_ik A[i, k] B[col_ind[i], col_ind[k]]``. What differs:

    * `method` is a solver of this package, and its options are options here;
    * the result says what is proved: `bound` and `optimal`;
    * without `rng` the same call gives the same answer (scipy draws a new seed each time);
    * `B` may be larger than `A`: then columns stay free;
    * `P0`, `partial_guess`, `shuffle_input`, `maxiter` and `tol` of scipy's methods are unknown.

    Parameters
    ----------
    A, B : array_like, shapes (N, N) and (M, M), M >= N
    method : str
        A registered solver: ``sorted(blindmatch.solvers.solvers)``.
    options : mapping, optional
        maximize : bool (False);
        partial_match : array_like, shape (pairs, 2), pairs (row of A, row of B) that are kept;
        rng : int or numpy.random.Generator;
        time_limit : float, seconds;
        progress : callable, as for `blindmatch.solve`;
        any others go to the solver.

    Returns
    -------
    scipy.optimize.OptimizeResult
        col_ind : np.ndarray, shape (N,); fun : float; nit : int, what the solver counts;
        bound : float, proved: no permutation has a lower (maximising: higher) objective;
        optimal : bool; message : str, why the search ended.

    Raises
    ------
    BlindmatchError
        As `QAP` and `solve`; it is a ValueError, as scipy raises.
    """
    from scipy.optimize import OptimizeResult

    options = dict(options or {})
    problem, sign = QAP(A, B), 1.0
    if options.pop("maximize", False):
        problem, sign = QAP(-problem.A, problem.B), -1.0
    found = solve(
        problem,
        method,
        anchors=options.pop("partial_match", None),
        seed=_seed(options.pop("rng", None)),
        **options,
    )
    return OptimizeResult(
        col_ind=found.permutation,
        fun=sign * found.cost,
        nit=found.iterations,
        bound=sign * found.bound,
        optimal=found.optimal,
        message=found.status,
    )


def _seed(rng: int | np.random.Generator | None) -> int:
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**32))
    return 0 if rng is None else int(rng)
