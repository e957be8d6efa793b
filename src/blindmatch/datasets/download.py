"""Downloads that resume, are verified before they count, and fail in one sentence."""

import contextlib
import http.client
import io
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.progress import Progress, Report, Ticker, say
from blindmatch.provenance import file_digest
from blindmatch.settings import Source
from blindmatch.storage import open_alone

_CHUNK_BYTES = 1 << 18
_MEGABYTE = 1_000_000
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PASSING = (408, 425, 429, 500, 502, 503, 504)


def verify(path: str | Path, source: Source, *, dataset: str, report: Report = say) -> None:
    """Check that a file is the one that the configuration means.

    Raises
    ------
    BlindmatchError
        If it is missing or its checksum differs.
    """
    path = Path(path)
    if not path.is_file():
        raise BlindmatchError(_by_hand(path, source, dataset, "is missing"))
    if source.checksum is None:
        report(f"{path}: taken as it is, the configuration has no checksum for it")
        return
    found = _digest(path, source.checksum)
    if found != source.checksum:
        raise BlindmatchError(
            f"{path}: has checksum {found}, expected {source.checksum}; delete it or mend "
            f"datasets.{dataset}.sources"
        )


def fetch(
    source: Source,
    destination: str | Path,
    *,
    dataset: str,
    report: Report = say,
    pauses: Sequence[float] = (1.0, 5.0),
    timeout: float = 60.0,
) -> None:
    """Download a file unless it is there; afterwards it is verified and complete.

    An interrupted download goes on from ``<destination>.partial``.

    Parameters
    ----------
    source : Source
    destination : path-like
        A file that is already there, put by hand perhaps, is verified and never overwritten.
    dataset : str
        Slug, for messages.
    report : callable
        Takes lines of progress.
    pauses : sequence of float
        Seconds before each new try; there is one try more than pauses.
    timeout : float
        Seconds without a byte after which a connection counts as lost.

    Raises
    ------
    BlindmatchError
        If the file cannot be had: what, from where, with which checksum, and where to put it.
    """
    destination = Path(destination)
    if destination.exists():
        verify(destination, source, dataset=dataset, report=report)
        return
    if source.url is None:
        reason = "is not published at a fixed address"
        raise BlindmatchError(_by_hand(destination, source, dataset, reason))
    _check_address(source.url)
    partial = Path(f"{destination}.partial")
    with _explained_disk(partial):
        partial.parent.mkdir(parents=True, exist_ok=True)
    with _alone(partial, report):
        if destination.exists():  # the process that was waited for has fetched it
            verify(destination, source, dataset=dataset, report=report)
            return
        if source.checksum is None:
            # Without a checksum nothing would tell that two versions were glued together.
            os.truncate(partial, 0)
        for pause in (*pauses, None):
            try:
                _transfer(source.url, partial, timeout, report)
                break
            except (OSError, http.client.HTTPException) as error:
                reason = str(error).strip("<>") or type(error).__name__
                final = isinstance(error, urllib.error.HTTPError) and error.code not in _PASSING
                if pause is None or final:
                    reason = f"could not be fetched ({reason})"
                    message = _by_hand(destination, source, dataset, reason)
                    raise BlindmatchError(message) from error
                report(f"{source.url}: {reason}; trying again in {pause:g} s")
                time.sleep(pause)
        _publish(partial, destination, source, dataset, report)


@contextlib.contextmanager
def _alone(partial: Path, report: Report) -> Iterator[None]:
    """Hold a partial file for this process alone: projects may share a folder of downloads."""
    with _explained_disk(partial):
        stream = open_alone(partial, report)
    with stream:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if not partial.stat().st_size:
                    partial.unlink()


def _publish(
    partial: Path, destination: Path, source: Source, dataset: str, report: Report
) -> None:
    with _explained_disk(partial):
        if source.checksum is None:
            report(f"{destination}: not verified, the configuration has no checksum for it")
        else:
            found = _digest(partial, source.checksum)
            if found != source.checksum:
                partial.unlink()
                reason = f"arrived with checksum {found} and was removed"
                raise BlindmatchError(_by_hand(destination, source, dataset, reason))
        os.replace(partial, destination)


