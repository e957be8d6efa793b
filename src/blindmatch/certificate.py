"""Certificates: proofs of bounds as files, written by solvers and checked by `blindmatch.proof`."""

import dataclasses
import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import exact_cost, float_below
from blindmatch.progress import Report, Ticker
from blindmatch.proof import Check, Nodes, Step
from blindmatch.qap import QAP
from blindmatch.storage import publish

_FORMAT = 1
#: What NumPy raises at files that are no archive of the arrays of a certificate.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    EOFError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """A proof that no permutation of a problem costs less than `bound`.

    Attributes
    ----------
    problem : str
        `QAP.digest` of the (square) problem.
    permutation : np.ndarray, shape (N,)
        The best one that the solver found.
    bound : float
    target : int
        Units (`blindmatch.fixed_point`) at which a node of the tree is done.
    nodes : mapping
        Steps of each node of the tree, by its fixed pairs (a frozenset); see `blindmatch.proof`.
    factor : np.ndarray, shape (N^2 + 1, r), int64, optional
        F of `blindmatch.proof.lowered`: the tree is about the problem less a semidefinite form.
    factor_shift : int
    """

    problem: str
    permutation: np.ndarray
    bound: float
    target: int
    nodes: Nodes
    factor: np.ndarray | None = None
    factor_shift: int = 0

    def save(self, path: str | Path) -> None:
        """Write a compressed ``.npz`` file, whole or not at all."""
        arrays = self._arrays()
        arrays["sha256"] = np.array(_content_digest(arrays))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        publish(path, buffer.getvalue())

    def _arrays(self) -> dict[str, np.ndarray]:
        pairs, depths, sizes, lines, low = [], [], [], [], []
        parts = {"P": [], "Q": [], "beta": []}
        for fixed, steps in self.nodes.items():
            for step in steps:
                pairs += [pair for both in sorted(fixed) for pair in both]
                depths.append(len(fixed))
                sizes.append(len(step.P))
                lines.append(step.line)
                low.append(step.lowered)
                for name, part in parts.items():
                    part.append(getattr(step, name).ravel())
        empty = {"P": np.int32, "Q": np.int32, "beta": np.int64}
        factor = np.empty((0, 0), np.int64) if self.factor is None else self.factor
        return {
            "format": np.array(_FORMAT),
            "problem": np.array(self.problem),
            "permutation": self.permutation,
            "bound": np.array(self.bound),
            "target": np.array(self.target),
            "factor": factor,
            "factor_shift": np.array(self.factor_shift),
            "pairs": np.array(pairs, dtype=np.int64),
            "depths": np.array(depths, dtype=np.int64),
            "sizes": np.array(sizes, dtype=np.int64),
            "lines": np.array(lines, dtype=np.int64),
            "lowered": np.array(low, dtype=bool),
        } | {
            name: np.concatenate([np.empty(0, empty[name]), *part]) for name, part in parts.items()
        }

    @classmethod
    def load(cls, path: str | Path) -> "Certificate":
        """Read what `save` wrote.

        Raises
        ------
        BlindmatchError
            If the file is missing, no certificate, damaged or changed.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            written = str(arrays.pop("sha256"))
            known = int(arrays["format"]) == _FORMAT
            certificate = cls._of(arrays) if known else None
        except FileNotFoundError:
            raise BlindmatchError(f"{path}: expected a certificate, found no such file") from None
        except _UNREADABLE as error:
            raise BlindmatchError(
                f"{path}: expected a certificate, cannot read it: {error}"
            ) from None
        if certificate is None:
            raise BlindmatchError(f"{path}: expected certificate format {_FORMAT}")
        if written != _content_digest(arrays):
            raise BlindmatchError(f"{path}: the certificate has been changed since it was written")
        return certificate

    @classmethod
    def _of(cls, arrays: dict[str, np.ndarray]) -> "Certificate":
        return cls(
            str(arrays["problem"]),
            arrays["permutation"],
            float(arrays["bound"]),
            int(arrays["target"]),
            _nodes(arrays),
            arrays["factor"] if arrays["factor"].size else None,
            int(arrays["factor_shift"]),
        )


def _nodes(arrays: dict[str, np.ndarray]) -> Nodes:
    nodes: dict[frozenset, list[Step]] = {}
    cubes = lines = pairs = 0
    names = ("depths", "sizes", "lines", "lowered")
    for depth, size, line, low in zip(*(arrays[name].tolist() for name in names), strict=True):
        fixed = arrays["pairs"][pairs : pairs + 2 * depth].reshape(-1, 2).tolist()
        cube = slice(cubes, cubes + size**3)
        P, Q = (arrays[name][cube].reshape(size, size, size) for name in "PQ")
        step = Step(P, Q, arrays["beta"][lines : lines + size], line, low)
        nodes.setdefault(frozenset(map(tuple, fixed)), []).append(step)
        cubes, lines, pairs = cubes + size**3, lines + size, pairs + 2 * depth
    return nodes


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a certificate proves.

    Attributes
    ----------
    bound : float
        No permutation costs less.
    cost : float
        Cost of the certificate's permutation, rounded downwards.
    steps : int
        Duals that were checked.
    """

    bound: float
    cost: float
    steps: int

    @property
    def gap(self) -> float:
        """(cost - bound) / |cost|; 0 where they are equal."""
        if self.cost == self.bound:
            return 0.0
        return (self.cost - self.bound) / abs(self.cost) if self.cost else float("inf")


def verify(
    certificate: Certificate | str | Path, problem: QAP, *, progress: Report | None = None
) -> Verdict:
    """Check a certificate against a problem, in integers and without the solvers' code.

    A step of n items takes O(n^4) operations and O(n^3) memory in NumPy.

    Parameters
    ----------
    certificate : Certificate or path of one
    problem : QAP
        A rectangular one is made square, as `solve` does.
    progress : callable, optional
        Called with a sentence now and then.

    Raises
    ------
    BlindmatchError
        If it belongs to another problem, is damaged, or does not prove the bound that it states.
    """
    if not isinstance(certificate, Certificate):
        certificate = Certificate.load(certificate)
    problem = problem.square()
    if certificate.problem != problem.digest:
        raise BlindmatchError(
            f"certificate: made for problem {certificate.problem[:12]}, found problem "
            f"{problem.digest[:12]}"
        )
    problem.cost(certificate.permutation)  # refuses what is no permutation
    cost = exact_cost(problem, certificate.permutation)
    check = Check(
        problem,
        certificate.target,
        certificate.nodes,
        factor=certificate.factor,
        factor_shift=certificate.factor_shift,
        ticker=Ticker(progress),
    )
    proved = check.run()
    if not proved >= certificate.bound:
        raise BlindmatchError(
            f"certificate: states the bound {certificate.bound!r}, but proves only {proved!r}"
        )
    return Verdict(certificate.bound, float_below(cost), check.done)


def _content_digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
