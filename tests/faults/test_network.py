"""Downloads over a network that fails: what is said, what is kept, and that the next run completes.

The server runs on this machine. What needs no more than one wrong answer stands in
tests/unit/test_download.py; here connections stall, break and lie, also below Snakemake.
"""

import contextlib
import hashlib
import http.server
import os
import re
import signal
import socket
import threading
import time

import pytest

from blindmatch.datasets.download import fetch
from blindmatch.errors import BlindmatchError
from blindmatch.settings import Source
from tests.workflow.conftest import Project
from tests.workflow.tiny import write_embeddings, write_study

BODY = bytes(range(256)) * 8_000  # 2 MB
CHECKSUM = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
PAGE = b"<html><body>Please log in to the network.</body></html>"
PATIENCE_SECONDS = 120


class Network:
    """A server of BODY; `answers` says what each request meets, the last one from then on."""

    def __init__(self):
        self.answers = [whole]
        self.ranges = []  # what each request asked for
        self.end = threading.Event()  # of connections that were left open
        network = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                answer = network.answers[min(len(network.ranges), len(network.answers) - 1)]
                network.ranges.append(int(asked[1]) if asked else None)
                with contextlib.suppress(ConnectionError):
                    answer(self, int(asked[1]) if asked else 0, network)
                self.close_connection = True

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.end.set()
        self.server.shutdown()
        self.server.server_close()


def head(handler, start=0, length=None, kind="application/zip"):
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(BODY) - start if length is None else length))
    handler.end_headers()


def whole(handler, start, network):
    """What an honest server answers."""
    if start >= len(BODY):
        handler.send_error(416)
        return
    head(handler, start)
    handler.wfile.write(BODY[start:])


def stalling(size):
    """Some bytes, then nothing more on an open connection."""

    def answer(handler, start, network):
        head(handler, start)
        handler.wfile.write(BODY[start : start + size])
        network.end.wait()

    return answer


def silent(handler, start, network):
    """Not even a status."""
    network.end.wait()


def slow(handler, start, network):
    """Pieces with pauses that add up to more than the limit for one."""
    head(handler, start)
    for at in range(start, len(BODY), 200_000):
        handler.wfile.write(BODY[at : at + 200_000])
        time.sleep(0.25)


def page(handler, start, network):
    """A web page in place of the file, as hotels and moved servers send it."""
    head(handler, 0, len(PAGE), "text/html; charset=utf-8")
    handler.wfile.write(PAGE)


def refused(code, location=None):
    """A status, perhaps with another address."""

    def answer(handler, start, network):
        handler.send_response(code)
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def lying(length):
    """A length that is not that of the body, whole each time."""

    def answer(handler, start, network):
        head(handler, 0, length)
        handler.wfile.write(BODY)

    return answer


def changed(handler, start, network):
    """A newer version of the file, as far as it is asked for."""
    head(handler, start)
    handler.wfile.write(BODY[::-1][start:])


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "resources" / "photos.zip"


def get(network, target, checksum=CHECKSUM):
    """Fetch from the network; what was said."""
    lines = []
    source = Source(url=f"{network.address}/photos.zip", checksum=checksum)
    options = {"pauses": (0, 0), "timeout": 2, "report": lines.append}
    fetch(source, target, dataset="birds", **options)
    return lines


def fails(network, target, checksum=CHECKSUM):
    """The one sentence by which fetching fails, with all that is to be done by hand."""
    with pytest.raises(BlindmatchError) as caught:
        get(network, target, checksum)
    message = str(caught.value)
    for part in ("'birds'", "photos.zip", network.address, f"put it by hand into {target.parent}"):
        assert part in message
    assert "\n" not in message
    assert not target.exists()
    return message


def completes(network, target):
    """The next run, on a network that is well again."""
    network.answers = [whole]
    lines = get(network, target)
    assert target.read_bytes() == BODY
    assert os.listdir(target.parent) == [target.name]
    return lines


def partial_of(target):
    return target.with_name(f"{target.name}.partial")


def test_a_connection_that_stalls_is_given_up_and_resumed(network, target):
    network.answers = [stalling(300_001), stalling(1), whole]
    lines = get(network, target)
    assert target.read_bytes() == BODY
    # Every byte that had arrived was kept.
    assert network.ranges == [None, 300_001, 300_002]
    assert sum("timed out; trying again" in line for line in lines) == 2


def test_a_server_that_says_nothing_is_one_sentence_after_three_tries(network, target):
    network.answers = [silent]
    assert "could not be fetched (timed out)" in fails(network, target)
    assert len(network.ranges) == 3
    completes(network, target)


