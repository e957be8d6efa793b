"""The user's own embeddings: files of numbers, no images and no texts."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._loader import Loader, given_names
from blindmatch.datasets._tables import Table, read_labels, read_table
from blindmatch.errors import BlindmatchError
from blindmatch.registry import nearest

if TYPE_CHECKING:
    from PIL.Image import Image


@loaders.register("embeddings")
class Embeddings(Loader):
    """Embeddings that exist already, one file per model.

    Rows of vision files have a class each: from the file `labels`; or from labels inside a vision
    file; or else row i is class i. Language files have a row per class, in the order of the
    classes or with labels inside that say which.

    Classes are in the order of `class_names`; without it, labels that are whole numbers count
    from 0, and other labels are sorted.
    """

    @functools.cached_property
    def _tables(self) -> dict[str, Table]:
        if not self.settings.embeddings:
            raise BlindmatchError(f"datasets.{self.slug}.embeddings: names no file")
        return {model: read_table(path) for model, path in self.settings.embeddings.items()}

    def _list(self) -> Index:
        where, tables = f"dataset {self.slug!r}", list(self._tables.values())
        inside = [table.labels for table in tables if table.labels is not None]
        # A language file holds a class once: labels that repeat are those of vision rows.
        repeated = [labels for labels in inside if len(set(labels)) < len(labels)]
        labels = next(iter(repeated), None)
        if self.settings.labels is not None:
            labels = read_labels(self.settings.labels)
        names = given_names(self.settings, dataset=self.slug)
        if names is None:
            rows = [str(row) for row in range(len(tables[0].embeddings))]
            names = _names_of(labels or next(iter(inside), rows), where)
        numbers = np.arange(len(names)) if labels is None else _numbers(labels, names, where)
        index = Index([str(row) for row in range(len(numbers))], numbers, names)
        for model in self._tables:
            self._arranged(model, index)
        return index

    def embeddings(self, model: str) -> np.ndarray:
        """Embeddings of one model, shape (rows, dimension): by vision row, or by class.

        Raises
        ------
        BlindmatchError
            If the model has no file, or its rows do not fit the classes.
        """
        if model not in self.settings.embeddings:
            raise BlindmatchError(
                f"datasets.{self.slug}.embeddings: no file of {model!r}"
                + nearest(model, self.settings.embeddings)
            )
        return self._arranged(model, self.index())

    def _arranged(self, model: str, index: Index) -> np.ndarray:
        """Embeddings in the order of the index's rows or of its classes."""
        table, where = self._tables[model], str(self.settings.embeddings[model])
        rows, classes = len(table.embeddings), len(index.class_names)
        if table.labels is None:
            if rows not in (len(index.keys), classes):
                per_row = f"{len(index.keys)} (one per label) or " * (len(index.keys) != classes)
                raise BlindmatchError(
                    f"{where}: has {rows} rows, expected {per_row}{classes} (one per class)"
                )
            return table.embeddings
        numbers = _numbers(table.labels, index.class_names, where)
        missing = sorted(set(range(classes)) - set(numbers.tolist()))
        once = rows == classes and not missing
        if np.array_equal(numbers, index.labels) and not once:
            return table.embeddings
        if not once:
            detail = f": {index.class_names[missing[0]]!r} has no row" if missing else ""
            raise BlindmatchError(
                f"{where}: its labels are neither those of the vision rows nor each of the "
                f"{classes} classes once{detail}"
            )
        if len(index.keys) == classes and (np.diff(index.labels) < 0).any():
            raise BlindmatchError(
                f"{where}: holds labels, and so does datasets.{self.slug}.labels, with each class "
                "once; expected one or the other"
            )
        return table.embeddings[np.argsort(numbers)]

    def image(self, row: int) -> "Image":
        raise BlindmatchError(f"dataset {self.slug!r} holds embeddings only, no images")


def _names_of(labels: list[str], where: str) -> list[str]:
    """Class names for labels: 0 to the largest number, or the different texts, sorted."""
    if not all(label.isdecimal() for label in labels):
        return sorted(set(labels))
    largest = max(map(int, labels), default=-1)
    if largest >= len(labels):
        raise BlindmatchError(
            f"{where}: label {largest} among {len(labels)} rows; numbers count from 0 without gaps"
        )
    return [str(number) for number in range(largest + 1)]


def _numbers(labels: list[str], names: list[str], where: str) -> np.ndarray:
    """Class of each label, which is a class name or, where none is, the number of a class."""
    positions = {name: number for number, name in enumerate(names)}
    if not set(labels) & set(names):
        positions = {str(number): number for number in range(len(names))}
    for row, label in enumerate(labels):
        if label not in positions:
            raise BlindmatchError(
                f"{where}: label {label!r} of row {row} is none of the {len(names)} classes"
                + nearest(label, names)
            )
    return np.array([positions[label] for label in labels], dtype=np.int64)
