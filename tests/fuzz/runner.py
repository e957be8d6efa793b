"""Mutated files through a reader in a process of its own, whose memory and time are limited."""

import contextlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS, ROOT, Reader

#: Files of some kilobytes must be read or refused within these limits (address space, CPU time).
_BYTES, _SECONDS = 4 << 30, 20
_LONGEST_LINE = 1500


def findings(name: str, first: int, count: int, seed: int) -> Iterator[dict]:
    """What a reader did wrong with the files `first`, `first` + 1, ...

    Yields
    ------
    dict
        ``number`` of the file (`content` makes it again) and ``what`` happened.
    """
    last = first + count
    while first < last:
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.runner", name, str(first), str(last), str(seed)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        yield from (line for line in lines if "what" in line)
        begun = max((line["begun"] for line in lines if "begun" in line), default=None)
        if done.returncode == 0 and begun == last:
            return
        if begun is None:
            raise RuntimeError(f"{name}: nothing was read: {done.stderr[-2000:]}")
        ended = done.returncode
        what = f"the process ended with {signal.Signals(-ended).name if ended < 0 else ended}"
        yield {"number": begun, "what": f"{what}: {done.stderr[-500:]}"}
        first = begun + 1


def content(reader: Reader, seeds: list[bytes], number: int, seed: int) -> bytes:
    """The file of a number; number 0 is a valid one."""
    if number == 0:
        return reader.seal(seeds[0])
    rng = np.random.default_rng([seed, zlib.crc32(reader.name.encode()), number])
    data = seeds[int(rng.integers(len(seeds)))]
    return reader.seal(mutated(data, seeds, rng))


def content_of(name: str, number: int, seed: int) -> bytes:
    """The file of a number, of a reader by name."""
    with tempfile.TemporaryDirectory() as folder:
        return content(READERS[name], READERS[name].seeds(Path(folder)), number, seed)


def judged(reader: Reader, path: Path) -> str | None:
    """What a reader did wrong with a file; None if it gave a right answer or a good sentence."""
    try:
        reader.read(path)
    except BlindmatchError as error:
        message = str(error)
        lines = message.splitlines()
        if not message.strip() or len(lines) > reader.lines:
            return f"a message of {len(lines)} lines: {message[:300]!r}"
        if max(map(len, lines)) > _LONGEST_LINE + len(str(path)):
            return f"a message of {len(message):,} characters: {message[:300]!r}"
        if "more memory than there is" in message:
            return f"too much memory: {message}"
        names = (str(path.parent), "mine", "certificate", "anchors")  # file, data set, argument
        if reader.lines == 1 and not any(name in message for name in names):
            return f"a message that names no file: {message}"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


def _run(name: str, first: int, last: int, seed: int) -> None:
    warnings.simplefilter("ignore")
    reader = READERS[name]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        seeds = reader.seeds(folder)
        # A valid file first: what it imports is not the hostile file's doing.
        path = folder / "in" / reader.name
        for number in (0, *range(first, last)):
            if number:
                print(json.dumps({"begun": number}), flush=True)
            path.parent.mkdir()
            path.write_bytes(content(reader, seeds, number, seed))
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            what = judged(reader, path)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if what is not None:
                print(json.dumps({"number": number, "what": what}), flush=True)
            _remove(path.parent)
            if number == 0:
                resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    print(json.dumps({"begun": last}), flush=True)


def _remove(folder: Path) -> None:
    import shutil

    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


if __name__ == "__main__":
    _run(sys.argv[1], *map(int, sys.argv[2:]))
