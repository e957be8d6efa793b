"""The form in which the compiled loops read a problem: every matrix symmetric up to sign."""

import dataclasses

import numpy as np

from blindmatch.qap import QAP
from blindmatch.solvers import require_square


@dataclasses.dataclass(frozen=True, eq=False)
class PairCosts:
    """A problem as single costs and pair costs.

    Splitting ``A = S + K`` into its symmetric and skew parts (and B alike) removes the mixed
    products: ``A_ik B_jl + A_ki B_lj = 2 S_ik S'_jl + 2 K_ik K'_jl``. So one sum over terms serves
    symmetric and asymmetric problems, and loops only ever read rows. Terms in which one of the
    matrices vanishes are left out.

    Attributes
    ----------
    A, B : np.ndarray, shape (terms, N, N)
        Pair (i,j), (k,l) with i != k costs ``sum_t A[t,i,k] B[t,j,l]``. Diagonals are zero.
    single : np.ndarray, shape (N, N)
        Cost of i -> j alone: linear term and products of the diagonals; for forbidden pairs the
        penalty instead.
    symmetric_terms : int
        So many terms, the first ones, are symmetric; the others are skew in both matrices.
    penalty : float
        More than the costs of any two permutations differ by, so that a permutation with a
        forbidden pair always costs more than one without; 0 where nothing is forbidden.
    """

    A: np.ndarray
    B: np.ndarray
    single: np.ndarray
    symmetric_terms: int
    penalty: float

    @classmethod
    def of(cls, problem: QAP) -> "PairCosts":
        """Split a square problem; rounding is of the order of the last place.

        Raises
        ------
        BlindmatchError
            If the problem is not square.
        """
        require_square(problem)
        A_terms, B_terms = problem.A_terms, problem.B_terms
        single, penalty = single_costs(problem)
        symmetric = [(_part(a, 1.0), _part(b, 1.0)) for a, b in zip(A_terms, B_terms, strict=True)]
        skew = [(_part(a, -1.0), _part(b, -1.0)) for a, b in zip(A_terms, B_terms, strict=True)]
        symmetric, skew = (
            [(a, b) for a, b in pairs if a.any() and b.any()] for pairs in (symmetric, skew)
        )
        if not symmetric and not skew:
            symmetric = [(np.zeros_like(A_terms[0]), np.zeros_like(B_terms[0]))]
        A, B = (np.stack(matrices) for matrices in zip(*symmetric, *skew, strict=True))
        return cls(2.0 * A, B, single, len(symmetric), penalty)


def single_costs(problem: QAP) -> tuple[np.ndarray, float]:
    """`single` and `penalty` of `PairCosts`."""
    diagonals = (
        np.diagonal(terms, axis1=1, axis2=2) for terms in (problem.A_terms, problem.B_terms)
    )
    single = np.einsum("ti,tj->ij", *diagonals)
    if problem.linear is not None:
        single = single + problem.linear
    if problem.forbidden is None:
        return single, 0.0
    # Sums without a forbidden pair lie within +- magnitude, and so do the remaining parts of sums
    # with one; a third makes up for rounding and for problems of zeros.
    penalty = 3.0 * problem.magnitude or 1.0
    return np.where(problem.forbidden, penalty, single), penalty


def _part(matrix: np.ndarray, sign: float) -> np.ndarray:
    """The symmetric (sign 1) or skew (-1) part of a matrix without its diagonal."""
    half = matrix / 2.0
    part = half + sign * half.T
    np.fill_diagonal(part, 0.0)
    return part
