"""Every reader of files from outside: valid files to start from, and what a result must be like.

A case is made of an inner part, which is damaged, and of `seal`, which makes the file around it
with right checksums, as somebody would who means harm.
"""

import dataclasses
import functools
import gzip
import hashlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from blindmatch import certificate, qap, storage
from blindmatch.array_files import read_npy, read_npz
from blindmatch.cli_files import read_anchors, read_names
from blindmatch.config import load_config, read_yaml
from blindmatch.datasets import _tables
from tests import datafiles
from tests.fuzz.dataset_readers import (
    caption_tables,
    captions,
    image_zip,
    images,
    karpathy,
    listed_images,
    pickles,
    read_captions,
    read_image,
    read_image_zip,
    read_listed,
    read_pairs,
    read_shards,
    read_source,
    read_texts,
    seal_captions,
    seal_pickle,
    seal_shard,
    shards,
    tar,
    text_tables,
)
from tests.fuzz.hostile import expect, zipped

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(5)
EMBEDDINGS = RNG.normal(size=(12, 5)).astype(np.float32)
LABELS = ["cat", "dög", "fox"] * 4
ROWS = [{"rank": number, "metric": "gw", "cost": number / 3} for number in range(50)]
PROBLEM = qap.QAP(*RNG.normal(size=(2, 4, 4)))


@dataclasses.dataclass(frozen=True)
class Reader:
    """How to fuzz one reader.

    Attributes
    ----------
    name : str
        Of the file that is written.
    seeds : callable
        Folder to work in -> inner parts of valid files.
    read : callable
        Path -> nothing; it asserts what must be true of the result.
    seal : callable
        Inner part -> file.
    lines : int
        Of the longest message.
    """

    name: str
    seeds: Callable[[Path], list[bytes]]
    read: Callable[[Path], None]
    seal: Callable[[bytes], bytes] = bytes
    lines: int = 1


# --- caches and tables of the workflow --------------------------------------------------------


def _cache(folder: Path) -> list[bytes]:
    arrays = {"embeddings": EMBEDDINGS, "names": np.array(LABELS), "count": np.array(3)}
    storage.write_cache(folder / "a.h5", "embeddings", arrays, {"model": "toy", "gap": 0.5})
    return [(folder / "a.h5").read_bytes()]


def _read_sealed_cache(path: Path) -> None:
    cache = storage.open_embeddings(path)
    storage.check_embeddings(cache.arrays["embeddings"], "")
    for array in cache.arrays.values():
        expect(array.dtype.kind in "biufU", array.dtype)


def _read_damaged_cache(path: Path) -> None:
    found = storage.open_embeddings(path).arrays["embeddings"]
    expect(np.array_equal(found, EMBEDDINGS), found)


def _seal_cache(image: bytes) -> bytes:
    """A cache with the right checksum.

    Its heap of texts is left whole: HDF5 2.0 reads some damaged heaps forever, and caches, unlike
    files of embeddings, are not read on trial.
    """
    heap, place = _heap(), image.find(b"GCOL")
    if place >= 0:
        image = image[:place] + heap + image[place + len(heap) :]
    return with_checksum(image)


def with_checksum(image: bytes) -> bytes:
    """A file of HDF5 as a cache of embeddings."""
    header = f"blindmatch embeddings 1 sha256:{hashlib.sha256(image).hexdigest()}\n"
    return header.encode().ljust(512, b"\0") + image


@functools.cache
def _heap() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        whole = _cache(Path(folder))[0]
    place = whole.index(b"GCOL")
    return whole[place : place + int.from_bytes(whole[place + 8 : place + 16], "little")]


def _table(folder: Path) -> list[bytes]:
    storage.write_table(folder / "a.parquet", ROWS, {"names": {"vision": "dino"}})
    return [(folder / "a.parquet").read_bytes()]


def _read_rows(path: Path) -> None:
    expect(storage.read_table(path) == (ROWS, {"names": {"vision": "dino"}}))


# --- embeddings and labels of a user ----------------------------------------------------------


def _embeddings(suffix: str, **options) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        path = folder / f"a{suffix}"
        contents = []
        for labels in (None, LABELS, list(range(12))):
            datafiles.write_embeddings(path, EMBEDDINGS, labels)
            contents.append(path.read_bytes())
        return contents

    return seeds


def _npy(array: np.ndarray, **options) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=True, **options)
    return stream.getvalue()