def _by_hand(path: Path, source: Source, dataset: str, reason: str) -> str:
    return (
        f"dataset {dataset!r}: {path.name} from {source.url or 'its publisher'} {reason}; put it "
        f"by hand into {path.parent} (expected {source.checksum or 'no particular checksum'})"
    )


def _digest(path: Path, checksum: str) -> str:
    algorithm = checksum.partition(":")[0]
    return f"{algorithm}:{file_digest(path, algorithm)}"


def _check_address(url: str) -> None:
    """Refuse what could be altered on its way; the own machine needs no encryption."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise BlindmatchError(f"{url}: expected an address that starts with https://")


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _transfer(url: str, partial: Path, timeout: float, report: Report) -> None:
    """Append to `partial` what is missing of the file at `url`; it returns when all is there."""
    done = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": "blindmatch", **({"Range": f"bytes={done}-"} if done else {})}
    opener = urllib.request.build_opener(_CheckedRedirects)
    # The scheme was checked, and is again at each redirect.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            return  # Nothing lies beyond what we hold: the checksum decides whether that is it.
        raise
    with response:
        if response.headers.get_content_type() == "text/html" and not _is_page(partial):
            raise http.client.HTTPException("sent a web page instead of the file")
        start = _first_byte(response)
        if start not in (0, done):
            raise http.client.HTTPException(f"sent bytes from {start:,} on, asked for {done:,}")
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        if start:
            report(f"{partial}: resuming after {start // _MEGABYTE:,} MB")
        received = start + _copy(response, partial, start, total, report)
    if total is not None and received < total:
        raise ConnectionError(f"connection lost after {received:,} of {total:,} bytes")


def _is_page(partial: Path) -> bool:
    return partial.with_suffix("").suffix in (".htm", ".html")


def _first_byte(response: http.client.HTTPResponse) -> int:
    if response.status != http.client.PARTIAL_CONTENT:
        return 0
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if match is None:
        raise http.client.HTTPException("partial content without a Content-Range")
    return int(match[1])


def _copy(
    response: http.client.HTTPResponse,
    partial: Path,
    start: int,
    total: int | None,
    report: Report,
) -> int:
    """Write the body behind the first `start` bytes of `partial`; number of bytes received."""
    received = 0
    show = _meter(start, total, report)
    with _opened(partial, start) as stream:
        # What has arrived and no more: it is safe on disk if the connection stalls.
        while chunk := response.read1(_CHUNK_BYTES):
            with _explained_disk(partial):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[stream.write(rest) :]
            received += len(chunk)
            show(start + received)
    return received


def _meter(start: int, total: int | None, report: Report) -> Callable[[int], None]:
    """A function of the bytes at hand that reports progress in whole megabytes."""
    if total is None:
        tick = Ticker(report)
        return lambda count: tick(lambda: f"downloaded {count // _MEGABYTE:,} MB of unknown size")
    shown = start // _MEGABYTE
    progress = Progress("downloaded", "MB", -(-total // _MEGABYTE), done=shown, report=report)

    def show(count: int) -> None:
        nonlocal shown
        now = -(-total // _MEGABYTE) if count >= total else count // _MEGABYTE
        if now > 0:
            progress.advance(now - shown)
            shown = now

    return show


def _opened(partial: Path, start: int) -> io.FileIO:
    """`partial`, cut to its first `start` bytes, unbuffered so that a full disk shows at once."""
    with _explained_disk(partial):
        return open(partial, "ab" if start else "wb", buffering=0)


@contextlib.contextmanager
def _explained_disk(partial: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BlindmatchError(
            f"{partial}: cannot be written ({error.strerror or error}); nothing was published, "
            "what has arrived is kept for the next try"
        ) from error
