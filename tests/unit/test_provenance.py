import sys

import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.provenance import _logic, code_digest, text_digest, version_of


@pytest.fixture
def digest_of(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def digest(source):
        (tmp_path / "somecode.py").write_text(source)
        _logic.cache_clear()
        return code_digest("somecode")

    yield digest
    sys.modules.pop("somecode", None)


def test_comments_docstrings_and_layout_do_not_count(digest_of):
    assert digest_of("def f(x):\n    return x + 1\n") == digest_of(
        '"""Module."""\n\n\ndef f(x):  # adds\n    """One more."""\n    return (x +\n        1)\n'
    )


def test_logic_counts(digest_of):
    assert digest_of("def f(x):\n    return x + 1\n") != digest_of("def f(x):\n    return x + 2\n")


def test_the_order_of_modules_does_not_count():
    names = ["blindmatch.kernels", "blindmatch.losses"]
    assert code_digest(*names) == code_digest(*reversed(names))
    assert code_digest(*names) != code_digest(names[0])


def test_a_module_that_does_not_exist_is_named():
    with pytest.raises(BlindmatchError, match=r"'blindmatch\.kernel' has no Python source"):
        code_digest("blindmatch.kernel")


def test_borders_between_texts_count():
    assert text_digest("ab", "c") != text_digest("a", "bc")


def test_versions_say_what_is_absent():
    versions = version_of("numpy", "no-such-distribution")
    assert versions["numpy"][0].isdigit()
    assert versions["no-such-distribution"] == "absent"
