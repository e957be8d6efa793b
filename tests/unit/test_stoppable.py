"""What runs under a time limit of ours although it has none of its own."""

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP
from blindmatch.solvers import Unavailable, _child, _stoppable
from blindmatch.solvers._stoppable import run_stoppable

PROBLEM = QAP(np.arange(16.0).reshape(4, 4), np.arange(16.0).reshape(4, 4) ** 2)
#: Long enough for a busy machine to fail by a hanging test instead of a wrong result.
LONG = 300.0


def run(function, *, time_limit=LONG, progress=None, problem=PROBLEM, **options):
    return run_stoppable(
        function, problem, seed=7, time_limit=time_limit, progress=progress, **options
    )


def offers(problem, run, *, seed, permutations, bound=-np.inf):
    run.building()
    run.solving()
    for permutation in permutations:
        run.offer(np.array(permutation), bound)
        run.iterations += 1


def tells_its_process(problem, run, *, seed, caller):
    run.solving()
    run.offer(np.random.default_rng(seed).permutation(problem.size))
    run.say(str(os.getpid()))
    assert run.isolated == (os.getpid() != caller)


def prints(problem, run, *, seed):
    run.solving()
    print("noise")
    run.offer(np.arange(problem.size))


def sleeps_after_an_offer(problem, run, *, seed):
    run.solving()
    run.offer(np.array([1, 0, 2, 3]))
    run.iterations = 3
    time.sleep(LONG)


def hears_nothing(problem, run, *, seed):
    run.solving()
    run.offer(np.array([1, 0, 2, 3]))
    run.iterations = 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    time.sleep(LONG)


def obeys_by_itself(problem, run, *, seed, warning):
    """Like compiled code with a handler of its own."""
    pipe, other = os.pipe()
    run.solving()
    with run.obedient():
        usual = signal.signal(signal.SIGINT, lambda *_: (usual(*_), os.write(other, b"\n")))
        run.warn_at(warning)
        os.read(pipe, 1)
        signal.signal(signal.SIGINT, usual)
        run.offer(np.array([1, 0, 2, 3]))
        run.iterations = 5
    time.sleep(LONG)


def tells_its_threads(problem, run, *, seed):
    run.solving()
    run.say(os.environ["OMP_NUM_THREADS"])


def sleeps(problem, run, *, seed):
    run.solving()
    time.sleep(LONG)


def builds_for_long(problem, run, *, seed):
    run.building()
    time.sleep(LONG)


def imports_and_builds(problem, run, *, seed):
    time.sleep(0.3)
    run.building()
    time.sleep(0.2)
    run.solving()
    run.offer(np.arange(problem.size))
    time.sleep(0.1)


def lacks_a_licence(problem, run, *, seed):
    raise Unavailable("no licence")


def has_a_bug(problem, run, *, seed):
    raise KeyError("bug")


def crashes(problem, run, *, seed):
    os.kill(os.getpid(), signal.SIGKILL)


def presses_ctrl_c(problem, run, *, seed, parent):
    run.solving()
    run.offer(np.array([1, 0, 2, 3]))
    os.kill(parent, signal.SIGINT)
    time.sleep(LONG)


@pytest.fixture
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def new_process(monkeypatch):
    """The next run does not find a process that was started before."""
    monkeypatch.setattr(_child, "_kept", threading.local())


def process_of(**where):
    said = []
    matching = run(tells_its_process, progress=said.append, caller=os.getpid(), **where)
    assert matching.permutation.tolist() == np.random.default_rng(7).permutation(4).tolist()
    return int(said[0].removeprefix("tells_its_process: "))


def test_a_process_is_only_there_for_a_limit_or_where_it_is_asked_for():
    assert process_of(time_limit=None) == os.getpid()
    assert process_of(time_limit=LONG) != os.getpid()
    assert process_of(time_limit=None, isolated=True) != os.getpid()


def test_the_process_stays_for_the_next_run_and_threads_have_their_own():
    first, again = process_of(), process_of()
    others = []
    thread = threading.Thread(target=lambda: others.append(process_of()))
    thread.start()
    thread.join()
    assert first == again
    assert others != [first]


def test_the_process_of_a_thread_is_cleared_away_with_it():
    processes = []

    def work():
        process_of()
        processes.append(vars(_child._kept)["child"].process)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    gc.collect()
    assert processes[0].returncode is not None


