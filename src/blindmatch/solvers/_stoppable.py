"""Runs functions of other libraries, which look neither at the clock nor at Ctrl-C, and stops them.

Under a time limit they run in a child process that is killed when time is up.
"""

import contextlib
import math
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Report, Ticker
from blindmatch.qap import QAP, Matching
from blindmatch.solvers._child import Child, end_with_parent
from blindmatch.solvers._interrupt import interruptible

#: Seconds between two looks at the clock and at Ctrl-C.
_TICK = 0.05

_Message = tuple[float, str, object]


class Run:
    """What a function tells while `run_stoppable` runs it.

    The clock starts with `building`, or with `solving` where nothing has to be built; what comes
    before, the imports, does not count.

    Attributes
    ----------
    isolated : bool
        Whether this process is a child.
    """

    def __init__(self, send: Callable[[_Message], None], *, isolated: bool = False) -> None:
        self._send, self.isolated = send, isolated

    def building(self) -> None:
        """From now on, the library's model of the problem is built."""
        self._tell("building", None)

    def solving(self) -> None:
        """From now on, the problem is solved."""
        self._tell("solving", None)

    def offer(self, permutation: np.ndarray, bound: float = -math.inf) -> None:
        """A matching, shape (N,), and a lower bound that holds for all; the best ones are kept."""
        self._tell("offer", (np.asarray(permutation, dtype=np.int64), float(bound)))

    def say(self, sentence: str) -> None:
        """Tell the user something."""
        self._tell("say", sentence)

    def perform(
        self, function: Callable[..., int], problem: QAP, seed: int, options: dict[str, object]
    ) -> None:
        """Call the function and tell its iterations."""
        self._tell("done", function(problem, self, seed=seed, **options))

    def fail(self, error: Exception) -> None:
        """Tell what `run_stoppable` shall raise."""
        self._tell("error", error)

    def _tell(self, kind: str, value: object) -> None:
        self._send((time.perf_counter(), kind, value))


def run_stoppable(
    function: Callable[..., int],
    problem: QAP,
    *,
    seed: int,
    time_limit: float | None,
    progress: Report | None,
    isolated: bool = False,
    **options,
) -> Matching:
    """The best that a function offers until it returns, time is up, or the user presses Ctrl-C.

    Parameters
    ----------
    function : callable
        ``function(problem, run, *, seed, **options)`` at the top level of a module, with `run` a
        `Run`; returns its iterations.
    problem : QAP
    seed : int
        For the function, and for the random matching where it offers none.
    time_limit : float, optional
        Seconds of building and solving. None: no limit, and so no child process.
    progress : callable, optional
        As for `blindmatch.solvers.Solver`.
    isolated : bool
        A child process even without a limit: for compiled code that Ctrl-C does not reach, or that
        must not be loaded here.
    **options
        For the function.

    Returns
    -------
    Matching
        Its status is "heuristic", "stopped" (at the limit) or "interrupted".

    Raises
    ------
    BlindmatchError
        As the function raises it, or if the child process dies.
    RuntimeError
        With the traceback of any other error in the child process.
    """
    record = _Record(problem, progress, function.__name__.strip("_"))
    work = (function, problem, seed, options)
    if time_limit is None and not isolated:
        status = _run_here(work, record)
    elif time_limit is not None and time_limit <= 0:
        status = "stopped"
    else:
        status = _run_in_child(work, record, math.inf if time_limit is None else time_limit)
    return record.matching(status, seed)


class _Record:
    """What a run has told so far."""

    def __init__(self, problem: QAP, progress: Report | None, name: str) -> None:
        self.name = name
        self.done = False
        self._problem, self._progress, self._ticker = problem, progress, Ticker(progress)
        self._permutation: np.ndarray | None = None
        self._cost, self._bound = math.inf, -math.inf
        self._history: list[tuple[float, float, float]] = []
        self._began: dict[str, float] = {}
        self._ended: float | None = None
        self._iterations = 0

    @property
    def elapsed(self) -> float:
        """Seconds of building and solving so far."""
        return time.perf_counter() - min(self._began.values()) if self._began else 0.0

    def take(self, message: _Message) -> None:
        """Note what a run tells, with the time by the machine's clock, which processes share."""
        at, kind, value = message
        match kind:
            case "building" | "solving":
                self._began[kind] = at
            case "offer":
                self._offer(at, *value)
            case "say":
                self._say(value)
            case "done":
                self.done, self._ended, self._iterations = True, at, value
            case "error":
                raise value
        self.tick()

    def tick(self) -> None:
        """Say how far it is, if a line is due."""
        self._ticker(lambda: f"{self.name}: {self.elapsed:.0f} s, cost {self._cost:.6g}")

    def _say(self, sentence: str) -> None:
        if self._progress is not None:
            self._progress(f"{self.name}: {sentence}")

    def _offer(self, at: float, permutation: np.ndarray, bound: float) -> None:
        cost = self._problem.cost(permutation)
        if cost < self._cost:
            self._permutation, self._cost = permutation, cost
        self._bound = max(self._bound, bound)
        self._history.append((at - self._began["solving"], self._cost, self._bound))

    def matching(self, status: str, seed: int) -> Matching:
        """The result: where nothing was offered a random matching, and that is said."""
        ended = self._ended or time.perf_counter()
        solving = self._began.get("solving", ended)
        if self._permutation is None:
            self._say("no matching before the end, so a random one stands in")
            self._permutation = self._problem.draw(np.random.default_rng(seed))
            self._cost = self._problem.cost(self._permutation)
        seconds = ended - solving
        return Matching(
            self._permutation,
            self._cost,
            bound=self._bound,
            optimal=False,
            status=status,
            seconds=seconds,
            iterations=self._iterations,
            history=(*self._history, (seconds, self._cost, self._bound)),
            building=solving - self._began.get("building", solving),
        )


def _run_here(work: tuple, record: _Record) -> str:
    function, *rest = work
    try:
        Run(record.take).perform(function, *rest)
    except KeyboardInterrupt:
        return "interrupted"
    return "heuristic"


def _run_in_child(work: tuple, record: _Record, limit: float) -> str:
    with interruptible() as interrupted, Child.borrow(__name__, "serve") as child:
        with contextlib.suppress(ConnectionError):  # `receive` says why
            child.connection.send(work)
        while not interrupted() and record.elapsed < limit:
            if child.connection.poll(min(_TICK, max(0.0, limit - record.elapsed))):
                record.take(child.receive(record.name))
            if record.done:
                child.idle = True
                return "heuristic"
            record.tick()
        child.kill()
        # What it told before counts.
        with contextlib.suppress(EOFError, OSError):
            while True:
                record.take(child.connection.recv())
        return "interrupted" if interrupted() else "stopped"


def serve(descriptor: int) -> None:
    """The child's life: perform what comes until nobody is at the other end of the connection."""
    end_with_parent()
    connection = Connection(descriptor)
    run = Run(connection.send, isolated=True)
    with contextlib.suppress(ConnectionError):
        while True:
            try:
                run.perform(*connection.recv())
            except BlindmatchError as error:
                run.fail(error)
            except Exception:
                run.fail(RuntimeError(traceback.format_exc()))
