# Configuration, the names that paths may hold, and the few functions that rules share.
import os
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from blindmatch.config import SLUG, load_config, read_yaml
from blindmatch.datasets import loaders
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import metrics
from blindmatch.models import families
from blindmatch.provenance import code_digest
from blindmatch.script import canonical
from blindmatch.solvers import solvers

# Jobs run the Python that runs Snakemake, also where its environment is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# Where envs/*.yaml find the package when --sdm conda builds an environment.
os.environ["BLINDMATCH_ROOT"] = str(workflow.basedir)

CONFIG_FILES = "config datasets models metrics solvers experiments figures plotting".split()


def study_config(overlay):
    """config/*.yaml, then --configfile and --config on top, checked and completed."""
    merged = {}
    for name in CONFIG_FILES:
        update_config(merged, read_yaml(Path(workflow.basedir) / "config" / f"{name}.yaml"))
    for path in workflow.configfiles:
        read_yaml(path)  # refuses a key that stands twice, which Snakemake would not notice
    update_config(merged, overlay)
    return load_config(merged, loaders=loaders, families=families, metrics=metrics, solvers=solvers)


try:
    config = study_config(config)
except BlindmatchError as error:
    raise WorkflowError(f"configuration: {error}") from None


wildcard_constraints:
    dataset=SLUG,
    model=SLUG,
    vision=SLUG,
    language=SLUG,
    metric=SLUG,
    solver=SLUG,
    experiment=SLUG,
    figure=SLUG,
    kernel="|".join(KERNELS),
    modality="vision|language",
    size=r"\d+",


def matching_cells(experiment):
    """(dataset, metric, vision, language, size, solver) of every matching of an experiment."""
    lists = ("datasets", "metrics", "vision", "language", "sizes", "solvers")
    return product(*(experiment[name] for name in lists))


# The most ranks and draws that any experiment asks of a matching, and of the subsets under it.
RANKS, DRAWS = defaultdict(lambda: 1), defaultdict(lambda: 1)
for entry in config["experiments"].values():
    for *subset, solver in matching_cells(entry):
        for key in (tuple(subset), (*subset, solver)):
            RANKS[key] = max(RANKS[key], entry["ranks"])
            DRAWS[key] = max(DRAWS[key], entry["draws"])


def most(counts):
    """Params function: the ranks or draws that are asked of a subset or matching file."""

    def count(wildcards):
        names = ("dataset", "metric", "vision", "language")
        solver = (wildcards.solver,) if hasattr(wildcards, "solver") else ()
        return counts[(*(getattr(wildcards, name) for name in names), int(wildcards.size), *solver)]

    return count


def entry_of(section, wildcard, *, only=None, without=()):
    """Params function: one config entry as canonical JSON, cut to the keys that matter."""

    def entry(wildcards):
        slug = getattr(wildcards, wildcard)
        if slug not in config[section]:
            raise WorkflowError(f"{section}: unknown {wildcard} {slug!r} in the path of a target")
        chosen = config[section][slug]
        return canonical({key: chosen[key] for key in (only or chosen) if key not in without})

    return entry


def code_of(section, wildcard, registry, kind, *modules):
    """Params function: digest of the logic behind an entry and of the named modules."""

    def digest(wildcards):
        member = registry[config[section][getattr(wildcards, wildcard)][kind]]
        return code_digest(*getattr(member, "modules", (member.__module__,)), *modules)

    return digest


def kernel_of(modality):
    """Input function: the kernel file of one side of a matching, as its metric needs it."""

    def path(wildcards):
        metric = config["metrics"][wildcards.metric]["metric"]
        model = getattr(wildcards, modality)
        return f"results/kernels/{wildcards.dataset}/{metrics[metric].kernel}/{modality}/{model}.h5"

    return path


def experiment_matchings(wildcards):
    """Input function: every matching of an experiment."""
    entry = config["experiments"][wildcards.experiment]
    for dataset, metric, vision, language, size, solver in matching_cells(entry):
        yield f"results/matchings/{dataset}/{metric}/{solver}/{vision}/{language}/n{size}.parquet"


def figure_files(figures):
    """Every file of some figures: the drawing twice, the numbers twice."""
    return [
        f"results/{file}"
        for figure in figures
        for file in (
            f"figures/{figure}.pdf",
            f"figures/{figure}.png",
            f"tables/{figure}.csv",
            f"tables/{figure}.tex",
        )
    ]


def embedding_files(figures):
    """Every embedding under some figures."""
    experiments = {config["figures"][figure]["experiment"] for figure in figures}
    return sorted(
        f"results/embeddings/{dataset}/{modality}/{model}.h5"
        for experiment in experiments
        for dataset in config["experiments"][experiment]["datasets"]
        for modality in ("vision", "language")
        for model in config["experiments"][experiment][modality]
    )
