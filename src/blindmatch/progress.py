"""Progress of long jobs: one line every few seconds, on the terminal and so in the job's log."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

#: Called with one finished sentence; solvers and studies take it as their `progress` argument.
Report = Callable[[str], None]


_last_said = time.monotonic()


def say(sentence: str) -> None:
    """Print one line to stderr at once (stdout stays free for results)."""
    global _last_said
    _last_said = time.monotonic()
    print(sentence, file=sys.stderr, flush=True)


@contextlib.contextmanager
def never_silent(interval: float = 10.0) -> Iterator[None]:
    """Say how long the work has taken whenever nothing else was said for `interval` seconds.

    For steps that cannot tell how far they are: a library that clusters, a large file that is read.
    """
    start = time.monotonic()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(max(0.0, max(start, _last_said) + interval - time.monotonic())):
            if time.monotonic() - max(start, _last_said) >= interval:
                say(f"still at work after {time.monotonic() - start:.0f} s")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


class Ticker:
    """Lets a line through at most every `interval` seconds.

    Parameters
    ----------
    report : callable or None
        Where lines go; None is silent.
    interval : float
        Seconds between two lines.
    """

    def __init__(self, report: Report | None, interval: float = 5.0) -> None:
        self._report = report
        self._interval = interval
        self._last = time.monotonic()

    def __call__(self, sentence: Callable[[], str]) -> None:
        now = time.monotonic()
        if self._report is not None and now - self._last >= self._interval:
            self._last = now
            self._report(sentence())


class Progress:
    """Counts items of a job whose size is known: how far, how fast, how long still.

    Parameters
    ----------
    verb, unit : str
        "embedded" and "images" give "embedded 5,120 / 10,000 images, 812 images/s, 6 s left".
    total : int
        Number of items.
    done : int
        Items finished by an earlier, interrupted run: they do not count towards the speed.
    report : callable or None
        Where lines go; None is silent.
    interval : float
        Seconds between two lines; the last line is always given.
    """

    def __init__(
        self,
        verb: str,
        unit: str,
        total: int,
        *,
        done: int = 0,
        report: Report | None = say,
        interval: float = 5.0,
    ) -> None:
        self._verb, self._unit, self._total = verb, unit, total
        self._start_count = self._count = done
        self._report, self._interval = report, interval
        self._start = self._last = time.monotonic()

    def advance(self, items: int = 1) -> None:
        """Note that `items` more are done; prints if a line is due."""
        self._count += items
        now = time.monotonic()
        if self._count >= self._total or now - self._last >= self._interval:
            self._last = now
            if self._report is not None:
                self._report(self._line(now - self._start))

    def _line(self, elapsed: float) -> str:
        speed = (self._count - self._start_count) / max(elapsed, 1e-9)
        line = f"{self._verb} {self._count:,} / {self._total:,} {self._unit}"
        if self._count >= self._total:
            return f"{line} in {elapsed:.1f} s, {speed:,.1f} {self._unit}/s"
        left = (self._total - self._count) / max(speed, 1e-9)
        return f"{line}, {speed:,.1f} {self._unit}/s, {left:,.0f} s left"
