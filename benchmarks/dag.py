"""What planning costs: time and memory of Snakemake itself; no job is run.

Ours is the workflow: all figures and tables of the paper, and a study of two datasets with 100
vision and 100 language models, which is 20,000 matchings. The peer is a bare Snakefile: the same
chain of rules from raw files to a figure, about as many jobs, and nothing else, that is no
configuration, params, input functions, resources or logs. What it takes is Snakemake's own share.

Finished runs are made of empty files that `snakemake --touch` records as results. On two idle
cores this takes five minutes; seconds on the clock say little on a busy machine.

    python benchmarks/dag.py | tee benchmarks/dag.md
"""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml
from instances import head, row

from blindmatch.config import read_yaml

ROOT = Path(__file__).parents[1]
#: The workflow, and the package, so that no edit in the meantime makes results outdated.
PARTS = ("Snakefile", "rules", "workflow", "config", "envs", "profiles", "src")
#: Snakemake, but it does not sleep before it touches a file.
TOUCH = (
    "import sys; from snakemake.cli import main; from snakemake.executors import touch;"
    " touch.Executor.SLEEPING_TIME = 0; main(sys.argv[1:])"
)
#: Vision and language models for the bare Snakefile to have as many jobs as ours.
PAPER, ONE_MORE, LARGE = (36, 34), (37, 34), (100, 100)
#: A matching of each.
OUR_JOB = "results/matchings/cifar-10/brute-force/dino-rn50/all-mpnet-base-v2/all.parquet"
BARE_JOB = "matchings/first/v000/l000.parquet"
BARE = """
VISION = [f"v{i:03}" for i in range(int(config["vision"]))]
LANGUAGE = [f"l{i:03}" for i in range(int(config["language"]))]

rule all:
    input: "figure.pdf"

rule fetch:
    output: "resources/{dataset}.zip"
    shell: "touch {output}"

rule index:
    input: "resources/{dataset}.zip"
    output: "index/{dataset}.h5"
    shell: "touch {output}"

rule classes:
    input: "resources/{dataset}.zip"
    output: "classes/{dataset}.h5"
    shell: "touch {output}"

rule draws:
    input: "index/{dataset}.h5", "classes/{dataset}.h5"
    output: "draws/{dataset}.h5"
    shell: "touch {output}"

rule embed_vision:
    input: "resources/{dataset}.zip", "index/{dataset}.h5"
    output: "embeddings/{dataset}/vision/{model}.h5"
    shell: "touch {output}"

rule embed_language:
    input: "classes/{dataset}.h5"
    output: "embeddings/{dataset}/language/{model}.h5"
    shell: "touch {output}"

rule kernel_vision:
    input: "embeddings/{dataset}/vision/{model}.h5", "index/{dataset}.h5", "draws/{dataset}.h5"
    output: "kernels/{dataset}/{kernel}/vision/{model}.h5"
    shell: "touch {output}"

rule kernel_language:
    input: "embeddings/{dataset}/language/{model}.h5", "classes/{dataset}.h5"
    output: "kernels/{dataset}/{kernel}/language/{model}.h5"
    shell: "touch {output}"

rule match:
    input:
        "kernels/{dataset}/distances/vision/{vision}.h5",
        "kernels/{dataset}/products/vision/{vision}.h5",
        "kernels/{dataset}/distances/language/{language}.h5",
        "kernels/{dataset}/products/language/{language}.h5",
    output: "matchings/{dataset}/{vision}/{language}.parquet"
    shell: "touch {output}"

rule aggregate:
    input:
        expand("matchings/{dataset}/{vision}/{language}.parquet",
            dataset=["first", "second"], vision=VISION, language=LANGUAGE)
    output: "aggregate.parquet"
    shell: "touch {output}"

rule figure:
    input: "aggregate.parquet"
    output: "figure.pdf"
    shell: "touch {output}"
"""


class Run(NamedTuple):
    """What a run of Snakemake took and said."""

    cpu: float
    clock: float
    mebibytes: float
    output: str

    @property
    def jobs(self) -> int:
        """How many jobs it planned."""
        planned = re.search(r"^total +(\d+)$", self.output, re.MULTILINE)
        return int(planned[1]) if planned else 0