def _arrays(folder: Path) -> list[bytes]:
    kinds = (EMBEDDINGS, EMBEDDINGS.astype(">f8"), np.asfortranarray(EMBEDDINGS))
    rare = _npy(EMBEDDINGS, version=(2, 0)), _npy(np.array([{}], dtype=object))
    return [*map(_npy, kinds), *rare, _npy(np.array(LABELS))]


def _read_embeddings(path: Path) -> None:
    table = _tables.read_table(path)
    expect(table.embeddings.dtype in (np.float32, np.float64), table.embeddings.dtype)
    expect(table.embeddings.dtype.isnative)
    storage.check_embeddings(table.embeddings, "")
    expect(table.labels is None or len(table.labels) == len(table.embeddings))


def _read_labels(path: Path) -> None:
    expect(all(isinstance(label, str) for label in _tables.read_labels(path)))


def _seal_npz(inner: bytes) -> bytes:
    return zipped({"embeddings.npy": inner, "labels.npy": _npy(np.array(LABELS))})


def _read_names(path: Path) -> None:
    expect(len(read_names(str(path), 12)) == 12)


def _read_anchors(path: Path) -> None:
    PROBLEM.anchored(read_anchors(str(path)))


# --- problems and proofs ----------------------------------------------------------------------


def _problem(folder: Path) -> list[bytes]:
    PROBLEM.save(folder / "a.npz")
    return [(folder / "a.npz").read_bytes()]


def _read_problem(path: Path) -> None:
    found = qap.QAP.load(path)
    expect(bool(np.isfinite(found.A).all() and np.isfinite(found.B).all()))


def _certificate(folder: Path) -> list[bytes]:
    from blindmatch.solvers import solve

    solve(PROBLEM, "hahn-grant").certificate.save(folder / "a.npz")
    return [(folder / "a.npz").read_bytes()]


def _certificate_arrays(folder: Path) -> list[bytes]:
    _certificate(folder)
    with np.load(folder / "a.npz") as file:
        return [name.encode() + b"\0" + _npy(file[name]) for name in sorted(file.files)]


def _seal_certificate(inner: bytes) -> bytes:
    """The certificate with one array replaced and the right checksum, where there can be one."""
    name, _, content = inner.partition(b"\0")
    parts = dict(part.split(b"\0", 1) for part in _whole_certificate())
    parts[name if name in parts else b"P"] = content
    try:
        arrays = {
            name.decode(): np.load(io.BytesIO(part), allow_pickle=False)
            for name, part in parts.items()
            if name != b"sha256"
        }
        parts[b"sha256"] = _npy(np.array(certificate._content_digest(arrays)))
    except Exception:  # what numpy refuses has no checksum
        pass
    return zipped({f"{name.decode()}.npy": part for name, part in parts.items()})


@functools.cache
def _whole_certificate() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return _certificate_arrays(Path(folder))


def _read_certificate(path: Path) -> None:
    verdict = certificate.verify(path, PROBLEM)
    expect(verdict.bound <= _least_cost() + 1e-9, verdict)


@functools.cache
def _least_cost() -> float:
    from blindmatch.solvers import solve

    return solve(PROBLEM, "brute-force").cost


# --- checkpoints of trainings -----------------------------------------------------------------


def _checkpoint(folder: Path) -> list[bytes]:
    import torch

    from blindmatch.alignment._checkpoint import save_checkpoint

    state = {"student": {"weight": torch.ones(3, 2)}, "done": 5, "history": [{"loss": 0.5}]}
    save_checkpoint(folder / "a.pt", "one", state)
    return [(folder / "a.pt").read_bytes()]


def _read_checkpoint(path: Path) -> None:
    from blindmatch.alignment._checkpoint import load_checkpoint

    found = load_checkpoint(path, "one", "cpu", None)
    expect(found is None or found["done"] == 5, found)


# --- settings ---------------------------------------------------------------------------------


def _settings(folder: Path) -> list[bytes]:
    shipped = [(ROOT / f"config/{name}.yaml").read_bytes() for name in ("config", "solvers")]
    tricky = b"seed: 3\nx: &a {b: 1.5, c: [true, ~]}\ny: {<<: *a, d: 0x10}\nbuild: ['a', \"b\"]\n"
    entry = {"loader": "embeddings", "embeddings": {"a-b": "x.npy"}, "classes": 3}
    whole = yaml.safe_dump({"datasets": {"mine": entry}, "draws": 3}).encode()
    return [whole, tricky, *shipped]


