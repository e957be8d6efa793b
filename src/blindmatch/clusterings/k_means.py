"""k-means: the clustering of the paper."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from blindmatch.clusterings import Clustering, clusterings
from blindmatch.prototypes import normalise


@clusterings.register("k-means")
@dataclasses.dataclass(frozen=True)
class KMeans(Clustering):
    """Lloyd's algorithm from k-means++ starts; the best of several (paper, Tab. 2).

    Arthur and Vassilvitskii 2007, as scikit-learn implements it.

    Parameters
    ----------
    starts : int
        The start with the smallest sum of squared distances wins; 100 in the paper.
    normalised : bool
        Scale embeddings to length 1 first, so that angles count and lengths do not. The paper does
        not.
    """

    starts: int = 100
    normalised: bool = False

    requires: ClassVar[Mapping[str, str]] = {"sklearn": "'blindmatch[cluster]'"}

    def assign(self, embeddings: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
        """See `blindmatch.clusterings.Clustering`."""
        from sklearn import cluster
        from sklearn.exceptions import ConvergenceWarning

        points = normalise(embeddings) if self.normalised else embeddings
        estimator = cluster.KMeans(clusters, n_init=self.starts, random_state=seed)
        with warnings.catch_warnings():
            # Fewer distinct points than clusters: `find_clusters` says so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return estimator.fit_predict(points)
