"""Procrustes: the teacher that rotates and drops directions, and never stretches."""

import dataclasses

import numpy as np

from blindmatch.alignment.teachers import Teacher, choose_dimension, solve_in_span, teachers


@teachers.register("procrustes")
@dataclasses.dataclass(frozen=True)
class Procrustes(Teacher):
    """The orthonormal projections under which the pairs have the largest inner product.

    With the singular value decomposition A^T B = U S V^T of the centred pairs, the first columns of
    U and V (SOTAlign, Prop. C.1); also called PLS-SVD. A single rotation of one side to the other,
    the classical problem of that name, would need equal dimensions.

    Parameters
    ----------
    dimension : int or None
        Of the shared space; at most the dimension of each side and the number of pairs minus one,
        which is what None means.
    """

    dimension: int | None = None

    def maps(
        self, images: np.ndarray, texts: np.ndarray, *, seed: int, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `blindmatch.alignment.teachers.Teacher`."""
        dimension = choose_dimension(self.dimension, images, texts)

        def solve(images: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            left, _, right = np.linalg.svd(images.T @ texts, full_matrices=False)
            return left[:, :dimension], right[:dimension].T

        return solve_in_span(images, texts, solve)
