"""Ctrl-C as a wish that solvers look at, so that it never cuts an update of their state in two."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within this context the first Ctrl-C only notes that the user wants to stop.

    Yields a function that says whether it came; a solver asks it wherever it looks at the clock. A
    second Ctrl-C raises KeyboardInterrupt as usual. Where Python does not handle the signal in the
    usual way (other threads, a handler of the caller), nothing is changed.
    """
    came = threading.Event()

    def note(*_) -> None:
        came.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
