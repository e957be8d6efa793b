"""Splits: which rows are pairs, which are unpaired, and which are held out.

Splits are by class, so that no row of a held-out class is seen in training. Where every image has
texts of its own (captions, one name for each photograph), each image is a class.
"""

import dataclasses

import numpy as np

from blindmatch.errors import BlindmatchError

_SIDES = ("images", "texts")


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of one random split, int64; training rows stand in the order of their taking.

    Attributes
    ----------
    pairs : np.ndarray, shape (training classes, 2)
        Image row and text row, one pair of each training class, in random order of the classes.
    unpaired_images, unpaired_texts : np.ndarray, shapes (any,), (any,)
        From the other end of that order: the first of them stay the same however many pairs are
        taken, and the pairs stay the same however many of them are.
    validation_images, validation_texts, test_images, test_texts : np.ndarray
        All rows of the held-out classes, ascending.
    """

    pairs: np.ndarray
    unpaired_images: np.ndarray
    unpaired_texts: np.ndarray
    validation_images: np.ndarray
    validation_texts: np.ndarray
    test_images: np.ndarray
    test_texts: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Taken:
    """Rows of one training, int64.

    Attributes
    ----------
    pairs : np.ndarray, shape (pairs, 2)
        Image row and text row.
    unpaired_images, unpaired_texts : np.ndarray, shape (unpaired,)
        Each in a random order of its own, so that equal places tell nothing.
    """

    pairs: np.ndarray
    unpaired_images: np.ndarray
    unpaired_texts: np.ndarray


def split_rows(
    image_labels: np.ndarray,
    text_labels: np.ndarray,
    *,
    seed: int,
    draw: int,
    validation: int,
    test: int,
    mode: str = "hidden",
) -> Split:
    """Split images and texts by class, at random.

    One random image and one random text of a training class are its pair. As an unpaired class it
    gives as many images as texts, random ones too, so that both sides hold the classes in equal
    shares, as transport plans with uniform marginals assume.

    Parameters
    ----------
    image_labels, text_labels : np.ndarray, shapes (images,), (texts,)
        Class of each row; both sides have the same classes.
    seed, draw : int
        Not negative; splits of different draws are independent.
    validation, test : int
        Numbers of held-out classes. The test classes do not depend on the number of the others.
    mode : {"hidden", "disjoint"}
        hidden: unpaired images and texts are of the same classes, so each has partners on the other
        side, which nobody tells. disjoint: images are of one half of the training classes, texts
        of the other.

    Raises
    ------
    BlindmatchError
        If a class has rows on one side only, too few classes are left, or the mode is unknown.
    """
    if mode not in ("hidden", "disjoint"):
        raise BlindmatchError(f"mode: expected 'hidden' or 'disjoint', found {mode!r}")
    classes = _common_classes(image_labels, text_labels)
    held_out = test + validation
    if min(test, validation) < 0 or held_out > len(classes) - 2:
        raise BlindmatchError(
            f"validation, test: expected at most {max(0, len(classes) - 2)} of {len(classes)} "
            f"classes to be held out, so that 2 are left, found {validation} and {test}"
        )
    place = np.random.default_rng([seed, draw, len(_SIDES)]).permutation(len(classes))
    images, texts = (
        _Side.of(
            place[np.searchsorted(classes, labels)],
            random_rows(len(labels), seed=seed, draw=draw, side=side),
        )
        for side, labels in enumerate((image_labels, text_labels))
    )
    quota = np.minimum(np.bincount(images.places), np.bincount(texts.places))

    def unpaired(side: _Side, parity: int) -> np.ndarray:
        chosen = (side.places >= held_out) & (side.turns < quota[side.places])
        if mode == "disjoint":
            chosen &= (len(classes) - side.places) % 2 == parity
        return side.rows[chosen][::-1]

    return Split(
        pairs=np.stack([side.first(held_out) for side in (images, texts)], axis=1),
        unpaired_images=unpaired(images, 1),
        unpaired_texts=unpaired(texts, 0),
        validation_images=images.between(test, held_out),
        validation_texts=texts.between(test, held_out),
        test_images=images.between(0, test),
        test_texts=texts.between(0, test),
    )


def take(
    split: Split,
    image_labels: np.ndarray,
    text_labels: np.ndarray,
    pair_count: int,
    unpaired_count: int,
) -> Taken:
    """The first pairs of a split and the first unpaired rows of each side.

    Fewer are always a part of more, so curves compare nested sets.

    Parameters
    ----------
    split : Split
    image_labels, text_labels : np.ndarray, shapes (images,), (texts,)
        As they were split.
    pair_count, unpaired_count : int

    Raises
    ------
    BlindmatchError
        If there are fewer, or an unpaired row would be of a paired class.
    """
    if not 0 <= pair_count <= len(split.pairs):
        raise BlindmatchError(
            f"pair_count: expected at most {len(split.pairs)}, one for each training class, "
            f"found {pair_count}"
        )
    pairs = split.pairs[:pair_count]
    sides = (split.unpaired_images, image_labels), (split.unpaired_texts, text_labels)
    paired = np.asarray(image_labels)[pairs[:, 0]]
    taken = []
    for side, (rows, labels) in enumerate(sides):
        overlap = np.isin(np.asarray(labels)[rows], paired)
        most = int(overlap.argmax()) if overlap.any() else len(rows)
        if not 0 <= unpaired_count <= most:
            raise BlindmatchError(
                f"unpaired_count: expected at most {most} {_SIDES[side]} of classes without one of "
                f"the {pair_count} pairs, found {unpaired_count}"
            )
        order = random_rows(len(labels), seed=0, draw=0, side=side)
        taken.append(order[np.isin(order, rows[:unpaired_count])])
    return Taken(pairs, *taken)


def random_rows(rows: int, *, seed: int, draw: int, side: int) -> np.ndarray:
    """All row numbers of one side in random order, shape (rows,), int64.

    Parameters
    ----------
    rows : int
    seed, draw : int
        Not negative.
    side : {0, 1}
        Images or texts, whose orders are independent.
    """
    return np.random.default_rng([seed, draw, side]).permutation(rows)


@dataclasses.dataclass(frozen=True, eq=False)
class _Side:
    """Rows of one side, grouped by the places of their classes.

    Attributes
    ----------
    rows : np.ndarray
        In random order within a class.
    places : np.ndarray
        Place of each row's class in the random order of classes, ascending.
    turns : np.ndarray
        How many rows of the class come before.
    """

    rows: np.ndarray
    places: np.ndarray
    turns: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray, order: np.ndarray) -> "_Side":
        """From the place of each row's class, and a random order of the rows."""
        rows = order[np.argsort(places[order], kind="stable")]
        grouped = places[rows]
        return cls(rows, grouped, np.arange(len(rows)) - np.searchsorted(grouped, grouped))

    def first(self, start: int) -> np.ndarray:
        """The first row of each class from place `start` on."""
        return self.rows[(self.places >= start) & (self.turns == 0)]

    def between(self, start: int, stop: int) -> np.ndarray:
        """All rows of the classes from place `start` to before `stop`, ascending."""
        return np.sort(self.rows[(self.places >= start) & (self.places < stop)])


def _common_classes(image_labels: np.ndarray, text_labels: np.ndarray) -> np.ndarray:
    classes, others = np.unique(image_labels), np.unique(text_labels)
    alone = np.setxor1d(classes, others)
    if len(alone):
        there, lacking = _SIDES if alone[0] in classes else reversed(_SIDES)
        raise BlindmatchError(
            f"labels: expected images and texts of the same classes, found {there} and no "
            f"{lacking} of class {alone[0]}"
        )
    return classes
