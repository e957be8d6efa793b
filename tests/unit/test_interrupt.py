import signal
import threading

import pytest

from blindmatch.solvers._interrupt import interruptible


@pytest.fixture(autouse=True)
def usual_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_is_a_wish_and_the_second_an_interrupt():
    with interruptible() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_caller_is_left_alone():
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append("caller"))
    with interruptible() as interrupted:
        signal.raise_signal(signal.SIGINT)
    assert calls == ["caller"]
    assert not interrupted()


def test_other_threads_are_not_interrupted():
    seen = []

    def work():
        with interruptible() as interrupted:
            seen.append((interrupted(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, signal.default_int_handler)]
