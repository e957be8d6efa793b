"""The rounds of one draw of alignment without pairs: no label comes in here."""

import dataclasses
import time
from collections.abc import Iterator

import numpy as np
import torch

from blindmatch.alignment._sinkhorn import plan
from blindmatch.alignment.methods import Method
from blindmatch.alignment.teachers import Teacher
from blindmatch.alignment.training import fit
from blindmatch.clusterings import Clustering, find_clusters
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.matching import match_draws
from blindmatch.metrics import Metric
from blindmatch.progress import Progress, Report
from blindmatch.prototypes import class_means, normalise
from blindmatch.settings import TrainingSettings
from blindmatch.solvers import Solver

#: Entropic regularisation of the plan by which images get names: cosines, and shares of votes,
#: differ by some tenths.
_EPSILON = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Round:
    """Names of the images, found without a label.

    Attributes
    ----------
    clusters : np.ndarray, shape (images,)
    names : np.ndarray, shape (classes,)
        Of the clusters, by a blind matching.
    cost : float
        Of the matching, in the metric's unit.
    aligned : np.ndarray, shape (images,), or None
        Names that the aligned spaces gave; None before there were any.
    seconds : float
    """

    clusters: np.ndarray
    names: np.ndarray
    cost: float
    aligned: np.ndarray | None
    seconds: float

    @property
    def named(self) -> np.ndarray:
        """Name of each image, shape (images,)."""
        return self.names[self.clusters]


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """What all rounds of a draw have in common; attributes as for `blind.align_blindly`."""

    embeddings: np.ndarray
    prompts: np.ndarray
    prompt_labels: np.ndarray
    metric: Metric
    solver: Solver
    method: Method
    teacher: Teacher | None
    settings: TrainingSettings
    part: int
    seed: int
    report: Report | None

    @property
    def classes(self) -> int:
        """How many names there are."""
        return int(self.prompt_labels.max()) + 1

    def rounds(self, clusters: np.ndarray, first: np.ndarray | None, most: int) -> Iterator[Round]:
        """Round 0 is the plain matching of `clusters`; the others refine.

        It ends early where no image gets another name, and where a name has no image left.

        Parameters
        ----------
        clusters : np.ndarray, shape (images,)
        first : np.ndarray, shape (images,), or None
            Names from which round 1 starts; None: those of round 0.
        most : int
            Rounds after round 0.
        """
        start = time.monotonic()
        last = self._matched(clusters)
        yield dataclasses.replace(last, seconds=time.monotonic() - start)
        named = last.named if first is None else first
        for number in range(1, most + 1):
            start = time.monotonic()
            aligned = self.align(named, number)
            if aligned is None:
                return
            last = self._matched(aligned)
            yield dataclasses.replace(last, aligned=aligned, seconds=time.monotonic() - start)
            if np.array_equal(last.named, named):
                return
            named = last.named

    def _matched(self, clusters: np.ndarray) -> Round:
        names, cost = self.match(class_means(self.embeddings, clusters, self.classes))
        return Round(clusters, names, cost, None, 0.0)

    def match(self, prototypes: np.ndarray) -> tuple[np.ndarray, float]:
        """Blind names of clusters, shape (classes,), and the cost of the matching.

        Parameters
        ----------
        prototypes : np.ndarray, shape (classes, D)
            Unit rows, one for each cluster.
        """
        kernel = self.metric.kernel
        names = class_means(self.prompts, self.prompt_labels, self.classes)
        row = next(
            match_draws(
                {kernel: KERNELS[kernel](prototypes)[None]},
                {kernel: KERNELS[kernel](names)},
                metrics={"": self.metric},
                solver=self.solver,
                seeds=np.array([self.seed]),
                paired=False,
            )
        )
        if not row["permutation"]:
            raise BlindmatchError(f"solver: expected a matching of clusters, found {row['status']}")
        return np.array(row["permutation"], dtype=np.int64), row["reported_cost"]

    def align(self, named: np.ndarray, number: int) -> np.ndarray | None:
        """Names that aligned spaces give the images, shape (images,); None if one has no image.

        Parameters
        ----------
        named : np.ndarray, shape (images,)
            The mean of the images of a name and the mean of its prompts make a pseudo-pair: one for
            each name, so that no pair of a class is another's negative.
        number : int
            Of the round.
        """
        if not self._complete(named):
            return None
        aligned = fit(
            self.method,
            class_means(self.embeddings, named, self.classes),
            class_means(self.prompts, self.prompt_labels, self.classes),
            self.embeddings[self._part("images", number)],
            self.prompts,
            settings=self.settings,
            teacher=self.teacher,
            seed=self.seed,
            report=self.report,
        )
        names = class_means(aligned.texts(self.prompts), self.prompt_labels, self.classes)
        found = assign(aligned.images(self.embeddings) @ names.T)
        return found if self._complete(found) else None

    def refined(self, named: np.ndarray, count: int) -> np.ndarray:
        """Names of the images after some rounds without matching, shape (images,)."""
        for number in range(1, count + 1):
            found = self.align(named, number)
            if found is None:
                break
            named = found
        return named

    def _complete(self, named: np.ndarray) -> bool:
        return len(np.unique(named)) == self.classes

    def blind_names(self, clustering: Clustering, count: int, purpose: str) -> np.ndarray:
        """Names of the images by blind matchings of other clusterings, shape (count, images).

        Each clusters a random part of the images; the others go to the nearest centroid.
        """
        if "starts" in {field.name for field in dataclasses.fields(clustering)}:
            # The mistakes of single starts differ, which is what a vote lives on.
            clustering = dataclasses.replace(clustering, starts=1)
        named = np.empty((count, len(self.embeddings)), dtype=np.int64)
        progress = Progress("matched", f"clusterings ({purpose})", count, report=self.report)
        for number in range(count):
            members = self.embeddings[self._part(purpose, number)]
            seed = int(self._random(purpose, number).integers(2**32))
            found = find_clusters(clustering, members, self.classes, seed=seed)
            centroids = np.stack(
                [members[found == each].mean(axis=0) for each in range(self.classes)]
            )
            lengths = np.sum(centroids**2, axis=1)
            clusters = (lengths - 2 * self.embeddings @ centroids.T).argmin(axis=1)
            named[number] = self.match(normalise(centroids.astype(np.float64)))[0][clusters]
            progress.advance()
        return named

    def _part(self, purpose: str, number: int) -> np.ndarray:
        """Numbers of some images, drawn anew for each purpose and number."""
        return self._random(purpose, number).permutation(len(self.embeddings))[: self.part]

    def _random(self, purpose: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *purpose.encode(), number])


def assign(affinity: np.ndarray) -> np.ndarray:
    """A name for each image, such that all names occur about equally often, shape (images,).

    That for which the entropic plan of the affinity, shape (images, classes), has most mass.
    """
    return plan(torch.from_numpy(affinity), _EPSILON).argmax(dim=1).numpy()
