"""Clusterings, one file each: images without labels -> clusters, which matching then names."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.registry import Registry, absent


class Clustering:
    """What every clustering is: a frozen dataclass of options, derived from this class.

    Attributes
    ----------
    requires : dict
        Import name -> what to install, for packages that not everyone has.
    """

    requires: ClassVar[Mapping[str, str]] = {}

    def assign(self, embeddings: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
        """The cluster of each row, shape (rows,), integers 0 ... clusters - 1.

        Called by `find_clusters`, which checks what goes in and what comes out. Same embeddings and
        seed, same clusters.

        Parameters
        ----------
        embeddings : np.ndarray, shape (rows, D)
            As the model gives them: not normalised.
        clusters : int
        seed : int
            0 ... 2^32 - 1.
        """
        raise NotImplementedError


clusterings = Registry("clustering", __name__)


def require_installed(clustering: Clustering) -> None:
    """Refuse a clustering whose packages are not installed.

    Raises
    ------
    BlindmatchError
        Naming the packages and how to install them.
    """
    lacking = absent(type(clustering))
    if lacking:
        raise BlindmatchError(f"{type(clustering).__name__}: {lacking}")


def find_clusters(
    clustering: Clustering, embeddings: np.ndarray, clusters: int, *, seed: int
) -> np.ndarray:
    """The cluster of each row, shape (rows,), int32; no cluster is empty.

    One thread only, so that sums, and with them the clusters, do not depend on how many there are.

    Parameters
    ----------
    clustering : Clustering
    embeddings : np.ndarray, shape (rows, D)
    clusters : int
        How many to find.
    seed : int
        0 ... 2^32 - 1.

    Raises
    ------
    BlindmatchError
        If a package is missing, there are not more rows than clusters, or a cluster stays empty.
    """
    require_installed(clustering)
    if not 2 <= clusters < len(embeddings):
        raise BlindmatchError(
            f"clusters: expected 2 ... {len(embeddings) - 1} for {len(embeddings)} embeddings, "
            f"found {clusters}; a cluster is of several images"
        )
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        assignment = clustering.assign(embeddings, clusters, seed=seed).astype(np.int32)
    empty = np.setdiff1d(np.arange(clusters), assignment)
    if len(empty):
        raise BlindmatchError(
            f"{type(clustering).__name__}: expected {clusters} clusters of {len(embeddings)} "
            f"embeddings, found {clusters - len(empty)} with a member; try another clustering"
        )
    return assignment
