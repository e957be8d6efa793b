"""What every script of the workflow and the command line share.

Arguments in, what made the output, one sentence where that failed.
"""

import argparse
import contextlib
import json
import platform
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from blindmatch.errors import BlindmatchError
from blindmatch.progress import never_silent
from blindmatch.provenance import text_digest, version_of

#: Settings of a dataset that say where the user's files lie; what is in them decides, not where.
_PLACES = {"path", "labels", "embeddings"}


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """End the process with a sentence and exit code 1 where a user can mend what went wrong.

    Until then it is never silent for long.
    """
    try:
        with never_silent():
            yield
    except BlindmatchError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except MemoryError:
        print("error: out of memory; ask for more or take a smaller size", file=sys.stderr)
        sys.exit(1)


@contextlib.contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Send what is said to a log, also an unforeseen error with its traceback."""
    with open(path, "w", buffering=1, encoding="utf-8") as log, contextlib.redirect_stderr(log):
        try:
            yield
        except Exception:
            traceback.print_exc()
            raise


def settings(kind):
    """An argparse type that reads settings of the given pydantic model or dataclass from JSON."""

    def parse(text: str):
        try:
            return TypeAdapter(kind).validate_json(text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def canonical(value: object) -> str:
    """JSON in one fixed form, so that equal settings are equal text in `params:`."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def record(
    settings: Mapping[str, object],
    *libraries: str,
    seed: int | None = None,
    made_from: Iterable[Mapping[str, object]] = (),
) -> dict[str, str | int]:
    """What made an artefact, to be stored in it: the same in every run of the same settings.

    Parameters
    ----------
    settings : mapping
        What was asked for, e.g. the arguments of a script. Paths and the number of threads do not
        count.
    *libraries : str
        Names, of the distribution or as imported, whose versions matter beside Python's, numpy's
        and the package's own.
    seed : int, optional
        Where random numbers matter.
    made_from : iterable of mapping
        Attributes or metadata of the artefacts that were read.

    Returns
    -------
    dict
        ``settings_digest``, of the settings and of the digests of all that it was made from, so
        that it changes with any setting that leads here; ``version_{library}``; ``seed``.
    """
    decisive = {
        name: _plain(value)
        for name, value in settings.items()
        if name != "threads" and not _is_place(value)
    }
    # What an older version made has no digest: None stands for it.
    earlier = [str(each.get("settings_digest")) for each in made_from]
    described = {
        "settings_digest": text_digest(canonical(decisive), *earlier)[:16],
        "version_python": platform.python_version(),
    }
    for name, version in version_of("blindmatch", "numpy", *libraries).items():
        described[f"version_{name}"] = version
    return described if seed is None else {**described, "seed": seed}


def _plain(value: object) -> object:
    """Settings as JSON has them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude=_PLACES)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _is_place(value: object) -> bool:
    return isinstance(value, Path) or (
        isinstance(value, list) and any(isinstance(each, Path) for each in value)
    )