def test_slow_is_not_stalled(network, target):
    network.answers = [slow]
    get(network, target)
    assert target.read_bytes() == BODY
    assert len(network.ranges) == 1


def test_a_machine_that_answers_nothing_at_all_is_refused_by_name(network, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        network.address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert "refused" in fails(network, target)


def test_a_web_page_is_not_taken_for_the_file_and_spoils_nothing(network, target):
    target.parent.mkdir()
    partial_of(target).write_bytes(BODY[:1_500_000])
    network.answers = [page]
    assert "sent a web page instead of the file" in fails(network, target)
    network.ranges.clear()
    completes(network, target)
    assert network.ranges == [1_500_000]


def test_a_web_page_is_not_even_taken_without_a_checksum(network, target):
    network.answers = [page]
    assert "sent a web page" in fails(network, target, checksum=None)


@pytest.mark.parametrize(
    ("code", "tries"), [(403, 1), (404, 1), (410, 1), (500, 3), (502, 3), (503, 3), (504, 3)]
)
def test_an_error_of_the_server_is_named_and_tried_again_where_that_helps(
    code, tries, network, target
):
    network.answers = [refused(code)]
    assert f"HTTP Error {code}" in fails(network, target)
    assert len(network.ranges) == tries
    completes(network, target)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://example.org/photos.zip", "expected an address that starts with https"),
        ("ftp://example.org/photos.zip", "expected an address that starts with https"),
        ("file:///etc/hostname", "file:///etc/hostname' is not allowed"),
        ("/photos.zip", "infinite loop"),
    ],
)
def test_nobody_is_followed_to_an_unsafe_address(location, reason, network, target):
    network.answers = [refused(302, location)]
    with pytest.raises(BlindmatchError, match=re.escape(reason)):
        get(network, target)
    assert not target.exists()
    completes(network, target)


def test_a_redirect_on_the_own_machine_is_followed(network, target):
    network.answers = [refused(302, f"{network.address}/elsewhere"), whole]
    get(network, target)
    assert target.read_bytes() == BODY


def test_a_length_too_long_ends_in_three_tries(network, target):
    network.answers = [lying(len(BODY) + 10)]
    message = fails(network, target)
    assert f"connection lost after {len(BODY):,} of {len(BODY) + 10:,} bytes" in message
    completes(network, target)


def test_a_length_too_short_is_caught_by_the_checksum(network, target):
    network.answers = [lying(len(BODY) - 10)]
    found = hashlib.sha256(BODY[:-10]).hexdigest()
    assert f"arrived with checksum sha256:{found} and was removed" in fails(network, target)
    assert os.listdir(target.parent) == []
    completes(network, target)


def test_two_versions_are_not_glued_together(network, target):
    network.answers = [stalling(500_000), changed]
    assert "and was removed" in fails(network, target)
    assert os.listdir(target.parent) == []
    completes(network, target)


@pytest.fixture
def project(network, tmp_path):
    """A study with a dataset of one published file; the call that fetches it."""
    project = Project(tmp_path)
    write_embeddings(project)

    def published(study):
        source = {"url": f"{network.address}/photos.zip", "checksum": CHECKSUM}
        photos = {"loader": "image-folder", "sources": {"photos.zip": source}}
        study["datasets"]["photos"] = photos

    call = write_study(project, change=published)
    return project, ("resources/datasets/photos/photos.zip", *call)


def test_a_killed_download_goes_on_in_the_next_run(network, project):
    project, call = project
    target = project.root / call[0]
    network.answers = [stalling(1_200_000), whole]
    with open(project.root / "said.txt", "w") as said:
        run = project.start(*call, stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (partial_of(target).exists() and partial_of(target).stat().st_size == 1_200_000):
            assert time.monotonic() < deadline, (project.root / "said.txt").read_text()
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert not target.exists()
    project.build("--unlock", *call)
    assert "resuming after 1 MB" in project.build(*call)
    assert network.ranges == [None, 1_200_000]
    assert target.read_bytes() == BODY
    assert project.jobs(*call) == {}


def test_without_a_network_the_run_says_where_to_put_the_file(network, project):
    project, call = project
    target = project.root / call[0]
    network.answers = [refused(404)]
    output = project.fail(*call)
    (sentence,) = set(re.findall("^error: .*", output, re.MULTILINE))
    assert sentence == (
        f"error: dataset 'photos': photos.zip from {network.address}/photos.zip could not be "
        "fetched (HTTP Error 404: Not Found); put it by hand into resources/datasets/photos "
        f"(expected {CHECKSUM})"
    )
    assert "Traceback" not in output
    target.parent.mkdir(parents=True)
    target.write_bytes(BODY)
    project.build(*call)
    assert target.read_bytes() == BODY
    assert len(network.ranges) == 1
