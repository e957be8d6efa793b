"""Kernels: N prototypes x D -> N x N, within one modality.

A stored kernel is raw, so that a sub-matrix of it is the kernel of a subset of classes; what
depends on the subset (standardising, centring, neighbours) is the metric's `finish`.
"""

import numpy as np

from blindmatch.errors import BlindmatchError

#: Multiplications (N x N x D) beyond which distances come from one product of matrices.
_MANY = 1e10


def euclidean(prototypes: np.ndarray) -> np.ndarray:
    """Euclidean distances between rows; symmetric, the diagonal exactly zero.

    Those of thousands of items come from inner products, ten times as fast; they are off by at most
    about 1e-7 of the largest distance, and that where two rows nearly coincide.
    """
    from scipy.spatial.distance import pdist, squareform

    if len(prototypes) * prototypes.size <= _MANY:
        return squareform(pdist(prototypes))
    # Distances do not see the origin; with it in the mean, less is lost to cancellation.
    products = inner_product(prototypes - prototypes.mean(axis=0))
    squares = np.diag(products)
    distances = squares[:, None] + squares[None, :] - 2 * products
    np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
    np.fill_diagonal(distances, 0.0)
    return distances


def inner_product(prototypes: np.ndarray) -> np.ndarray:
    """Inner products between rows; symmetric."""
    return prototypes @ prototypes.T


def scaled_inner_product(prototypes: np.ndarray) -> np.ndarray:
    """Inner products between rows scaled to standard deviation 1 (n - 1); symmetric.

    What the reference code of the paper starts from in its CKA.

    Raises
    ------
    BlindmatchError
        If the coordinates of a row are all equal.
    """
    deviations = prototypes.std(axis=1, ddof=1, keepdims=True)
    if not deviations.all():
        raise BlindmatchError(
            "prototypes: expected coordinates that differ within each row, found equal ones in row "
            f"{int(deviations.argmin())}"
        )
    return inner_product(prototypes / deviations)


#: The kernels that files can hold, by slug.
KERNELS = {
    "euclidean": euclidean,
    "inner-product": inner_product,
    "scaled-inner-product": scaled_inner_product,
}


def standardise(kernel: np.ndarray) -> np.ndarray:
    """Off-diagonal entries shifted and scaled to mean 0 and standard deviation 1 (n - 1).

    The diagonal becomes 0, as in the reference code of the paper.

    Raises
    ------
    BlindmatchError
        If the off-diagonal entries are all equal: there is no structure to compare.
    """
    off = ~np.eye(len(kernel), dtype=bool)
    values = kernel[off]
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    if not deviation > 1e-12 * np.abs(values).max(initial=0.0):
        raise BlindmatchError(
            f"kernel of {len(kernel)} items: all distances are equal, there is nothing to match by"
        )
    result = np.zeros_like(kernel)
    result[off] = (values - values.mean()) / deviation
    return result


def centre(kernel: np.ndarray) -> np.ndarray:
    """H K H with H = I - 11'/N, scaled to Frobenius norm 1 (Kornblith et al. 2019, section 3).

    The kernel is symmetric, and so is the result, to the last bit.

    Raises
    ------
    BlindmatchError
        If the centred kernel vanishes: all items coincide.
    """
    rows = kernel.mean(axis=1)
    centred = kernel - (rows[:, None] + rows[None, :]) + rows.mean()
    return centred / _checked(np.linalg.norm(centred), kernel)


def centre_rows(kernel: np.ndarray) -> np.ndarray:
    """K H with H = I - 11'/N, scaled by the norm that H K H has; asymmetric.

    The reference code of the paper calls this centred. The sum of the products of entries of two
    such kernels is tr(K H L) where CKA has tr(K H L H), so that identical kernels score above 1.

    Raises
    ------
    BlindmatchError
        If the centred kernel vanishes: all items coincide.
    """
    centred = kernel - kernel.mean(axis=1, keepdims=True)
    return centred / _checked(np.sqrt(max(np.sum(centred * centred.T), 0.0)), kernel)


def _checked(norm: float, kernel: np.ndarray) -> float:
    """The norm of a centred kernel, if that is more than rounding."""
    if not norm > 1e-12 * np.linalg.norm(kernel):
        raise BlindmatchError(f"kernel of {len(kernel)} items: all items coincide")
    return norm


def neighbours(kernel: np.ndarray, k: int) -> np.ndarray:
    """Directed k-nearest-neighbour graph: 1 / sqrt(N k) where column j is among row i's k nearest.

    An item is never its own neighbour; ties go to the lower index.

    Raises
    ------
    BlindmatchError
        If k is not below the number of items.
    """
    size = len(kernel)
    if not 1 <= k < size:
        raise BlindmatchError(f"k: expected 1 ... {size - 1} neighbours among {size}, found {k}")
    distance = -kernel.astype(float)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
    graph = np.zeros_like(distance)
    np.put_along_axis(graph, nearest, 1.0 / np.sqrt(size * k), axis=1)
    return graph
