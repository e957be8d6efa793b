"""What tests of hostile files share."""

import io
import zipfile

import pytest

from blindmatch.errors import BlindmatchError


class Dangerous:
    """What a pickle of this makes when it is loaded is a file."""

    def __reduce__(self):
        return exec, ("open('ran.txt', 'w').close()",)


def refused(read, path, *words, name=None):
    with pytest.raises(BlindmatchError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 800
    assert (name or path.name) in message
    for word in words:
        assert word in message, message


def expect(true: bool, found: object = None) -> None:
    if not true:
        raise AssertionError(f"a wrong answer: {str(found)[:200]}")


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()
