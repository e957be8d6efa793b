"""A Gaussian mixture in a low-dimensional map of the embeddings."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from blindmatch.clusterings import Clustering, clusterings


@clusterings.register("umap-mixture")
@dataclasses.dataclass(frozen=True)
class UmapMixture(Clustering):
    """UMAP by angles into a few dimensions, then a Gaussian mixture there.

    UMAP pulls clusters together that k-means cuts apart (McInnes, Healy and Melville 2018); with
    the mixture it is the second half of N2D (McConville et al. 2021), whose first half, the
    embedding, comes from the model here.

    Parameters
    ----------
    dimensions : int
        Of the map; fewer than images in a cluster, or the mixture cannot tell their spread.
    neighbours : int
        Of each image, for the map.
    starts : int
        Of the mixture; the likeliest wins.
    """

    dimensions: int = 10
    neighbours: int = 20
    starts: int = 10

    requires: ClassVar[Mapping[str, str]] = {
        "sklearn": "'blindmatch[cluster]'",
        "umap": "'blindmatch[cluster]'",
    }

    def assign(self, embeddings: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
        """See `blindmatch.clusterings.Clustering`."""
        from sklearn.mixture import GaussianMixture
        from umap import UMAP

        with warnings.catch_warnings():
            # Neighbours are cut to the number of images, threads to one: both are meant.
            warnings.filterwarnings("ignore", "n_(neighbors|jobs)", UserWarning)
            points = UMAP(
                n_neighbors=self.neighbours,
                n_components=self.dimensions,
                min_dist=0.0,
                metric="cosine",
                random_state=seed,
            ).fit_transform(embeddings)
        mixture = GaussianMixture(clusters, n_init=self.starts, random_state=seed)
        return mixture.fit_predict(points.astype(np.float64))
