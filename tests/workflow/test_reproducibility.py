"""Two runs give the same results, with one core and with two; each artefact says what made it."""

import csv
import importlib.metadata
import io
import json
import platform
import re
import shutil

import pytest

from blindmatch.aggregates import MEASURED, results_digest
from blindmatch.storage import read_cache, read_table
from tests.workflow.conftest import Project
from tests.workflow.tiny import write_embeddings, write_study

#: All that may differ between two runs: measured times, in rows and in what tables make of them.
TIMES = {
    ".parquet": MEASURED,
    ".csv": {f"{name}_median" for name in MEASURED},
    ".tex": {f"{name} median" for name in MEASURED},
}
#: Written for people, about a run: times and machines.
ABOUT_RUNS = ("results/benchmarks/", "results/report")
#: No random numbers: the study's seed must not decide whether these are made again.
WITHOUT_SEED = ("index.h5", "classes.h5", "/embeddings/", "/language/words.h5", "results/ratios/")


def artefacts(project):
    """The files of a study, relative to the project."""
    files = (path for path in (project.root / "results").rglob("*") if path.is_file())
    names = sorted(str(path.relative_to(project.root)) for path in files)
    return [name for name in names if not name.startswith(ABOUT_RUNS)]


def lasting(path):
    """The contents of a file without measured times: bytes where it holds none."""
    data, times = path.read_bytes(), TIMES.get(path.suffix)
    if path.suffix == ".parquet":
        rows, metadata = read_table(path)
        return results_digest(rows), metadata, sorted(rows[0])
    if times is None or not any(time in data.decode() for time in times):
        return data
    if path.suffix == ".csv":
        lines = list(csv.reader(io.StringIO(data.decode())))
    else:
        lines = [re.split(" & | \\\\\\\\$", line) for line in data.decode().splitlines()]
    head = next(line for line in lines if times.intersection(line))
    kept = [number for number, title in enumerate(head) if title not in times]
    return [[line[i] for i in kept] if len(line) == len(head) else line for line in lines]


def record_of(path):
    """What a file says of its making."""
    if path.suffix == ".h5":
        return read_cache(path, path.read_bytes().split()[1].decode()).attributes
    if path.suffix == ".parquet":
        return read_table(path)[1]
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as image:
            return json.loads(image.text["Description"])
    if path.suffix == ".pdf":
        return json.loads(re.search(rb"/Subject \((.*?)\)", path.read_bytes())[1])
    return json.loads(path.read_text().splitlines()[0].removeprefix("% "))


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The tiny study in another folder, with one core instead of two."""
    project = Project(tmp_path_factory.mktemp("again"))
    write_embeddings(project)
    project.build(*write_study(project), "--cores", "1")
    return project


def test_one_core_makes_what_two_make(tiny, again):
    names = artefacts(tiny)
    assert names == artefacts(again)
    assert {name.rsplit(".")[-1] for name in names} == {"h5", "parquet", "pdf", "png", "csv", "tex"}
    pairs = {name: (tiny.root / name, again.root / name) for name in names}
    assert [name for name, both in pairs.items() if lasting(both[0]) != lasting(both[1])] == []


def test_every_artefact_records_versions_seed_and_settings(tiny):
    for name in artefacts(tiny):
        if name.endswith(".csv"):  # has no room; its neighbour has
            name = name.replace(".csv", ".tex")
        record = record_of(tiny.root / name)
        assert re.fullmatch("[0-9a-f]{16}", record["settings_digest"]), name
        assert record["version_python"] == platform.python_version(), name
        for library in ("blindmatch", "numpy"):
            assert record[f"version_{library}"] == importlib.metadata.version(library), name
        if not any(part in name for part in WITHOUT_SEED):
            assert record["seed"] == 42, name
        else:
            assert "seed" not in record, name


def test_a_library_that_matters_is_recorded(tiny):
    clusters = record_of(tiny.root / "results/clusters/birds/means/near.h5")
    assert clusters["version_sklearn"] == importlib.metadata.version("scikit-learn")
    figure = record_of(tiny.root / "results/figures/accuracy.pdf")
    assert figure["version_matplotlib"] == importlib.metadata.version("matplotlib")


def test_figures_and_tables_say_which_results_they_show(tiny):
    rows, metadata = read_table(tiny.root / "results/aggregates/experiments/all.parquet")
    assert metadata["results_digest"] == results_digest(rows)
    for shown in ("figures/accuracy.pdf", "figures/accuracy.png", "tables/accuracy.tex"):
        record = record_of(tiny.root / "results" / shown)
        assert record["results_digest"] == metadata["results_digest"]
    other = record_of(tiny.root / "results/figures/scaling.png")
    assert other["results_digest"] != metadata["results_digest"]


def test_the_digest_changes_with_the_settings_that_lead_to_a_file_and_no_others(tiny, tmp_path):
    project = Project(tmp_path)
    write_embeddings(project)
    shutil.copytree(tiny.root / "results", tmp_path / "results")
    shutil.copytree(tiny.root / ".snakemake", tmp_path / ".snakemake", dirs_exist_ok=True)

    def take_other_options(study):
        study["clusterings"]["means"]["options"] = {"starts": 3}

    call = write_study(project, change=take_other_options)
    target = "results/classifications/birds/gw/means/exact/near/words.parquet"
    made_anew = (
        "results/kernels/birds/euclidean/language/words.h5",
        "results/clusters/birds/means/near.h5",
        target,
    )
    project.build(target, *call, "--forcerun", "compute_kernel_language")
    before, after = (
        [record_of(root / name)["settings_digest"] for name in made_anew]
        for root in (tiny.root, tmp_path)
    )
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False]
