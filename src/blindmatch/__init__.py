"""Blind matching of vision and language: concepts paired by structure alone."""

from blindmatch.errors import BlindmatchError

__all__ = ["QAP", "BlindmatchError", "Matching", "match", "quadratic_assignment", "solve", "verify"]
__version__ = "0.1.0"

_HOME = {
    "Matching": "blindmatch.qap",
    "QAP": "blindmatch.qap",
    "match": "blindmatch.matching",
    "quadratic_assignment": "blindmatch.optimize",
    "solve": "blindmatch.solvers",
    "verify": "blindmatch.certificate",
}


def __getattr__(name: str):
    if name in _HOME:
        import importlib

        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'blindmatch' has no attribute {name!r}")
