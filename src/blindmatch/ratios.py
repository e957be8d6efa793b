"""How a model stretches distances: ratios to those of a reference (paper, Fig. 9)."""

from collections.abc import Iterator

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.kernels import euclidean
from blindmatch.progress import Report
from blindmatch.prototypes import normalise

#: Upper end of the histogram.
UPPER = 2.0
#: Distances below this share of the mean one are between equal images: no ratio to them.
_EQUAL = 1e-6


def measure_ratios(
    model: np.ndarray,
    reference: np.ndarray,
    *,
    bins: int = 50,
    report: Report | None = None,
) -> Iterator[dict]:
    """Histograms of |f(x) - f(y)| / |g(x) - g(y)| over all pairs of images x, y.

    With the pixels as reference g, a network f maps no two images further apart than the largest
    ratio allows: its empirical Lipschitz constant. If ratios vary little, its distances are those
    of pixels, and what similarity it has to language, they have.

    Ratios are measured twice. Those of *normalised* embeddings, of length 1 on both sides, are the
    paper's: kernels compare normalised vectors, and two models, whose scales are arbitrary, can be
    compared. Those of *raw* embeddings are the Lipschitz constants of the network itself; they are
    given in units of their mean, because their scale depends on how pixels and the network's output
    are scaled.

    Parameters
    ----------
    model, reference : np.ndarray, shapes (N, D) and (N, E)
        Embeddings f and g of the same images.
    bins : int
        Of equal width between 0 and 2.
    report : callable, optional

    Yields
    ------
    dict
        embeddings ("normalised" or "raw"), low and high (ends of the bin), count (pairs in it);
        the same in all rows of a histogram: unit (1, or the mean ratio of raw embeddings), pairs
        (that have a ratio), equal (pairs without one: equal in the reference), above (pairs whose
        ratio is 2 or more), mean, sd and largest ratio, all in that unit.

    Raises
    ------
    BlindmatchError
        If the two sides differ in size or hold less than two images, or all images are equal in
        the reference.
    """
    if len(model) != len(reference) or len(model) < 2:
        raise BlindmatchError(
            "reference: expected as many embeddings as the model has, two at least, "
            f"found {len(reference)} and {len(model)}"
        )
    for name, form in (("normalised", normalise), ("raw", np.asarray)):
        if report is not None:
            report(f"{name} embeddings: distances between {len(model):,} images")
        ratios, equal = _ratios(*(form(side.astype(np.float64)) for side in (model, reference)))
        unit = float(ratios.mean()) if name == "raw" else 1.0
        ratios /= unit if unit else 1.0
        counts, ends = np.histogram(ratios, bins=bins, range=(0.0, UPPER))
        # The last bin of a histogram holds its upper end, too.
        counts[-1] -= np.count_nonzero(ratios == UPPER)
        same = {
            "unit": unit,
            "pairs": len(ratios),
            "equal": equal,
            "above": int(np.count_nonzero(ratios >= UPPER)),
            "mean": float(ratios.mean()),
            "sd": float(ratios.std()),
            "largest": float(ratios.max()),
        }
        for low, high, count in zip(ends[:-1], ends[1:], counts, strict=True):
            row = {"embeddings": name, "low": float(low), "high": float(high), "count": int(count)}
            yield row | same


def _ratios(model: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, int]:
    """Ratio of each pair that has one, and the number of the others."""
    pairs = np.triu_indices(len(model), k=1)
    below = euclidean(reference)[pairs]
    distinct = below > _EQUAL * below.mean()
    if not distinct.any():
        raise BlindmatchError(
            f"reference: expected different images, found {len(model)} equal ones"
        )
    return euclidean(model)[pairs][distinct] / below[distinct], int(np.count_nonzero(~distinct))