def _read_settings(path: Path) -> None:
    from blindmatch.alignment.methods import methods
    from blindmatch.alignment.teachers import teachers
    from blindmatch.clusterings import clusterings
    from blindmatch.datasets import loaders
    from blindmatch.metrics import metrics
    from blindmatch.models import families
    from blindmatch.solvers import solvers

    found = load_config(
        read_yaml(path),
        loaders=loaders,
        families=families,
        metrics=metrics,
        solvers=solvers,
        clusterings=clusterings,
        teachers=teachers,
        methods=methods,
    )
    json.dumps(found, allow_nan=False).encode()


def _lines(*texts: str) -> Callable[[Path], list[bytes]]:
    return lambda folder: [text.encode() for text in texts]


_NAMES = "".join(f"{label}\n" for label in LABELS)
_QAPLIB = "2\n\n 0 1\r\n 2 0\n\n0 3 4\t0"
_CSV = "image,label\n" + "".join(f'"x.png",{label}\n' for label in LABELS)

READERS: dict[str, Reader] = {
    "cache": Reader("a.h5", _cache, _read_damaged_cache),
    "cache-sealed": Reader(
        "a.h5",
        lambda folder: [data[512:] for data in _cache(folder)],
        _read_sealed_cache,
        _seal_cache,
    ),
    "table": Reader("a.parquet", _table, _read_rows),
    "npy": Reader("a.npy", _arrays, _read_embeddings),
    "npz": Reader("a.npz", _embeddings(".npz"), _read_embeddings),
    "npz-sealed": Reader("a.npz", _arrays, _read_embeddings, _seal_npz),
    "h5": Reader("a.h5", _embeddings(".h5"), _read_embeddings),
    "parquet": Reader("a.parquet", _embeddings(".parquet"), _read_embeddings),
    "labels-npy": Reader("a.npy", lambda folder: _arrays(folder)[::-1], _read_labels),
    "labels-txt": Reader("a.txt", _lines(_NAMES), _read_labels),
    "labels-csv": Reader("a.csv", _lines(_CSV, _NAMES), _read_labels),
    "names": Reader("names.txt", _lines(_NAMES), _read_names),
    "anchors": Reader("a.csv", _lines("row,column\n0,1\n2,3\n"), _read_anchors),
    "array": Reader("a.npy", _arrays, lambda path: expect(read_npy(path).dtype.kind in "biufcSU")),
    "arrays": Reader("a.npz", _problem, lambda path: expect(isinstance(read_npz(path), dict))),
    "problem-npz": Reader("a.npz", _problem, _read_problem),
    "problem-dat": Reader("a.dat", _lines(_QAPLIB), _read_problem),
    "certificate": Reader("a.npz", _certificate, _read_certificate),
    "certificate-sealed": Reader(
        "a.npz", _certificate_arrays, _read_certificate, _seal_certificate
    ),
    "checkpoint": Reader("a.pt", _checkpoint, _read_checkpoint),
    "settings": Reader("a.yaml", _settings, _read_settings, lines=21),
    "image": Reader("a.png", images, read_image),
    "image-zip": Reader("a.zip", image_zip, read_image_zip),
    "tar": Reader(
        "a.tar.gz", tar, read_source("cinic-10", "valid"), lambda inner: gzip.compress(inner, 1)
    ),
    "tar-gz": Reader(
        "a.tar.gz",
        lambda folder: [datafiles.write_cinic10(folder, 1).read_bytes()],
        read_source("cinic-10", "valid"),
    ),
    "pickle": Reader("a.tar.gz", pickles, read_source("cifar-10", "test"), seal_pickle),
    "captions": Reader("annotations_a.zip", captions, read_captions, seal_captions),
    "captions-json": Reader("a.json", karpathy, read_pairs),
    "captions-csv": Reader("a.csv", caption_tables, read_pairs),
    "shard": Reader("a.tar", shards, read_shards),
    "shard-sealed": Reader("a.tar", shards, read_shards, seal_shard),
    "texts": Reader("a.txt", _lines(_NAMES), read_texts),
    "texts-parquet": Reader("a.parquet", text_tables, read_texts),
    **{
        loader: Reader("a.txt", listed_images(loader), read_listed(loader))
        for loader in ("food-101", "fgvc-aircraft")
    },
}
