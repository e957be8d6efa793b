"""Small studies from raw files to figures, and how they fail."""

import functools
import hashlib
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml

from blindmatch.storage import open_embeddings, read_cache, read_table
from tests.datafiles import write_cifar100, write_image_zip
from tests.workflow.conftest import Project

SHORT = {"solver": "hahn-grant", "time_limit": 1}


@pytest.fixture(scope="module")
def cifar(project):
    """The card's call on a small CIFAR-100, placed by hand, with two small models."""
    folder = project.root / "resources/datasets/cifar-100"
    archive = write_cifar100(folder, images_per_class=12, classes=20)
    project.write_config(
        "small.yaml",
        {
            "subsets": {"time_limit": 1},
            "solvers": {"short": SHORT},
            "models": {"pixels-8": {"modality": "vision", "family": "pixels", "resolution": 8}},
            "datasets": {
                "cifar-100": {
                    "classes": None,
                    "sources": {
                        archive.name: {
                            "checksum": f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
                        }
                    },
                }
            },
            "experiments": {
                "cifar100_scaling": {
                    "vision": ["efficientnet-lite0", "pixels-8"],
                    "language": ["all-minilm-l6-v2"],
                    "solvers": ["short"],
                    "sizes": [5, 10],
                    "ranks": 2,
                    "draws": 1,
                }
            },
        },
    )
    return project


def test_the_cards_call_draws_the_figure_from_a_hand_placed_file(cifar):
    output = cifar.build("results/figures/cifar100_scaling.pdf", "--configfile", "small.yaml")
    assert "fetch_source" not in output
    assert (cifar.root / "results/figures/cifar100_scaling.pdf").read_bytes()[:4] == b"%PDF"
    rows, _ = read_table(cifar.root / "results/aggregates/experiments/cifar100_scaling.parquet")
    assert len(rows) == 2 * 2 * 2
    assert {row["selection"] for row in rows} == {"oracle"}
    for row in rows:
        assert sorted(row["permutation"]) == list(range(row["size"]))
        assert row["bound"] <= row["cost"] + 1e-9
    embeddings = open_embeddings(
        cifar.root / "results/embeddings/cifar-100/vision/efficientnet-lite0.h5"
    )
    assert embeddings.arrays["embeddings"].shape == (240, 1280)
    assert embeddings.attributes["sha256"].startswith("5793442")
    seeds = read_cache(cifar.root / "results/datasets/cifar-100/draws.h5", "draws").arrays["seeds"]
    assert seeds[:2].tolist() == [734796314, 576165995]


def test_a_hand_placed_file_outlives_a_forced_download(cifar):
    name = "resources/datasets/cifar-100/cifar-100-python.tar.gz"
    before = (cifar.root / name).read_bytes()
    cifar.build(name, "--configfile", "small.yaml", "--forcerun", "fetch_source")
    assert (cifar.root / name).read_bytes() == before


def test_a_hand_placed_file_with_another_checksum_is_refused_by_name(cifar, tmp_path):
    other = Project(tmp_path)
    write_cifar100(tmp_path / "resources/datasets/cifar-100", images_per_class=2)
    output = other.fail("results/datasets/cifar-100/index.h5")
    assert "cifar-100-python.tar.gz" in output
    assert "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7" in output
    assert not (tmp_path / "results/datasets/cifar-100/index.h5").exists()


def test_a_download_that_fails_says_what_from_where_and_where_to_put_it(project):
    checksum = "sha256:" + "0" * 64
    url = "http://127.0.0.1:9/cifar-100-python.tar.gz"
    project.write_config(
        "nowhere.yaml",
        {
            "datasets": {
                "nowhere": {
                    "loader": "cifar-100",
                    "sources": {"archive.tar.gz": {"url": url, "checksum": checksum}},
                }
            }
        },
    )
    output = project.fail("results/datasets/nowhere/index.h5", "--configfile", "nowhere.yaml")
    sentence = next(line for line in output.splitlines() if line.startswith("error: "))
    for part in (url, checksum, "resources/datasets/nowhere", "archive.tar.gz"):
        assert part in sentence
    assert not list(project.root.glob("resources/datasets/nowhere/*"))


def test_a_synthetic_source_is_drawn_once_and_read_as_what_it_stands_for(project):
    pytest.importorskip("resvg_py")
    call = ("results/datasets/synthetic-coco/index.h5", "--configfile", "config/study-offline.yaml")
    assert "drawn from emoji in the format of coco-captions" in project.build(*call)
    index = read_cache(project.root / call[0], "index")
    assert index.arrays["labels"].tolist() == list(range(120))
    assert project.jobs(*call) == {}


@functools.cache
def clouds(classes=12):
    points = np.random.default_rng(0).normal(size=(classes, 6))
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    return points, (points + 0.02 * np.random.default_rng(2).normal(size=points.shape)) @ turn


