"""Registries: how datasets, model families, metrics and solvers get their names.

To add a member, write one file in the registry's package and decorate its class; nothing else
has to know. Members are frozen dataclasses whose fields are the options of a config entry.
"""

import dataclasses
import difflib
import importlib
import importlib.util
import pkgutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from pydantic import TypeAdapter, ValidationError

from blindmatch.errors import BlindmatchError


def nearest(name: str, names: Iterable[str]) -> str:
    """The words " (did you mean ...?)" if one of `names` resembles `name`, else an empty string."""
    matches = difflib.get_close_matches(str(name), [str(known) for known in names], n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def absent(member: type) -> str | None:
    """Why a member cannot run here: the packages that are not installed; None if it can.

    Parameters
    ----------
    member : type
        Its `requires` says what to install for each import name.
    """
    lacking = [name for name in member.requires if importlib.util.find_spec(name) is None]
    if not lacking:
        return None
    advice = " and ".join(sorted({member.requires[name] for name in lacking}))
    return f"{', '.join(lacking)} is not installed (pip install {advice})"


class Registry(Mapping[str, type]):
    """Slug -> class, filled by the modules of one package (or by one module).

    Parameters
    ----------
    kind : str
        What a member is, for messages: "solver", "model family".
    module : str
        The module whose import, with that of its public submodules, registers every member.
    """

    def __init__(self, kind: str, module: str) -> None:
        self.kind = kind
        self._module = module
        self._members: dict[str, type] = {}
        self._discovered = False
        self._lock = threading.RLock()

    def register(self, slug: str) -> Callable[[type], type]:
        """Class decorator: give the class a name that config files can use."""

        def decorate(member: type) -> type:
            if slug in self._members:
                raise BlindmatchError(
                    f"{self.kind} {slug!r} is registered twice: by "
                    f"{self._members[slug].__module__} and by {member.__module__}"
                )
            self._members[slug] = member
            return member

        return decorate

    def _discover(self) -> dict[str, type]:
        # Locked, for threads that ask first must not meet half a registry.
        with self._lock:
            if not self._discovered:
                module = importlib.import_module(self._module)
                for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
                    if not info.name.startswith("_"):
                        importlib.import_module(f"{self._module}.{info.name}")
                self._discovered = True
        return self._members

    def __getitem__(self, slug: str) -> type:
        members = self._discover()
        if slug not in members:
            raise BlindmatchError(
                f"unknown {self.kind} {slug!r}{nearest(slug, members)}; "
                f"known: {', '.join(sorted(members))}"
            )
        return members[slug]

    def __contains__(self, slug: object) -> bool:
        return slug in self._discover()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._discover()))

    def __len__(self) -> int:
        return len(self._discover())

    def build(self, slug: str, options: Mapping[str, object]):
        """An instance of the member `slug`; unknown or mistyped options are refused by name."""
        member = self[slug]
        known = [field.name for field in dataclasses.fields(member)]
        for name in options:
            if name not in known:
                raise BlindmatchError(
                    f"{self.kind} {slug!r} has no option {name!r}{nearest(name, known)}; "
                    f"known: {', '.join(known) or 'none'}"
                )
        try:
            return TypeAdapter(member).validate_python(dict(options))
        except ValidationError as error:
            problem = error.errors()[0]
            name = ".".join(str(part) for part in problem["loc"])
            raise BlindmatchError(
                f"{self.kind} {slug!r}: option {name}={problem['input']!r}: {problem['msg']}"
            ) from None
