"""Arrays of a user, checked once: what a quadratic assignment problem is made of."""

from collections.abc import Iterable

import numpy as np

from blindmatch.errors import BlindmatchError


def real_array(name: str, value: object) -> np.ndarray:
    """A read-only copy in float64, C order, of finite real numbers."""
    array = _array(name, value)
    if array.dtype.kind not in "biuf":
        raise BlindmatchError(f"{name}: expected real numbers, found {array.dtype}")
    array = np.array(array, dtype=np.float64, order="C")
    bad = ~np.isfinite(array)
    if bad.any():
        where = np.unravel_index(bad.argmax(), array.shape)
        place = f" at {_place(where)}" if array.ndim else ""
        raise BlindmatchError(f"{name}: expected finite numbers, found {array[where]}{place}")
    array.setflags(write=False)
    return array


def real_number(name: str, value: object) -> float:
    """A finite real number."""
    return float(expect_shape(name, real_array(name, value), ()))


def square_matrices(name: str, value: object) -> np.ndarray:
    """A square matrix or a stack of them."""
    array = _array(name, value)
    if array.ndim not in (2, 3) or array.shape[-2] != array.shape[-1] or array.size == 0:
        raise BlindmatchError(
            f"{name}: expected a square matrix or a stack of them, of one item at least, "
            f"found shape {array.shape}"
        )
    return real_array(name, array)


def expect_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array itself, if it has the shape."""
    if array.shape != shape:
        raise BlindmatchError(f"{name}: expected shape {shape}, found {array.shape}")
    return array


def forbidden_mask(value: object, shape: tuple[int, int]) -> np.ndarray | None:
    """A read-only mask that leaves each row a column of its own; None where all is allowed."""
    mask = expect_shape("forbidden", _array("forbidden", value), shape)
    if mask.dtype != bool:
        raise BlindmatchError(
            f"forbidden: expected true or false for each pair, found {mask.dtype}"
        )
    if not mask.any():
        return None
    _expect_matchable(~mask)
    mask = mask.copy()
    mask.setflags(write=False)
    return mask


def anchor_pairs(
    pairs: Iterable[tuple[int, int]], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of fixed pairs: in range, and none of them twice."""
    array = _array("anchors", list(pairs))
    if array.size == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise BlindmatchError(
            "anchors: expected pairs (row, column) of whole numbers, "
            f"found {array.dtype} of shape {array.shape}"
        )
    for word, numbers, count in zip(("row", "column"), array.T, shape, strict=True):
        outside = (numbers < 0) | (numbers >= count)
        if outside.any():
            raise BlindmatchError(
                f"anchors: expected {word}s 0 ... {count - 1}, found {numbers[outside.argmax()]}"
            )
        often = np.bincount(numbers.astype(np.int64))
        if often.max() > 1:
            raise BlindmatchError(
                f"anchors: expected each {word} at most once, found {word} {often.argmax()} in "
                f"{often.max()} pairs"
            )
    return array[:, 0], array[:, 1]


def _array(name: str, value: object) -> np.ndarray:
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise BlindmatchError(f"{name}: expected an array, found none ({error})") from None


def _place(where: tuple[int, ...]) -> str:
    """Where an entry stands, in words."""
    names = ("row",) if len(where) == 1 else ("term", "row", "column")[3 - len(where) :]
    return ", ".join(f"{name} {index}" for name, index in zip(names, where, strict=True))


def _expect_matchable(allowed: np.ndarray) -> None:
    """Refuse a mask under which some rows have too few columns (Hall's theorem names them)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    partner = maximum_bipartite_matching(csr_array(allowed), perm_type="column")
    if (partner >= 0).all():
        return
    # Rows that an alternating path connects with an unmatched one compete for the same columns.
    rows = np.zeros(len(allowed), dtype=bool)
    grown = np.arange(len(allowed)) == np.argmin(partner)
    while not np.array_equal(rows, grown):
        rows = grown
        columns = allowed[rows].any(axis=0)
        grown = rows | ((partner >= 0) & columns[partner])
    names = ", ".join(map(str, np.flatnonzero(rows)[:10])) + (", ..." if rows.sum() > 10 else "")
    raise BlindmatchError(
        f"forbidden: expected a column for each row, found only {columns.sum()} allowed for "
        f"row{'s' if rows.sum() > 1 else ''} {names}"
    )
