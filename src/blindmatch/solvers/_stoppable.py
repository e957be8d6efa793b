"""Runs functions of other libraries, which look neither at the clock nor at Ctrl-C, and stops them.

Under a time limit they run in a child process. When time is up it gets a Ctrl-C, which Python code
obeys at once and some compiled code does, too; what does not is killed.
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
from blindmatch.solvers._child import Child, CtrlC, end_with_parent
from blindmatch.solvers._interrupt import interruptible

#: Seconds between two looks at the clock and at Ctrl-C.
_TICK = 0.05
#: Seconds that a child has to obey: beyond the limit, and from the user's Ctrl-C on.
_GRACE, _USERS_GRACE = 0.1, 1.0

_Message = tuple[float, str, object]


class Run:
    """What a function tells while `run_stoppable` runs it.

    The clock starts with `building`, or with `solving` where nothing has to be built; what comes
    before, the imports, does not count.

    Attributes
    ----------
    iterations : int
        For the function to set.
    isolated : bool
        Whether this process is a child.
    """

    def __init__(self, send: Callable[[_Message], None], ctrl_c: CtrlC | None = None) -> None:
        self._send, self._ctrl_c = send, ctrl_c
        self.isolated = ctrl_c is not None
        self.iterations = 0

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

    def warn_at(self, seconds: float) -> None:
        """Wish for the Ctrl-C before the limit: so many seconds after the clock's start."""
        self._tell("warn", seconds)

    def obedient(self) -> contextlib.AbstractContextManager[None]:
        """A context for compiled code that ends by itself at a Ctrl-C, and for what it returns."""
        return self._ctrl_c.postponed() if self._ctrl_c else contextlib.nullcontext()

    def perform(
        self, function: Callable[..., None], problem: QAP, seed: int, options: dict[str, object]
    ) -> None:
        """Call the function, and tell how it has ended."""
        self.iterations = 0
        try:
            with self._ctrl_c.welcome() if self._ctrl_c else contextlib.nullcontext():
                function(problem, self, seed=seed, **options)
            status = "heuristic"
        except KeyboardInterrupt:
            status = "stopped"
        self._tell("end", (status, self.iterations))

    def fail(self, error: Exception) -> None:
        """Tell what `run_stoppable` shall raise."""
        self._tell("error", error)

    def _tell(self, kind: str, value: object) -> None:
        with self.obedient():
            self._send((time.perf_counter(), kind, value))


def run_stoppable(
    function: Callable[..., None],
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
        `Run`.
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
        Its status is "heuristic", "stopped" (at the limit) or "interrupted". Iterations of a child
        that had to be killed are unknown: 0.

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
        Run(record.take).perform(*work)
        interrupted = record.status == "stopped"
    elif time_limit is not None and time_limit <= 0:
        interrupted = False
    else:
        limit = math.inf if time_limit is None else time_limit
        interrupted = _run_in_child(work, record, limit)
    return record.matching(seed, interrupted=interrupted)


class _Record:
    """What a run has told so far.

    Attributes
    ----------
    name : str
    status : str, optional
        "heuristic" or "stopped"; None until the function has ended.
    warning : float
        Seconds at which it wants a Ctrl-C.
    """

    def __init__(self, problem: QAP, progress: Report | None, name: str) -> None:
        self.name, self.status, self.warning = name, None, math.inf
        self._problem, self._progress, self._ticker = problem, progress, Ticker(progress)
        self._best: tuple[float, np.ndarray | None] = (math.inf, None)
        self._bound = -math.inf
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
            case "warn":
                self.warning = value
            case "end":
                self._ended = at
                self.status, self._iterations = value
            case "error":
                raise value
        self.tick()

    def tick(self) -> None:
        """Say how far it is, if a line is due."""
        self._ticker(lambda: f"{self.name}: {self.elapsed:.0f} s, cost {self._best[0]:.6g}")

    def _say(self, sentence: str) -> None:
        if self._progress is not None:
            self._progress(f"{self.name}: {sentence}")

    def _offer(self, at: float, permutation: np.ndarray, bound: float) -> None:
        cost = self._problem.cost(permutation)
        if cost < self._best[0]:
            self._best = cost, permutation
        self._bound = max(self._bound, bound)
        self._history.append((at - self._began["solving"], self._best[0], self._bound))

    def matching(self, seed: int, *, interrupted: bool) -> Matching:
        """The result: where nothing was offered a random matching, and that is said."""
        ended = self._ended or time.perf_counter()
        solving = self._began.get("solving", ended)
        cost, permutation = self._best
        status = self.status or "stopped"
        if permutation is None:
            status = "stopped without a matching"
            self._say("no matching before the end, so a random one stands in")
            permutation = self._problem.draw(np.random.default_rng(seed))
            cost = self._problem.cost(permutation)
        seconds = ended - solving
        return Matching(
            permutation,
            cost,
            bound=self._bound,
            optimal=False,
            status="interrupted" if interrupted else status,
            seconds=seconds,
            iterations=self._iterations,
            history=(*self._history, (seconds, cost, self._bound)),
            building=solving - self._began.get("building", solving),
        )


def _run_in_child(work: tuple, record: _Record, limit: float) -> bool:
    """Let a child work within the limit; whether the user has pressed Ctrl-C."""
    with interruptible() as interrupted, Child.borrow(__name__, "serve") as child:
        with contextlib.suppress(ConnectionError):  # `receive` says why
            child.connection.send(work)
        while not interrupted() and record.elapsed < min(limit, record.warning):
            if not _listen(child, record, min(limit, record.warning) - record.elapsed):
                return False
        pressed = interrupted()
        if record.elapsed:  # else it is still importing, and a Ctrl-C would end it with a traceback
            child.interrupt()
            end = record.elapsed + _USERS_GRACE if pressed else limit + _GRACE
            while interrupted() == pressed and record.elapsed < end:
                if not _listen(child, record, end - record.elapsed):
                    return pressed
        child.kill()
        # What it told before counts.
        with contextlib.suppress(EOFError, OSError):
            while True:
                record.take(child.connection.recv())
        return interrupted()


def _listen(child: Child, record: _Record, seconds: float) -> bool:
    """Wait for the child's next message, not for long; whether it works on."""
    if child.connection.poll(max(0.0, min(_TICK, seconds))):
        record.take(child.receive(record.name))
    record.tick()
    child.idle = record.status is not None
    return not child.idle


def serve(descriptor: int) -> None:
    """The child's life: perform what comes until nobody is at the other end of the connection."""
    end_with_parent()
    connection = Connection(descriptor)
    run = Run(connection.send, CtrlC())
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            work = connection.recv()
            try:
                run.perform(*work)
            except BlindmatchError as error:
                run.fail(error)
            except Exception:
                run.fail(RuntimeError(traceback.format_exc()))
