"""What made an artefact: digests of code and data, versions of libraries."""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from blindmatch.errors import BlindmatchError


def file_digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def text_digest(*texts: str) -> str:
    """Hexadecimal sha256 of some strings; their borders count."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"{len(text.encode())}:{text}".encode())
    return digest.hexdigest()


def version_of(*libraries: str) -> dict[str, str]:
    """Installed version of each library, "absent" where it is not installed.

    Parameters
    ----------
    *libraries : str
        Names of distributions or, where these differ, those by which they are imported.
    """
    versions = {}
    for name in libraries:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            distributions = _distributions().get(name)
            found = distributions and importlib.metadata.version(distributions[0])
            versions[name] = found or "absent"
    return versions


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Import name -> distributions, of all that is installed: slow, so only where it is needed."""
    return importlib.metadata.packages_distributions()


def code_digest(*modules: str) -> str:
    """Digest of the logic of some modules, for the `params:` of a rule.

    Only the syntax tree counts: comments, docstrings and formatting do not. Modules are located
    without being executed, and the modules that they import are not followed: name each one whose
    logic must invalidate the output.

    Parameters
    ----------
    *modules : str
        Dotted names; a package stands for its `__init__` alone.

    Raises
    ------
    BlindmatchError
        If a module does not exist or has no Python source.
    """
    return text_digest(*(text for name in sorted(set(modules)) for text in (name, _logic(name))))[
        :16
    ]


@functools.cache
def _logic(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or not (spec.origin or "").endswith(".py"):
        raise BlindmatchError(f"code_digest: module {module!r} has no Python source")
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
