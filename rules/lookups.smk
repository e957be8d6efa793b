# From wildcards to inputs and params: the few functions that rules share.
from collections import defaultdict
from itertools import product

from blindmatch.provenance import code_digest
from blindmatch.registry import nearest
from blindmatch.script import canonical

# What all loaders share.
LOADING = [f"blindmatch.datasets.{name}" for name in ("_loader", "_files", "_tables")]
# What all families share.
EMBEDDING = [
    "blindmatch.embed",
    "blindmatch.models._folding",
    "blindmatch.models._preprocessing",
    "blindmatch.models._weights",
]


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


def named(section, slug):
    """A config entry by its name in the path of a target."""
    entries = config[section]
    if slug not in entries:
        raise WorkflowError(
            f"unknown {section.removesuffix('s')} {slug!r} in the path of a target"
            f"{nearest(slug, entries)}"
        )
    return entries[slug]


def entry_of(section, wildcard, *, only=None, without=()):
    """Params function: one config entry as canonical JSON, cut to the keys that matter."""

    def entry(wildcards):
        chosen = named(section, getattr(wildcards, wildcard))
        return canonical({key: chosen[key] for key in (only or chosen) if key not in without})

    return entry


def code_of(section, wildcard, registry, kind, *modules):
    """Params function: digest of the logic behind an entry and of the named modules."""

    def digest(wildcards):
        member = registry[named(section, getattr(wildcards, wildcard))[kind]]
        return code_digest(*getattr(member, "modules", (member.__module__,)), *modules)

    return digest


def kernel_of(modality):
    """Input function: the kernel file of one side of a matching, as its metric needs it."""

    def path(wildcards):
        metric = named("metrics", wildcards.metric)["metric"]
        model = getattr(wildcards, modality)
        return f"results/kernels/{wildcards.dataset}/{metrics[metric].kernel}/{modality}/{model}.h5"

    return path


def experiment_matchings(wildcards):
    """Input function: every matching of an experiment."""
    cells = matching_cells(named("experiments", wildcards.experiment))
    return [
        f"results/matchings/{dataset}/{metric}/{solver}/{vision}/{language}/n{size}.parquet"
        for dataset, metric, vision, language, size, solver in cells
    ]


def cells_of(phase):
    """(metric, solver, dimension, size, noise) of every cell of a phase diagram."""
    same = [[phase[name]] for name in ("metric", "solver", "dimension")]
    return product(*same, phase["sizes"], phase["noises"])


def phase_cells(wildcards):
    """Input function: every cell of a phase diagram."""
    return [
        f"results/phases/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.parquet"
        for metric, solver, dimension, size, noise in cells_of(named("phases", wildcards.phase))
    ]


# The most draws that any phase diagram asks of a cell.
CELL_DRAWS = defaultdict(lambda: 1)
for entry in config["phases"].values():
    for cell in cells_of(entry):
        CELL_DRAWS[cell] = max(CELL_DRAWS[cell], entry["draws"])


def phase_draws(wildcards):
    """Params function: the draws that are asked of a cell."""
    numbers = (int(getattr(wildcards, name)) for name in ("dimension", "size", "noise"))
    return CELL_DRAWS[(wildcards.metric, wildcards.solver, *numbers)]


def phase_solver(wildcards):
    """Params function: the solver of a phase diagram."""
    return canonical(named("solvers", named("phases", wildcards.phase)["solver"]))


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
    entries = [config["figures"][figure] for figure in figures]
    experiments = {entry["experiment"] for entry in entries if entry["kind"] == "scaling"}
    return sorted(
        f"results/embeddings/{dataset}/{modality}/{model}.h5"
        for experiment in experiments
        for dataset in config["experiments"][experiment]["datasets"]
        for modality in ("vision", "language")
        for model in config["experiments"][experiment][modality]
    )


def source_of(wildcards):
    """Params function: where a file comes from."""
    sources = named("datasets", wildcards.dataset)["sources"]
    if wildcards.source not in sources:
        raise WorkflowError(
            f"datasets.{wildcards.dataset}.sources: has no file {wildcards.source!r}"
        )
    return canonical(sources[wildcards.source])


def sources_of(wildcards):
    """Input function: the files that a dataset is made of, published ones and the user's own."""
    entry = named("datasets", wildcards.dataset)
    return [
        *(f"resources/datasets/{wildcards.dataset}/{name}" for name in sorted(entry["sources"])),
        *own_files(entry["path"], entry["labels"], *entry["embeddings"].values()),
    ]


def names_of(wildcards):
    """Input function: the file of class names, if the user gave one."""
    names = named("datasets", wildcards.dataset)["class_names"]
    return own_files(names if isinstance(names, str) else None)


def own_embeddings_of(wildcards):
    """Input function: the user's own embeddings of a model, if there are any."""
    return own_files(named("datasets", wildcards.dataset)["embeddings"].get(wildcards.model))


def own_files(*paths):
    """Those of some paths that are files; what is missing, the job itself explains best."""
    expanded = [os.path.expanduser(path) for path in paths if path is not None]
    return [path for path in expanded if os.path.isfile(path)]


def figures_of(kind):
    """Wildcard pattern: the figures of one kind."""
    names = sorted(name for name, entry in config["figures"].items() if entry["kind"] == kind)
    return "|".join(names) or "none"


def aggregate_of(wildcards):
    """Input function: the table that a figure shows."""
    figure = config["figures"][wildcards.figure]
    folder = "aggregates/phases" if figure["kind"] == "phase" else "aggregates"
    return f"results/{folder}/{figure['experiment']}.parquet"


def title_of(wildcards):
    """Params function: what stands above a figure."""
    return config["figures"][wildcards.figure]["title"]


def labels_of(form):
    """Report function: what a file shows, its number in the paper, its format."""

    def labels(wildcards):
        paper = config["figures"][wildcards.figure]["paper"]
        return {"shows": wildcards.figure, "paper": paper or "not in it", "format": form}

    return labels


def styles_of(wildcards):
    """Params function: how the models of a figure are drawn."""
    entry = config["experiments"][config["figures"][wildcards.figure]["experiment"]]
    shown = (*entry["vision"], *entry["language"], *entry["datasets"], *entry["solvers"])
    return canonical({name: config["plotting"].get(name) for name in sorted(set(shown))})
