"""Canonical correlation analysis with a ridge: the teacher that SOTAlign uses by default."""

import dataclasses

import numpy as np

from blindmatch.alignment.teachers import Teacher, choose_dimension, solve_in_span, teachers
from blindmatch.errors import BlindmatchError

#: Eigenvalues of a covariance below this are rounding.
_FLOOR = 1e-12


@teachers.register("cca")
@dataclasses.dataclass(frozen=True)
class CCA(Teacher):
    """The projections under which the pairs are most correlated (SOTAlign, Prop. C.2).

    With covariances of the centred pairs, C_xx and C_yy with the ridge on their diagonals:
    C_xx^(-1/2) C_xy C_yy^(-1/2) = U S V^T, and the maps are the first columns of C_xx^(-1/2) U and
    C_yy^(-1/2) V.

    Parameters
    ----------
    ridge : float
        Added to the variance of every direction, on the scale of covariances of unit rows, whose
        variances sum up to less than 1. There 0.1 exceeds every variance, so that the result is
        nearly `procrustes`; with fewer pairs than dimensions much less than that finds perfect
        correlations that mean nothing.
    dimension : int or None
        Of the shared space; at most the dimension of each side and the number of pairs minus one,
        which is what None means.
    """

    ridge: float = 0.1
    dimension: int | None = None

    def maps(
        self, images: np.ndarray, texts: np.ndarray, *, seed: int, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `blindmatch.alignment.teachers.Teacher`.

        Raises
        ------
        BlindmatchError
            If the ridge is negative.
        """
        if not 0 <= self.ridge < np.inf:
            raise BlindmatchError(f"ridge: expected a number >= 0, found {self.ridge}")
        dimension = choose_dimension(self.dimension, images, texts)

        def solve(images: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            vision, language = (self._whitening(rows) for rows in (images, texts))
            covariance = images.T @ texts / (len(images) - 1)
            left, _, right = np.linalg.svd(vision @ covariance @ language, full_matrices=False)
            return vision @ left[:, :dimension], language @ right[:dimension].T

        return solve_in_span(images, texts, solve)

    def _whitening(self, rows: np.ndarray) -> np.ndarray:
        """Inverse square root of the covariance with the ridge, symmetric."""
        covariance = rows.T @ rows / (len(rows) - 1)
        values, vectors = np.linalg.eigh(covariance)
        roots = np.sqrt(np.maximum(values + self.ridge, _FLOOR))
        return (vectors / roots) @ vectors.T
