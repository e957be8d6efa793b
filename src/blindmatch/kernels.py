"""Kernels: N prototypes x D -> N x N, within one modality.

A stored kernel is raw, so that a sub-matrix of it is the kernel of a subset of classes; what
depends on the subset (standardising, centring, neighbours) is the metric's `finish`.
"""

import numpy as np

from blindmatch.errors import BlindmatchError


def euclidean(prototypes: np.ndarray) -> np.ndarray:
    """Euclidean distances between rows; symmetric, the diagonal exactly zero."""
    from scipy.spatial.distance import pdist, squareform

    return squareform(pdist(prototypes))


def inner_product(prototypes: np.ndarray) -> np.ndarray:
    """Inner products between rows; symmetric."""
    return prototypes @ prototypes.T


#: The kernels that files can hold, by slug.
KERNELS = {"euclidean": euclidean, "inner-product": inner_product}


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

    Raises
    ------
    BlindmatchError
        If the centred kernel vanishes: all items coincide.
    """
    rows = kernel.mean(axis=1)
    centred = kernel - rows[:, None] - kernel.mean(axis=0)[None, :] + rows.mean()
    norm = np.linalg.norm(centred)
    if not norm > 1e-12 * np.linalg.norm(kernel):
        raise BlindmatchError(f"kernel of {len(kernel)} items: all items coincide")
    return centred / norm


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
