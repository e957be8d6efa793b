"""What every script of the workflow and the command line share: arguments in, one sentence out."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from blindmatch.errors import BlindmatchError


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """End the process with a sentence and exit code 1 where a user can mend what went wrong."""
    try:
        yield
    except BlindmatchError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except MemoryError:
        print("error: out of memory; ask for more or take a smaller size", file=sys.stderr)
        sys.exit(1)


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
