"""A child process that performs one piece of work after another, and can be stopped.

It is a fresh interpreter, not a copy of this one (copies of processes with threads hang), it never
imports the caller's main module, and it stays for the next piece of work: imports are paid once.
"""

import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe

from blindmatch.errors import BlindmatchError

#: prctl(2): the signal that a process gets when the thread that started it ends.
_PR_SET_PDEATHSIG = 1

#: The child that waits for the next work. Each thread has its own: Linux ends a child with the
#: thread that started it.
_kept = threading.local()


@dataclasses.dataclass(eq=False)
class Child:
    """An interpreter that serves this one.

    Attributes
    ----------
    process : subprocess.Popen
    connection : multiprocessing.connection.Connection
        To the function that serves.
    idle : bool
        Whether it waits for work.
    """

    process: subprocess.Popen
    connection: Connection
    idle: bool = True

    def __post_init__(self) -> None:
        # When its thread or this interpreter ends it is waited for, too, which spares a zombie.
        weakref.finalize(self, _kill, self.process)

    @classmethod
    @contextlib.contextmanager
    def borrow(cls, module: str, function: str) -> Iterator["Child"]:
        """This thread's child, or a new one; killed at the end of the context unless `idle`.

        Parameters
        ----------
        module, function : str
            What serves there: it is called with the descriptor of its end of the connection.
        """
        child = vars(_kept).pop("child", None)
        # A forked copy of this process polls the child of the original in vain, and gets its own.
        if child is None or child.process.poll() is not None:
            child = cls.start(module, function)
        child.idle = False
        try:
            yield child
        finally:
            if child.idle:
                _kept.child = child
            else:
                child.kill()

    @classmethod
    def start(cls, module: str, function: str) -> "Child":
        """A new interpreter with the same path and environment.

        Its linear algebra gets one thread where OMP_NUM_THREADS does not say otherwise. Nobody sees
        its stdout: libraries print to it.
        """
        ours, its = Pipe()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from {module} import {function}; {function}({its.fileno()})"
        )
        with its:
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                env={"OMP_NUM_THREADS": "1", **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
            )
        return cls(process, ours)

    def receive(self, name: str) -> object:
        """Its next message; an error that names the work where the process has ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            code = self.process.wait()
            cause = f"signal {-code}" if code < 0 else f"exit code {code}"
            hint = " (memory may have run out)" if code == -signal.SIGKILL else ""
            raise BlindmatchError(f"{name}: its process ended with {cause}{hint}") from None

    def interrupt(self) -> None:
        """Send it a Ctrl-C: see `CtrlC`."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, whatever it does."""
        _kill(self.process)


def _kill(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def end_with_parent() -> None:
    """In a child: ask to be killed with the parent, whose end compiled code does not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class CtrlC:
    """In a child: a Ctrl-C ends its work, but neither cuts a message in two nor ends the child."""

    def __init__(self) -> None:
        self._came = self._open = False
        signal.signal(signal.SIGINT, self._note)

    def _note(self, *_) -> None:
        self._came = True
        self._raise()

    def _raise(self) -> None:
        if self._open and self._came:
            self._open = False  # once is enough
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def welcome(self) -> Iterator[None]:
        """Within this context it raises KeyboardInterrupt; what came before is forgotten."""
        self._came, self._open = False, True
        try:
            yield
        finally:
            self._open = False

    @contextlib.contextmanager
    def postponed(self) -> Iterator[None]:
        """Within this context it is only noted; KeyboardInterrupt is raised at its end."""
        before, self._open = self._open, False
        yield
        self._open = before
        self._raise()
