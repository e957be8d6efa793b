"""Folders and files with names that a shell would carry out: they are names, and nothing runs."""

import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.workflow.conftest import Project

#: Spaces, both quotes, a command behind and two within, what stands for all files, a line's end.
HOSTILE = "a b'\"; touch pwned $(touch pwned) `touch pwned` * %\n&"


@pytest.fixture
def project(tmp_path):
    """A project whose own folder has a name that a shell would carry out."""
    folder = tmp_path / "a b; touch pwned $(touch pwned) 'c\""
    folder.mkdir()
    project = Project(folder)
    yield project
    assert not list(tmp_path.rglob("pwned*"))


def write_study(project, entry):
    project.write_config("study.yaml", {"build": [], "datasets": {"birds": entry}})
    assert yaml.safe_load((project.root / "study.yaml").read_text())["datasets"]["birds"] == entry
    return "--configfile", "study.yaml"


def test_own_images_are_read_from_a_folder_of_any_name(project):
    for name in ("wren", HOSTILE.replace("\n", "")):
        folder = project.root / HOSTILE / name
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / f"{HOSTILE}.png")
    archive = f"{HOSTILE}.zip"
    shutil.make_archive(str(project.root / HOSTILE), "zip", project.root / HOSTILE)
    for path in (HOSTILE, archive):
        call = write_study(project, {"loader": "image-folder", "path": path, "prompts": ["{}"]})
        outputs = [f"results/datasets/birds/{part}.h5" for part in ("index", "classes")]
        project.build(*outputs, *call)
        assert all((project.root / output).is_file() for output in outputs)


def test_own_embeddings_are_read_from_files_of_any_name(project):
    rows = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    files = {"near": f"{HOSTILE} near.npy", "words": f"{HOSTILE} words.npy"}
    for file in files.values():
        np.save(project.root / file, rows)
    entry = {"loader": "embeddings", "embeddings": files}
    models = {
        "near": {"modality": "vision", "family": "precomputed"},
        "words": {"modality": "language", "family": "precomputed"},
    }
    project.write_config("models.yaml", {"models": models})
    output = "results/embeddings/birds/vision/near.h5"
    project.build(output, *write_study(project, entry), "models.yaml")
    assert (project.root / output).is_file()


def test_braces_in_the_name_of_a_file_are_refused_as_snakemake_would_fill_them(project):
    np.save(project.root / "{dataset}.npy", np.eye(3, dtype=np.float32))
    entry = {"loader": "embeddings", "embeddings": {"near": "{dataset}.npy"}}
    output = project.fail("results/datasets/birds/index.h5", *write_study(project, entry))
    assert "{dataset}.npy: expected a name without braces" in output


@pytest.mark.parametrize("slug", ["a b", "$(touch pwned)", "a;touch pwned", "../a", "a\n"])
def test_a_name_that_would_stand_in_a_path_must_be_a_slug(project, slug):
    project.write_config("study.yaml", {"datasets": {slug: {"loader": "embeddings"}}})
    output = project.fail("--dry-run", "--configfile", "study.yaml")
    assert "configuration: " in output
    assert "Traceback" not in output
