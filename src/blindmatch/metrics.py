"""Metrics: how a vision kernel and a language kernel are compared. Metric = kernel + loss."""

import dataclasses
from typing import ClassVar

import numpy as np

from blindmatch.kernels import centre, centre_rows, neighbours, standardise
from blindmatch.losses import KULLBACK_LEIBLER, NEGATIVE_PRODUCT, SQUARED, Loss
from blindmatch.registry import Registry

metrics = Registry("metric", __name__)


@dataclasses.dataclass(frozen=True)
class Metric:
    """A stored kernel, what is done to it for a set of classes, and a loss.

    A subclass names its `kernel` (a key of `kernels.KERNELS`) and `loss`, and says in `finish` how
    the kernel of a set of classes becomes the matrix that the loss compares.

    Attributes
    ----------
    kernel : str
        What is stored, and computed from the prototypes.
    loss : Loss
        What compares two entries.
    symmetric : bool
        Whether the matrices that are compared equal their transposes.
    distance : bool
        Whether the cost is a distance, 0 for identical inputs, on a scale that depends on the
        models; otherwise it is the negative of a similarity.
    """

    kernel: ClassVar[str]
    loss: ClassVar[Loss]
    symmetric: ClassVar[bool] = True
    distance: ClassVar[bool] = False

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        """The matrix that is compared, from the raw kernel of the classes in question."""
        raise NotImplementedError

    def pair(
        self, vision: np.ndarray, language: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both finished matrices of a subset of classes, in the order of `classes`.

        Parameters
        ----------
        vision, language : np.ndarray, shape (C, C)
            Raw kernels of all classes.
        classes : np.ndarray of int, shape (N,)
        """
        chosen = np.ix_(classes, classes)
        return self.finish(vision[chosen]), self.finish(language[chosen])

    def reported(self, cost: float, size: int) -> float:
        """Cost in the unit of the tables: per pair of classes, GW / N^2 as in the paper."""
        return cost / size**2

    def distortion(self, vision: np.ndarray, language: np.ndarray) -> np.ndarray:
        """Loss between corresponding entries of two raw kernels, shape (C, C).

        What subset selection sums up; both kernels are finished over all classes first.
        """
        return self.loss.direct(self.finish(vision), self.finish(language))


@dataclasses.dataclass(frozen=True)
class _Distances(Metric):
    """Euclidean distances; the language kernel is standardised over all classes, as in the paper.

    That choice does not move the optimal permutation, but it does move the reported cost.

    Parameters
    ----------
    standardised : bool
        Scale distances to mean 0 and standard deviation 1 first; where scores of different models
        are not compared (shuffling, ablation), the paper leaves them as they are.
    """

    kernel = "euclidean"

    standardised: bool = True

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        return standardise(kernel) if self.standardised else kernel

    def pair(
        self, vision: np.ndarray, language: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        chosen = np.ix_(classes, classes)
        return self.finish(vision[chosen]), self.finish(language)[chosen]


@metrics.register("gw")
@dataclasses.dataclass(frozen=True)
class GromovWasserstein(_Distances):
    """Squared differences of distances (paper, eq. 2; Memoli 2011)."""

    loss = SQUARED
    distance = True


@metrics.register("inner-product")
@dataclasses.dataclass(frozen=True)
class InnerProduct(_Distances):
    """Negative inner product of distances: the ablation's metric."""

    loss = NEGATIVE_PRODUCT


class _Similarity(Metric):
    """A similarity; its negative is the cost, reported as it is."""

    kernel = "inner-product"
    loss = NEGATIVE_PRODUCT

    def reported(self, cost: float, size: int) -> float:
        return cost


@metrics.register("cka")
@dataclasses.dataclass(frozen=True)
class CentredKernelAlignment(_Similarity):
    """Linear CKA of the prototypes: 1 for identical inputs (Kornblith et al. 2019, eq. 3)."""

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        return centre(kernel)


@metrics.register("cka-reference")
@dataclasses.dataclass(frozen=True)
class ReferenceAlignment(_Similarity):
    """What the reference code of the paper calls CKA, to compare with its numbers; not CKA.

    Prototypes are scaled to standard deviation 1, the kernel is centred by rows alone
    (`kernels.centre_rows`), and products are taken entry by entry. As the matrices are asymmetric,
    that is not the published score: it is not 1 for identical inputs.

    Parameters
    ----------
    standardised : bool
        Drop the diagonal and standardise the rest, as the reference code does before it matches
        (Tab. 3); without, as in its shuffling study.
    """

    kernel = "scaled-inner-product"
    symmetric = False

    standardised: bool = True

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        centred = centre_rows(kernel)
        return standardise(centred) if self.standardised else centred

    def reported(self, cost: float, size: int) -> float:
        """Per pair of classes where entries are standardised, else the sum."""
        return cost / size**2 if self.standardised else cost


@metrics.register("mutual-knn")
@dataclasses.dataclass(frozen=True)
class MutualNearestNeighbours(_Similarity):
    """Share of common neighbours among the k nearest (Huh et al. 2024, appendix A).

    Parameters
    ----------
    k : int
        Neighbours of each item; an item is never its own neighbour.
    """

    symmetric = False

    k: int = 10

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        return neighbours(kernel, self.k)


@metrics.register("kl")
@dataclasses.dataclass(frozen=True)
class KullbackLeibler(Metric):
    """Kullback-Leibler divergence between Gaussian kernels of total mass 1.

    The bandwidth is the median distance, so that every entry is positive, the diagonal too.
    """

    kernel = "euclidean"
    loss = KULLBACK_LEIBLER
    distance = True

    def finish(self, kernel: np.ndarray) -> np.ndarray:
        bandwidth = np.median(kernel[~np.eye(len(kernel), dtype=bool)])
        affinity = np.exp(-((kernel / bandwidth) ** 2) / 2)
        return affinity / affinity.sum()

    def reported(self, cost: float, size: int) -> float:
        return cost