def test_a_forked_copy_has_its_own_process_and_leaves_that_of_the_original():
    before, (pipe, other) = process_of(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.write(other, f"{process_of()}\n".encode())
            gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    assert int(os.read(pipe, 100)) != before
    assert process_of() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans over")
def test_an_interpreter_that_exits_leaves_no_process_behind():
    """Its orphans, dead ones too, are handed over to the process that started it."""
    program = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none")
"""
    work = "from tests.unit.test_stoppable import process_of; assert process_of() > 0"
    ran = subprocess.run([sys.executable, "-c", program, work], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("none\n", "")


@pytest.mark.usefixtures("new_process")
@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("3", "3")])
def test_its_linear_algebra_has_one_thread_unless_the_environment_says_otherwise(
    given, expected, monkeypatch
):
    if given is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    said = []
    run(tells_its_threads, progress=said.append)
    assert said[0] == f"tells_its_threads: {expected}"


@pytest.mark.parametrize("time_limit", [None, LONG])
def test_the_best_offer_counts(time_limit):
    permutations = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 2, 3]]
    costs = [PROBLEM.cost(np.array(p)) for p in permutations]
    matching = run(offers, time_limit=time_limit, permutations=permutations, bound=2.5)
    assert matching.cost == min(costs) < costs[0]
    assert matching.permutation.tolist() == permutations[int(np.argmin(costs))]
    assert (matching.bound, matching.iterations, matching.status) == (2.5, 3, "heuristic")
    assert [cost for _, cost, _ in matching.history] == [
        *np.minimum.accumulate(costs),
        matching.cost,
    ]


@pytest.mark.parametrize("time_limit", [None, LONG])
def test_imports_do_not_count_and_building_is_apart(time_limit):
    start = time.perf_counter()
    matching = run(imports_and_builds, time_limit=time_limit)
    elapsed = time.perf_counter() - start
    assert matching.building >= 0.2
    assert matching.seconds >= 0.1
    assert matching.building + matching.seconds <= elapsed - 0.3
    assert matching.history[0][0] <= matching.history[1][0] == matching.seconds


def test_imports_do_not_count_towards_the_limit():
    assert run(imports_and_builds, time_limit=100.0).status == "heuristic"
    assert run(imports_and_builds, time_limit=0.25).status == "stopped"


@pytest.mark.parametrize(("function", "counted"), [(sleeps_after_an_offer, 3), (hears_nothing, 0)])
def test_what_was_offered_before_the_limit_is_the_result(function, counted, monkeypatch):
    if counted:
        monkeypatch.setattr(_stoppable, "_GRACE", LONG)
    before = process_of()
    matching = run(function, time_limit=0.2)
    assert matching.permutation.tolist() == [1, 0, 2, 3]
    assert (matching.status, matching.iterations) == ("stopped", counted)
    assert 0.2 <= matching.seconds < LONG
    # A process that obeys is not killed.
    assert (process_of() == before) == bool(counted)


@pytest.mark.parametrize(("time_limit", "warning"), [(LONG, 0.1), (0.2, LONG)])
def test_compiled_code_that_obeys_is_warned_and_heard(time_limit, warning, monkeypatch):
    monkeypatch.setattr(_stoppable, "_GRACE", LONG)
    matching = run(obeys_by_itself, time_limit=time_limit, warning=warning)
    assert matching.permutation.tolist() == [1, 0, 2, 3]
    assert (matching.status, matching.iterations) == ("stopped", 5)
    assert min(time_limit, warning) <= matching.seconds < LONG


@pytest.mark.parametrize("function", [sleeps, builds_for_long])
def test_without_an_offer_a_random_matching_is_given_aloud(function):
    said = []
    matching = run(function, time_limit=0.2, progress=said.append)
    assert matching.permutation.tolist() == PROBLEM.draw(np.random.default_rng(7)).tolist()
    assert (matching.status, matching.iterations) == ("stopped without a matching", 0)
    assert said == [f"{function.__name__}: no matching before the end, so a random one stands in"]


def test_no_time_costs_no_process(monkeypatch):
    monkeypatch.setattr("blindmatch.solvers._stoppable.Child", None)
    matching = run(sleeps, time_limit=0)
    assert matching.status == "stopped without a matching"
    assert matching.cost == PROBLEM.cost(matching.permutation)


def test_errors_come_back_as_what_they_are():
    with pytest.raises(Unavailable, match="no licence"):
        run(lacks_a_licence)
    with pytest.raises(RuntimeError, match=r"has_a_bug(.|\n)*KeyError: 'bug'"):
        run(has_a_bug)
    with pytest.raises(BlindmatchError, match="crashes: its process ended with signal 9"):
        run(crashes)
    assert process_of() > 0


@pytest.mark.usefixtures("new_process")
def test_what_a_library_prints_does_not_reach_stdout(capfd):
    run(prints)
    captured = capfd.readouterr()
    assert captured.out == ""


@pytest.mark.parametrize("time_limit", [None, LONG])
@pytest.mark.usefixtures("usual_handler")
def test_ctrl_c_ends_it_with_what_it_has(time_limit):
    matching = run(presses_ctrl_c, time_limit=time_limit, parent=os.getpid())
    assert matching.permutation.tolist() == [1, 0, 2, 3]
    assert matching.status == "interrupted"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child")
def test_the_process_ends_with_the_one_that_started_it():
    pipe, other = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(other, f"{process_of()}\n".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    child = int(os.read(pipe, 100))
    while _alive(child):
        time.sleep(0.01)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
