"""What every loader shares: checks, class names, prompts."""

import fnmatch
import functools
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from blindmatch.datasets import Index
from blindmatch.datasets.download import verify
from blindmatch.errors import BlindmatchError
from blindmatch.reading import is_writable, one_line, read_lines
from blindmatch.settings import DatasetSettings


class Loader:
    """Base of the loaders: subclasses say how rows are listed (`_list`) and read (`image`).

    Nothing is opened before it is needed. A pickled loader travels as its three arguments, so
    that every worker process opens its own files.

    Parameters
    ----------
    slug : str
    settings : DatasetSettings
    folder : path-like
        Where the files of `settings.sources` lie, ``resources/datasets/{dataset}``.
    """

    def __init__(self, slug: str, settings: DatasetSettings, folder: str | Path) -> None:
        self.slug = slug
        self.settings = settings
        self.folder = Path(folder)

    def __reduce__(self):
        return type(self), (self.slug, self.settings, self.folder)

    def _list(self) -> Index:
        raise NotImplementedError

    @functools.cached_property
    def _listed(self) -> Index:
        return self._list()

    @functools.cached_property
    def _checked(self) -> Index:
        for name, source in self.settings.sources.items():
            verify(self.folder / name, source, dataset=self.slug)
        check_index(self._listed, dataset=self.slug, classes=self.settings.classes)
        return self._listed

    def index(self) -> Index:
        """Rows, labels and class names; source files are verified first.

        Raises
        ------
        BlindmatchError
            If a file is missing or differs from its checksum, or the contents make no sense.
        """
        return self._checked

    def prompts(self) -> list[list[str]]:
        """The class names in every template of the settings, one list per class."""
        return [self._fill([name]) for name in self.index().class_names]

    def _fill(self, texts: Iterable[str]) -> list[str]:
        prompts = [
            template.replace("{}", text) for text in texts for template in self.settings.prompts
        ]
        for prompt in prompts:
            _check_text(f"dataset {self.slug!r}", "prompt", prompt)
        return prompts

    def _source(self, pattern: str) -> Path:
        """The one source file whose name fits a pattern such as "*.zip"."""
        names = fnmatch.filter(self.settings.sources, pattern)
        if len(names) != 1:
            raise BlindmatchError(
                f"datasets.{self.slug}.sources: expected one file {pattern}, "
                f"found {', '.join(names) or 'none'}"
            )
        return self.folder / names[0]

    def _own_path(self, what: str) -> Path:
        """The folder or file that the user named as `path`."""
        if self.settings.path is None:
            raise BlindmatchError(f"datasets.{self.slug}.path: not set; expected {what}")
        path = Path(self.settings.path).expanduser()
        if not path.exists():
            raise BlindmatchError(
                f"datasets.{self.slug}.path: {path} does not exist; expected {what}"
            )
        return path


def check_index(index: Index, *, dataset: str, classes: int | None = None) -> None:
    """Refuse an index whose labels, class names or keys make no sense.

    Parameters
    ----------
    index : Index
    dataset : str
        Slug, for messages.
    classes : int, optional
        The number of classes that the configuration promises.

    Raises
    ------
    BlindmatchError
        Wrong number of labels or classes, labels out of range, a class without rows, class names
        or keys that are empty or stand twice.
    """
    where, names = f"dataset {dataset!r}", index.class_names
    if len(index.labels) != len(index.keys):
        raise BlindmatchError(f"{where}: {len(index.labels)} labels for {len(index.keys)} rows")
    if len(names) < 2:
        raise BlindmatchError(f"{where}: expected at least 2 classes, found {len(names)}")
    if classes is not None and len(names) != classes:
        raise BlindmatchError(f"{where}: expected {classes} classes, found {len(names)}")
    for kind, values in (("class name", names), ("key", index.keys)):
        _check_names(where, kind, values)
    outside = (index.labels < 0) | (index.labels >= len(names))
    if outside.any():
        row = int(outside.argmax())
        raise BlindmatchError(
            f"{where}: row {row} has label {int(index.labels[row])}, expected 0 to {len(names) - 1}"
        )
    counts = np.bincount(index.labels, minlength=len(names))
    if not counts.all():
        raise BlindmatchError(
            f"{where}: empty class {names[int(counts.argmin())]!r}: it has no rows"
        )


def _check_names(where: str, kind: str, values: Sequence[str]) -> None:
    seen = set()
    for number, value in enumerate(values):
        if not value.strip():
            raise BlindmatchError(f"{where}: {kind} {number} is empty")
        _check_text(where, kind, value)
        if value in seen:
            raise BlindmatchError(f"{where}: {kind} {value!r} stands twice")
        seen.add(value)


def _check_text(where: str, kind: str, value: str) -> None:
    """Refuse what a cache could not keep: HDF5 ends a text at a zero byte."""
    if not is_writable(value):
        raise BlindmatchError(
            f"{where}: {kind} {one_line(ascii(value))} holds a zero byte or half a character, "
            "expected a text that UTF-8 can write"
        )


def given_names(settings: DatasetSettings, *, dataset: str) -> list[str] | None:
    """Class names that the user gave as a list or as a text file with a name a line.

    Raises
    ------
    BlindmatchError
        If the file cannot be read.
    """
    given = settings.class_names
    if given is None or isinstance(given, list):
        return given
    try:
        lines = read_lines(Path(given).expanduser())
    except BlindmatchError as error:
        raise BlindmatchError(f"datasets.{dataset}.class_names: {error}") from None
    return [line.strip() for line in lines if line.strip()]


def data_lines(name: str) -> list[str]:
    """Lines of a list that comes with the package, without comments."""
    text = (files("blindmatch.datasets") / "data" / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