def own_embeddings(project, vision, language, **experiment):
    np.save(project.root / "vision.npy", vision.astype(np.float32))
    np.save(project.root / "language.npy", language.astype(np.float32))
    project.write_config(
        "own.yaml",
        {
            "build": ["own"],
            "solvers": {"short": SHORT},
            "datasets": {
                "own": {
                    "loader": "embeddings",
                    "embeddings": {"my-vision": "vision.npy", "my-language": "language.npy"},
                }
            },
            "models": {
                "my-vision": {"modality": "vision", "family": "precomputed"},
                "my-language": {"modality": "language", "family": "precomputed"},
            },
            "experiments": {
                "own": {
                    "datasets": ["own"],
                    "vision": ["my-vision"],
                    "language": ["my-language"],
                    "metrics": ["gw"],
                    "solvers": ["short"],
                    "sizes": [8, 12],
                    **experiment,
                }
            },
            "figures": {"own": {"kind": "scaling", "experiment": "own", "title": "My own"}},
        },
    )
    return "--configfile", "own.yaml"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A study of own embeddings, its call, and what was said while it was made."""
    project = Project(tmp_path_factory.mktemp("own"))
    call = own_embeddings(project, *clouds())
    return project, call, project.build(*call)


def test_own_embeddings_need_no_images_and_one_row_a_class_needs_no_draws(own):
    project, call, output = own
    assert "every class has one image: random halves are impossible, all images are used" in output
    rows, _ = read_table(project.root / "results/aggregates/experiments/own.parquet")
    assert [(row["size"], row["accuracy"], row["optimal"]) for row in rows] == [
        (8, 1.0, True),
        (12, 1.0, True),
    ]
    assert project.jobs(*call) == {}


def test_other_numbers_in_an_embedding_file_are_embedded_again(own):
    project, call, _ = own
    path = project.root / "language.npy"
    status = path.stat()
    np.save(path, clouds()[1].astype(np.float32) * 2)
    jobs = project.jobs(*call)
    assert (jobs["embed_language"], jobs["figure_scaling"]) == (1, 1)
    np.save(path, clouds()[1].astype(np.float32))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda image, text: (np.where(np.arange(12)[:, None] == 3, np.nan, image), text),
            "first in row 3",
        ),
        (
            lambda image, text: (image, text * (np.arange(12)[:, None] != 5)),
            "all zero, first in row 5",
        ),
        (lambda image, text: (image, text[:9]), "9"),
    ],
)
def test_embeddings_that_cannot_be_matched_end_in_one_sentence(tmp_path, spoil, message):
    project = Project(tmp_path)
    output = project.fail(*own_embeddings(project, *spoil(*clouds())))
    sentences = [line for line in output.splitlines() if line.startswith("error: ")]
    assert sentences
    assert message in sentences[0]
    assert "Traceback" not in output
    assert not list(tmp_path.glob("results/**/*.tmp"))
    assert not (tmp_path / "results/figures/own.pdf").exists()


def test_fewer_classes_than_n_is_said_with_both_numbers(own):
    project, (option, name), _ = own
    study = yaml.safe_load((project.root / name).read_text())
    study["experiments"]["own"]["sizes"] = [15]
    project.write_config("larger.yaml", study)
    output = project.fail(option, "larger.yaml")
    assert "error: size: 15 classes asked for, the dataset has 12" in output


def test_an_empty_class_is_named(tmp_path):
    project = Project(tmp_path)
    (tmp_path / "photos/cats").mkdir(parents=True)
    (tmp_path / "photos/dogs").mkdir()
    write_image_zip(tmp_path / "x.zip", classes=2, images_per_class=1)
    project.write_config(
        "p.yaml", {"datasets": {"photos": {"loader": "image-folder", "path": "photos"}}}
    )
    output = project.fail("results/datasets/photos/index.h5", "--configfile", "p.yaml")
    assert "cats" in next(line for line in output.splitlines() if line.startswith("error: "))


def test_a_damaged_cache_is_refused_by_name(own):
    project, call, _ = own
    kernel = project.root / "results/kernels/own/euclidean/vision/my-vision.h5"
    sound = kernel.read_bytes()
    damaged = bytearray(sound)
    damaged[len(damaged) // 2] ^= 1
    kernel.write_bytes(damaged)
    output = project.fail(*call, "--forcerun", "match")
    kernel.write_bytes(sound)
    assert "results/kernels/own/euclidean/vision/my-vision.h5: is truncated or was al" in output


def test_a_snakemake_killed_while_embedding_resumes_to_identical_bytes(tmp_path_factory):
    caches = []
    for killed in (False, True):
        project = Project(tmp_path_factory.mktemp("resume"))
        write_image_zip(project.root / "toys.zip", classes=10, images_per_class=15)
        project.write_config(
            "toys.yaml",
            {"datasets": {"toys": {"loader": "image-folder", "path": "toys.zip"}}},
        )
        target = "results/embeddings/toys/vision/efficientnet-lite0.h5"
        call = (target, "--configfile", "toys.yaml")
        if killed:
            interrupt(project, call, project.root / f"{target}.partial")
        output = project.build(*call)
        assert ("resuming after" in output) == killed
        caches.append((project.root / target).read_bytes())
    assert caches[0] == caches[1]


def interrupt(project, call, partial):
    """Kill Snakemake and its jobs, uncatchably, once rows have been written."""
    run = project.start(*call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (partial.exists() and partial.stat().st_size > 4096 + 12 * 1280 * 4):
        assert time.monotonic() < deadline, "no rows appeared"
        assert run.poll() is None, "Snakemake ended before it could be killed"
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    project.build("--unlock")
