from blindmatch.progress import Progress, Ticker


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
