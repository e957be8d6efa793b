"""Spectral clustering of the graph of nearest neighbours."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from blindmatch.clusterings import Clustering, clusterings
from blindmatch.errors import BlindmatchError


@clusterings.register("spectral")
@dataclasses.dataclass(frozen=True)
class Spectral(Clustering):
    """Normalised cut of the graph that joins each image to those at the smallest angles.

    The eigenvectors of the normalised Laplacian (von Luxburg 2007) are rounded to clusters by a
    pivoted QR decomposition, which needs no starts (Damle, Minden and Ying 2019), as scikit-learn
    implements it.

    Parameters
    ----------
    neighbours : int
        Of each image, itself included; a cluster should hold more.
    """

    neighbours: int = 10

    requires: ClassVar[Mapping[str, str]] = {"sklearn": "'blindmatch[cluster]'"}

    def assign(self, embeddings: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
        """See `blindmatch.clusterings.Clustering`.

        Raises
        ------
        BlindmatchError
            If there are fewer images than neighbours.
        """
        from sklearn.cluster import SpectralClustering
        from sklearn.neighbors import kneighbors_graph

        if not 2 <= self.neighbours <= len(embeddings):
            raise BlindmatchError(
                f"neighbours: expected 2 ... {len(embeddings)} for {len(embeddings)} embeddings, "
                f"found {self.neighbours}"
            )
        directed = kneighbors_graph(
            embeddings, self.neighbours, metric="cosine", mode="connectivity", include_self=True
        )
        estimator = SpectralClustering(
            clusters, affinity="precomputed", assign_labels="cluster_qr", random_state=seed
        )
        with warnings.catch_warnings():
            # A graph in several pieces is well: pieces are clusters.
            warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
            return estimator.fit_predict((directed + directed.T) / 2)
