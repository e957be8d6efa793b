import threading
import time

from blindmatch.progress import Progress, Ticker, never_silent, say


def test_progress_tells_how_far_how_fast_and_how_long_still():
    lines = []
    progress = Progress("embedded", "images", 10_000, done=5_000, report=lines.append, interval=0)
    progress.advance(120)
    assert lines[0].startswith("embedded 5,120 / 10,000 images, ")
    assert lines[0].endswith(" s left")
    assert "images/s" in lines[0]


def test_the_last_line_always_comes():
    lines = []
    progress = Progress("matched", "problems", 2, report=lines.append, interval=1e9)
    progress.advance()
    assert lines == []
    progress.advance()
    assert lines[0].startswith("matched 2 / 2 problems in ")


def test_a_ticker_composes_a_sentence_only_when_it_is_due():
    lines = []
    ticker = Ticker(lines.append, interval=1e9)
    ticker(lambda: 1 / 0)
    Ticker(None, interval=0)(lambda: 1 / 0)
    Ticker(lines.append, interval=0)(lambda: "due")
    assert lines == ["due"]


def test_work_that_says_nothing_says_that_it_goes_on(capsys):
    threads = threading.active_count()
    with never_silent(0.01):
        end = time.monotonic() + 60
        while "still at work after 0 s\n" not in capsys.readouterr().err:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert threading.active_count() == threads


def test_work_that_speaks_is_left_alone(capsys):
    with never_silent(3600):
        say("done: 1 of 2")
        time.sleep(0.05)
    assert capsys.readouterr().err == "done: 1 of 2\n"
