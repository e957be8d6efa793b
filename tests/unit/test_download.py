"""Downloads against a real server on this machine."""

import contextlib
import hashlib
import http.server
import re
import threading

import pytest

from blindmatch.datasets.download import fetch, verify
from blindmatch.errors import BlindmatchError
from blindmatch.settings import Source

BODY = bytes(range(256)) * 12_000  # 3 MB
CHECKSUM = "sha256:" + hashlib.sha256(BODY).hexdigest()


class Server:
    """Serves BODY at /file; a test sets how it misbehaves."""

    def __init__(self):
        self.ranges = []  # Range header of each request
        self.drop_after = {}  # number of the request -> bytes sent before the connection drops
        self.codes = {}  # number of the request -> status sent instead
        self.honours_range = True
        self.says_length = True
        self.redirect = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer._answer(self)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/file"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler):
        number = len(self.ranges)
        self.ranges.append(handler.headers.get("Range"))
        if self.redirect:
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.end_headers()
            return
        if number in self.codes:
            handler.send_error(self.codes[number])
            return
        match = re.fullmatch(r"bytes=(\d+)-", self.ranges[-1] or "")
        start = int(match[1]) if match and self.honours_range else 0
        if start >= len(BODY):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        if self.says_length:
            handler.send_header("Content-Length", str(len(BODY) - start))
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(BODY[start:][: self.drop_after.get(number)])
        handler.close_connection = True


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def destination(tmp_path):
    return tmp_path / "resources" / "archive.tar.gz"


def get(server, destination, checksum=CHECKSUM, **options):
    lines = []
    source = Source(url=server.url, checksum=checksum)
    fetch(source, destination, dataset="demo", report=lines.append, pauses=(0, 0), **options)
    return lines


def partial_of(destination):
    return destination.with_name(destination.name + ".partial")


def test_a_download_is_verified_and_leaves_no_partial_file(server, destination):
    lines = get(server, destination)
    assert destination.read_bytes() == BODY
    assert [path.name for path in destination.parent.iterdir()] == [destination.name]
    assert any(re.match(r"downloaded 4 / 4 MB in .* MB/s", line) for line in lines)


def test_a_dropped_connection_resumes_where_it_stopped(server, destination):
    server.drop_after = {0: 1_000_000, 1: 500_000}
    lines = get(server, destination)
    assert destination.read_bytes() == BODY
    assert server.ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert any("connection lost after 1,000,000 of 3,072,000 bytes" in line for line in lines)
    assert any("resuming after 1 MB" in line for line in lines)


def test_an_earlier_run_is_resumed(server, destination):
    destination.parent.mkdir()
    partial_of(destination).write_bytes(BODY[:2_000_001])
    get(server, destination)
    assert server.ranges == ["bytes=2000001-"]
    assert destination.read_bytes() == BODY


def test_a_complete_partial_file_is_published(server, destination):
    destination.parent.mkdir()
    partial_of(destination).write_bytes(BODY)
    get(server, destination)
    assert destination.read_bytes() == BODY


def test_a_server_without_ranges_starts_afresh(server, destination):
    server.honours_range = False
    destination.parent.mkdir()
    partial_of(destination).write_bytes(b"old" * 100)
    get(server, destination)
    assert destination.read_bytes() == BODY


def test_an_unknown_length_is_no_hindrance(server, destination):
    server.says_length = False
    get(server, destination)
    assert destination.read_bytes() == BODY


def test_a_passing_error_is_tried_again(server, destination):
    server.codes = {0: 503, 1: 429}
    get(server, destination)
    assert len(server.ranges) == 3
    assert destination.read_bytes() == BODY


def test_after_three_tries_one_sentence_says_everything(server, destination):
    server.drop_after = {0: 10, 1: 10, 2: 10}
    with pytest.raises(BlindmatchError) as caught:
        get(server, destination)
    message = str(caught.value)
    for part in ("demo", "archive.tar.gz", server.url, CHECKSUM, str(destination.parent)):
        assert part in message
    assert len(server.ranges) == 3
    assert "\n" not in message
    assert not destination.exists()
    assert partial_of(destination).read_bytes() == BODY[:30]


def test_a_missing_page_is_not_tried_again(server, destination):
    server.codes = {0: 404}
    with pytest.raises(BlindmatchError, match="404"):
        get(server, destination)
    assert len(server.ranges) == 1


def test_a_refused_connection_is_one_sentence(server, destination):
    server.close()
    with pytest.raises(BlindmatchError, match=r"refused.*put it by hand into"):
        get(server, destination)


def test_a_wrong_checksum_publishes_nothing(server, destination):
    wrong = "md5:" + "0" * 32
    with pytest.raises(BlindmatchError, match=f"was removed.*expected {wrong}"):
        get(server, destination, checksum=wrong)
    assert list(destination.parent.iterdir()) == []


def test_without_a_checksum_an_old_partial_file_is_not_trusted(server, destination):
    destination.parent.mkdir()
    partial_of(destination).write_bytes(b"another version")
    lines = get(server, destination, checksum=None)
    assert destination.read_bytes() == BODY
    assert any("not verified" in line for line in lines)


def test_a_full_disk_is_one_sentence_and_publishes_nothing(server, destination):
    destination.parent.mkdir()
    partial_of(destination).symlink_to("/dev/full")
    with pytest.raises(BlindmatchError, match=r"No space left on device.*nothing was published"):
        get(server, destination)
    assert not destination.exists()
    assert len(server.ranges) == 1


def test_a_file_put_by_hand_is_not_fetched(server, destination):
    destination.parent.mkdir()
    destination.write_bytes(BODY)
    get(server, destination)
    assert server.ranges == []


def test_a_wrong_file_put_by_hand_is_refused_and_kept(server, destination):
    destination.parent.mkdir()
    destination.write_bytes(b"something else")
    found = "sha256:" + hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(BlindmatchError, match=f"archive.tar.gz.*{found}.*{CHECKSUM}"):
        get(server, destination)
    assert destination.read_bytes() == b"something else"


def test_without_an_address_the_sentence_says_where_to_put_the_file(destination):
    with pytest.raises(BlindmatchError, match=r"archive\.tar\.gz.*put it by hand into .*resources"):
        fetch(Source(checksum=CHECKSUM), destination, dataset="demo")


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ftp://example.org/x", "file:///etc/hosts"]
)
def test_only_https_is_trusted(url, destination):
    with pytest.raises(BlindmatchError, match="https"):
        fetch(Source(url=url), destination, dataset="demo")


def test_a_redirect_to_an_unsafe_address_is_refused(server, destination):
    server.redirect = "http://example.org/file"
    with pytest.raises(BlindmatchError, match=r"http://example\.org/file.*https"):
        get(server, destination)


def test_a_missing_checksum_is_said_aloud(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    lines = []
    verify(tmp_path / "file", Source(), dataset="demo", report=lines.append)
    assert len(lines) == 1
    assert "no checksum" in lines[0]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BlindmatchError, match=f"file.*is missing.*{tmp_path}"):
        verify(tmp_path / "file", Source(url="https://example.org/file"), dataset="demo")
