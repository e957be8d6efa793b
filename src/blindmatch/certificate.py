"""Certificates: proofs of bounds as files, written by solvers and checked by `blindmatch.proof`."""

import dataclasses
import hashlib
import io
from pathlib import Path

import numpy as np

from blindmatch.array_files import read_npz
from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import exact_cost, float_below
from blindmatch.progress import Report, Ticker
from blindmatch.proof import Check, Nodes, Step
from blindmatch.qap import QAP
from blindmatch.reading import one_line, reading
from blindmatch.storage import publish

_FORMAT = 1
#: Arrays of a file: kind and number of dimensions.
_ARRAYS = {
    "format": ("i", 0),
    "problem": ("U", 0),
    "permutation": ("i", 1),
    "bound": ("f", 0),
    "target": ("i", 0),
    "factor": ("i", 2),
    "factor_shift": ("i", 0),
    "pairs": ("i", 1),
    "depths": ("i", 1),
    "sizes": ("i", 1),
    "lines": ("i", 1),
    "lowered": ("b", 1),
    "P": ("i", 1),
    "Q": ("i", 1),
    "beta": ("i", 1),
    "sha256": ("U", 0),
}
#: A step takes a hundred times the memory of its entries in a file, and a millisecond to check.
_MOST_STEPS = 2_000_000


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
        arrays = read_npz(path, "certificate")
        with reading(path, "certificate"):
            _check_arrays(arrays, path)
            if arrays["format"] != _FORMAT:
                raise BlindmatchError(
                    f"{path}: expected certificate format {_FORMAT}, found {arrays['format']}"
                )
            if str(arrays.pop("sha256")) != _content_digest(arrays):
                raise BlindmatchError(
                    f"{path}: the certificate has been changed since it was written"
                )
            return cls._of(arrays)

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


def _check_arrays(arrays: dict[str, np.ndarray], path: str | Path) -> None:
    """Refuse what `Certificate.save` does not write, whoever computed its checksum."""
    if set(arrays) != set(_ARRAYS):
        found = one_line(", ".join(sorted(arrays))) or "none"
        raise BlindmatchError(
            f"{path}: not a readable certificate (expected arrays {', '.join(sorted(_ARRAYS))}; "
            f"found {found})"
        )
    for name, (kind, dimensions) in _ARRAYS.items():
        array = arrays[name]
        if (array.dtype.kind, array.ndim) != (kind, dimensions):
            raise BlindmatchError(
                f"{path}: not a readable certificate (array {name!r} is {array.dtype} of "
                f"{array.ndim} dimensions, expected kind {kind!r} of {dimensions})"
            )
    steps = len(arrays["sizes"])
    if steps > _MOST_STEPS:
        raise BlindmatchError(f"{path}: expected at most {_MOST_STEPS:,} steps, found {steps:,}")
    if min(arrays["sizes"].min(initial=0), arrays["depths"].min(initial=0)) < 0:
        raise BlindmatchError(f"{path}: expected sizes and depths of at least 0, found less")


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
        path, certificate = certificate, Certificate.load(certificate)
        try:
            return verify(certificate, problem, progress=progress)
        except BlindmatchError as error:
            raise BlindmatchError(f"{path}: {error}") from None
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