def snakemake(folder, *arguments, program=("-m", "snakemake")):
    """Run Snakemake in a folder, with the copy of the package that is there, if any."""
    said = folder / "said.txt"
    start = time.perf_counter()
    with said.open("w") as stream:
        child = subprocess.Popen(
            [sys.executable, *program, "--cores", "2", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(child.pid, 0)
    clock = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"snakemake {' '.join(arguments)} failed:\n{said.read_text()}")
    kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Run(usage.ru_utime + usage.ru_stime, clock, kibibytes / 1024, said.read_text())


def finish(folder, *arguments):
    """Make what a run would make, but empty, and let Snakemake record it; its dry run."""
    planned = snakemake(folder, "--dry-run", *arguments)
    for names in re.findall(r"^    output: (.+)$", planned.output, re.MULTILINE):
        for name in names.split(", "):
            path = folder / name.removesuffix(" (update)")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    # One round of many jobs is quicker than many rounds of two.
    plenty = ("--cores", "4000", "--resources", "gpu=4000", "gurobi=4000")
    snakemake(folder, "--touch", "--forceall", *arguments, *plenty, program=("-c", TOUCH))
    return planned


def write_bare(folder):
    """Make a folder with nothing but the bare Snakefile."""
    folder.mkdir()
    (folder / "Snakefile").write_text(BARE)
    return folder


def newcomers(count):
    """Invented models: names of vision models, of language models, their configuration."""
    vision, language = ([f"{side}-{i:03}" for i in range(count)] for side in ("seeing", "reading"))
    entries = {
        name: {"modality": modality, "family": family, "checkpoint": name}
        for names, modality, family in (
            (vision, "vision", "timm"),
            (language, "language", "sentence-transformers"),
        )
        for name in names
    }
    return vision, language, entries


def write_one_more(path, *studies):
    """Write an overlay in which some studies have one vision model more."""
    (newcomer, *_), _, entries = newcomers(1)
    shipped = read_yaml(ROOT / "config/experiments.yaml")["experiments"]
    more = {study: {"vision": [*shipped[study]["vision"], newcomer]} for study in studies}
    path.write_text(yaml.safe_dump({"models": entries, "experiments": more}))


def write_large(path):
    """Write an overlay with a study of 20,000 matchings and a figure of it."""
    vision, language, entries = newcomers(LARGE[0])
    study = {
        "datasets": ["cifar-10", "cinic-10"],
        "vision": vision,
        "language": language,
        "metrics": ["gw", "cka"],
        "solvers": ["brute-force"],
    }
    figure = {"kind": "heat-map", "experiment": "large", "title": "All pairs"}
    overlay = {"models": entries, "experiments": {"large": study}, "figures": {"large": figure}}
    path.write_text(yaml.safe_dump({**overlay, "build": ["large"]}))


def compare(what, ours, bare):
    """Print a row of the table."""
    row(
        what,
        f"{ours.jobs:,} / {bare.jobs:,}",
        f"{ours.cpu:.1f} / {bare.cpu:.1f}",
        f"{ours.cpu / bare.cpu:.2f}",
        f"{ours.clock:.1f} / {bare.clock:.1f}",
        f"{ours.mebibytes:.0f} / {bare.mebibytes:.0f}",
    )


def measure(ours, bare):
    """Print all rows: the workflow in one folder, the bare Snakefile in another."""
    same, more, many = (
        ("--config", f"vision={vision}", f"language={language}")
        for vision, language in (PAPER, ONE_MORE, LARGE)
    )
    compare("reading the rules", snakemake(ours, "--list"), snakemake(bare, "--list", *same))
    compare("paper, dry run", finish(ours, "paper"), finish(bare, *same))
    done = snakemake(ours, "paper"), snakemake(bare, *same)
    if not all("Nothing to be done" in run.output for run in done):
        sys.exit("expected nothing to be done in a finished folder")
    compare("paper, finished: nothing to be done", *done)
    compare(
        "paper, finished: one job again, as on a node of a cluster",
        snakemake(ours, "--dry-run", "--force", OUR_JOB),
        snakemake(bare, "--dry-run", "--force", BARE_JOB, *same),
    )
    write_one_more(ours / "one-more.yaml", "cifar10_small_scale", "cinic10_small_scale")
    compare(
        "paper, finished, one vision model more",
        snakemake(ours, "--dry-run", "paper", "--configfile", "one-more.yaml"),
        snakemake(bare, "--dry-run", *more),
    )
    write_large(ours / "large.yaml")
    compare(
        "20,000 matchings, dry run",
        snakemake(ours, "--dry-run", "--configfile", "large.yaml"),
        snakemake(write_bare(bare.with_name("large")), "--dry-run", *many),
    )


def main():
    """Measure and print a table in Markdown."""
    print(
        f"Python {platform.python_version()}, Snakemake {importlib.metadata.version('snakemake')} "
        f"with {plugins()} plugins, {os.cpu_count()} cores."
    )
    head(
        "Planning",
        "Two numbers in a cell: ours / a bare Snakefile. CPU time with the start of Snakemake.",
        *("what", "jobs", "CPU s", "ratio", "s on the clock", "peak MiB"),
    )
    with tempfile.TemporaryDirectory() as folder:
        ours = Path(folder) / "ours"
        ours.mkdir()
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, ours / part)
        measure(ours, write_bare(Path(folder) / "bare"))


def plugins():
    """How many plugins of Snakemake are installed, as it imports all of them."""
    names = {each.name for each in importlib.metadata.distributions()}
    return sum(bool(re.match(r"snakemake-\w+-plugin-", name)) for name in names)


if __name__ == "__main__":
    main()
