"""Fuzz the readers for as long as you like: ``python -m tests.fuzz --seconds 600 --seed 1``.

What a reader does wrong is printed, and its file kept; the exit code is 1 then.
"""

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.readers import READERS
from tests.fuzz.runner import content_of, findings

_BATCH = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="reader", help=", ".join(READERS))
    parser.add_argument("--seconds", type=float, default=600, help="in all; default: 600")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="FOLDER")
    options = parser.parse_args()
    for name in set(options.readers) - set(READERS):
        parser.error(f"unknown reader {name!r}; known: {', '.join(READERS)}")
    names = options.readers or list(READERS)
    end, found, files, first = time.monotonic() + options.seconds, 0, 0, 1
    while time.monotonic() < end:
        for name in names:
            if time.monotonic() >= end:
                break
            for finding in findings(name, first, _BATCH, options.seed):
                found += 1
                print(f"{name} {finding['number']}: {finding['what']}", flush=True)
                data = content_of(name, finding["number"], options.seed)
                options.keep.mkdir(parents=True, exist_ok=True)
                kept = f"{name}-{options.seed}-{finding['number']}-{READERS[name].name}"
                (options.keep / kept).write_bytes(data)
            files += _BATCH
            left = max(0, end - time.monotonic())
            print(f"{name}: {files:,} files, {found} findings, {left:.0f} s left", flush=True)
        first += _BATCH
    print(f"{files:,} files, {found} findings" + (f", kept in {options.keep}/" if found else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
