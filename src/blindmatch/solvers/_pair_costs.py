"""The form in which the compiled loops read a problem: every matrix symmetric up to sign."""

import dataclasses

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP

_LARGEST_COST = 1e290


@dataclasses.dataclass(frozen=True, eq=False)
class PairCosts:
    """A problem as single costs and pair costs.

    Splitting ``A = S + K`` into its symmetric and skew parts (and B alike) removes the mixed
    products: ``A_ik B_jl + A_ki B_lj = 2 S_ik S'_jl + 2 K_ik K'_jl``. So one sum over at most two
    terms serves symmetric and asymmetric problems, and loops only ever read rows. The skew term is
    left out where one of the matrices is symmetric.

    Attributes
    ----------
    A, B : np.ndarray, shape (terms, N, N)
        Pair (i,j), (k,l) with i != k costs ``sum_t A[t,i,k] B[t,j,l]``. Diagonals are zero.
    single : np.ndarray, shape (N, N)
        Cost of i -> j alone: linear term and product of the diagonals.
    """

    A: np.ndarray
    B: np.ndarray
    single: np.ndarray

    @classmethod
    def of(cls, problem: QAP) -> "PairCosts":
        """Split a problem; rounding is of the order of the last place.

        Raises
        ------
        BlindmatchError
            If costs come near the end of floating point, where sums would overflow.
        """
        largest = float(np.abs(problem.A).max()) * float(np.abs(problem.B).max())
        if problem.linear is not None:
            largest += float(np.abs(problem.linear).max())
        if not largest * problem.size**2 < _LARGEST_COST:
            raise BlindmatchError(
                f"QAP: expected costs below {_LARGEST_COST:g}, found products of A and B or linear "
                f"terms up to {largest:g}; rescale the matrices"
            )
        single = np.outer(np.diag(problem.A), np.diag(problem.B))
        if problem.linear is not None:
            single = single + problem.linear
        A, B = _parts(problem.A), _parts(problem.B)
        terms = 2 if A[1].any() and B[1].any() else 1
        return cls(2.0 * A[:terms], B[:terms].copy(), single)


def _parts(matrix: np.ndarray) -> np.ndarray:
    half = matrix / 2.0
    parts = np.stack([half + half.T, half - half.T])
    parts[:, np.arange(len(matrix)), np.arange(len(matrix))] = 0.0
    return parts
