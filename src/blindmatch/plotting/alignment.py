"""The kernels of both sides, one in the order of the other: what a matching makes of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.style import LOOK, save

#: Names are written beside the rows as long as they can be read.
_MOST_NAMES = 25


def draw_alignment(
    vision: np.ndarray,
    language: np.ndarray,
    permutation: np.ndarray,
    outputs: Iterable[str | Path],
    *,
    title: str,
    labels: tuple[str, str] = ("vision", "language"),
    names: tuple[Sequence[str] | None, Sequence[str] | None] = (None, None),
    product: bool = False,
) -> None:
    """Three panels: the first kernel, the second in matched order, and how they compare.

    Rows are ordered by average-linkage clustering of the first kernel, so that its groups show;
    unmatched ones are left out. Colours reach from the 1st to the 99th percentile.

    Parameters
    ----------
    vision, language : np.ndarray, shapes (N, N) and (M, M)
    permutation : np.ndarray, shape (N,)
        Column of each row, -1 for unmatched ones.
    outputs : iterable of path-like
        One file for each, format by suffix.
    title : str
    labels : pair of str
        What the two kernels are called.
    names : pair of (sequence of str or None)
        Names of the items of each side.
    product : bool
        Compare by the products of entries, whose sum is a problem's cost, instead of differences.

    Raises
    ------
    BlindmatchError
        If nothing is matched.
    """
    rows = np.flatnonzero(permutation >= 0)
    if not len(rows):
        raise BlindmatchError(f"{title}: expected matched rows to draw, found none")
    rows = rows[_by_clusters(vision[np.ix_(rows, rows)])]
    columns = permutation[rows]
    first, second = vision[np.ix_(rows, rows)], language[np.ix_(columns, columns)]
    compared = first * second if product else first - second
    sign = "×" if product else "−"
    heads = [labels[0], f"{labels[1]}, matched order", f"{labels[0]} {sign} {labels[1]}"]
    limits = [_limits(first), _limits(second), _symmetric(_limits(compared))]
    if not product:
        limits[:2] = [(min(limits[0][0], limits[1][0]), max(limits[0][1], limits[1][1]))] * 2
    with matplotlib.rc_context(LOOK):
        figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.2), layout="constrained")
        colours = ("viridis", "viridis", "RdBu_r")
        for each, matrix, head, limit, colour in zip(
            axes, (first, second, compared), heads, limits, colours, strict=True
        ):
            image = each.imshow(matrix, cmap=colour, vmin=limit[0], vmax=limit[1])
            each.set(title=head, xticks=[], yticks=[])
            figure.colorbar(image, ax=each, orientation="horizontal", shrink=0.9, extend="both")
        for each, known, shown in zip(axes, names, (rows, columns), strict=False):
            if known is not None and len(shown) <= _MOST_NAMES:
                each.set_yticks(range(len(shown)), [known[item] for item in shown], fontsize=6)
        count = f"n = {len(rows)} of {len(permutation)} matched, in order of clusters"
        figure.suptitle(f"{title}; {count}", fontsize=9)
        save(figure, outputs)


def _by_clusters(matrix: np.ndarray) -> np.ndarray:
    """An order in which similar rows stand together."""
    if len(matrix) < 3:
        return np.arange(len(matrix))
    return leaves_list(linkage(pdist(matrix), "average"))


def _limits(matrix: np.ndarray) -> tuple[float, float]:
    """Ends of a colour scale that a few extreme entries cannot stretch."""
    low, high = np.percentile(matrix, [1, 99])
    return (low, high) if low < high else (low - 1.0, high + 1.0)


def _symmetric(limits: tuple[float, float]) -> tuple[float, float]:
    end = max(map(abs, limits))
    return -end, end
