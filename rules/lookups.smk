# From wildcards to inputs and params: the few functions that rules share.
import functools
import inspect
import json
from string import Formatter

from blindmatch.provenance import code_digest
from blindmatch.registry import absent, nearest
from blindmatch.script import canonical

# What all loaders share.
LOADING = [f"blindmatch.datasets.{name}" for name in ("_files", "_loader", "_pickles", "_tables")]
# What all families share.
EMBEDDING = [
    "blindmatch._memory",
    "blindmatch.embed",
    "blindmatch.models._folding",
    "blindmatch.models._preprocessing",
    "blindmatch.models._weights",
]

# Whose logic decides which classes are chosen, by way of selection.
ORACLE = [f"blindmatch.{name}" for name in ("subsets", "metrics", "losses", "kernels")]
SELECTING = {
    "oracle": ORACLE,
    "blind": [*ORACLE, "blindmatch.blind_subsets", "blindmatch.qap", *solvers["tabu"].modules],
}
# Whose logic decides what is known about a matching, beside its solver.
MATCHING = [
    f"blindmatch.{name}" for name in ("matching", "trust", "qap", "metrics", "losses", "kernels")
] + ["blindmatch.solvers._pair_costs"]

# What all studies of a section ask of each of their files, of each subset, of each clustering.
ASKED = {section: demands(STUDIES[section].values()) for section in SECTIONS}
EXPERIMENTS_OF_SUBSETS = [study for study in STUDIES["experiments"].values() if study.sizes]
ASKED["subsets"] = demands(EXPERIMENTS_OF_SUBSETS, SUBSETS)
# Clusters are named, or refined by an alignment: by as many draws as either asks for.
CLUSTERED = [
    demands(STUDIES[section].values(), CLUSTERS)
    for section in ("classifications", "blind_alignments")
]
ASKED["clusters"] = {
    file: {"draws": max(asked[file]["draws"] for asked in CLUSTERED if file in asked)}
    for file in set().union(*CLUSTERED)
}

# How their paths are made, by section and by the wildcards of a job.
PATTERNS = {section: {study.path for study in STUDIES[section].values()} for section in SECTIONS}
PATTERNS |= {"subsets": {SUBSETS}, "clusters": {CLUSTERS}}
# Settings are called like wildcards, but in the plural where they are lists.
PATTERNS = {
    section: {
        frozenset(name for _, name, _, _ in Formatter().parse(path) if name): path
        for path in (pattern.replace("s}", "}") for pattern in patterns)
    }
    for section, patterns in PATTERNS.items()
}


def signed(function):
    """Decorator: a function whose signature is at hand.

    Snakemake asks for it several times for each function of each job, and looking it up again
    would take longer than calling the function.
    """
    function.__signature__ = inspect.signature(function)
    return function


def of(*names):
    """Decorator: a params function from a function of the values of some wildcards.

    It is called once for each of their values: thousands of jobs share a few models and solvers.
    """

    def decorate(function):
        remembered = functools.cache(function)

        @signed
        def params(wildcards):
            return remembered(*(getattr(wildcards, name) for name in names))

        return params

    return decorate


def file_of(section, wildcards):
    """The file of a job, or None if no study of the section has such files.

    It is made from wildcards, as Snakemake does not compare params that are made from `output`.
    """
    values = dict(wildcards.items())
    pattern = PATTERNS[section].get(frozenset(values))
    return pattern and pattern.format(**values)


def asked(section, *settings):
    """Params function: what a file must hold, by name."""

    @signed
    def demand(wildcards):
        file = file_of(section, wildcards)
        if file not in ASKED[section]:
            job = ", ".join(f"{name} {value}" for name, value in wildcards.items())
            raise WorkflowError(f"none of the configured {section} asks for this file: {job}")
        return canonical({name: ASKED[section][file][name] for name in settings})

    return demand


def metrics_asked(section):
    """Params function: the metrics that a file must hold, with their settings."""

    @signed
    def entries(wildcards):
        names = json.loads(asked(section, "metrics")(wildcards))["metrics"]
        return canonical({name: named("metrics", name) for name in names})

    return entries


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
    """Params function: one config entry as canonical JSON, cut to the keys that matter.

    What is null is left out, so that a new key that nobody uses reruns nothing.
    """

    @of(wildcard)
    def entry(slug):
        chosen = named(section, slug)
        kept = [key for key in (only or chosen) if key not in without]
        return canonical({key: chosen[key] for key in kept if chosen[key] is not None})

    return entry


def code_of(section, wildcard, registry, kind, *modules):
    """Params function: digest of the logic behind an entry and of the named modules."""

    @of(wildcard)
    def digest(slug):
        member = registry[named(section, slug)[kind]]
        return code_digest(*getattr(member, "modules", (member.__module__,)), *modules)

    return digest


def kernels_of(modality, metrics_of):
    """Input function: the kernel files of one side, as the metrics and the solver need them."""

    @signed
    def paths(wildcards):
        solver = named("solvers", wildcards.solver) if hasattr(wildcards, "solver") else {}
        names = {*metrics_of(wildcards), solver.get("metric")} - {None}
        kernels = {kernel_of(name) for name in names}
        model = getattr(wildcards, modality)
        folder = f"results/kernels/{wildcards.dataset}"
        return [f"{folder}/{kernel}/{modality}/{model}.h5" for kernel in sorted(kernels)]

    return paths


@functools.cache
def kernel_of(metric):
    """The kernel that a metric of the config compares."""
    return metrics[named("metrics", metric)["metric"]].kernel


def metric_in_path(wildcards):
    """The metric of a job that has one."""
    return [wildcards.metric]


def metrics_of_all(wildcards):
    """The metrics of a job that matches all classes."""
    demand = ASKED["experiments"].get(file_of("experiments", wildcards), {"metrics": []})
    return demand["metrics"]


@of("metric")
def metric_entry(metric):
    """Params function: the metric in the path, with its settings, as `metrics_asked` gives many."""
    return canonical({metric: named("metrics", metric)})


@of("solver")
def solver_metric(solver):
    """Params function: the settings of the metric that a solver solves for instead of the study's."""
    name = named("solvers", solver)["metric"]
    return canonical(name and named("metrics", name))


@of("solver")
def licences(solver):
    """Resource function: how many of Gurobi's licences a solver takes."""
    return int(named("solvers", solver)["solver"] == "gurobi")


def growing(amount, *, for_each_input_mb=0):
    """Resource function: megabytes or minutes of a job, twice as many in each try after a failed one.

    Profiles of clusters have `retries`: a job that was killed for having too little runs again.
    """

    @signed
    def granted(wildcards, input, attempt):
        extra = int(for_each_input_mb * input.size_mb) if for_each_input_mb else 0
        return (amount + extra) * 2 ** (attempt - 1)

    return granted


@of("solver")
def solver_lacks(solver):
    """Params function: why a solver cannot run here, so that it runs once it can."""
    return absent(solvers[named("solvers", solver)["solver"]]) or "nothing"


def study_files(wildcards):
    """Input function: every file of a study."""
    if wildcards.study not in STUDIES[wildcards.section]:
        raise WorkflowError(
            f"unknown study {wildcards.study!r} of {wildcards.section} in the path of a target"
            f"{nearest(wildcards.study, STUDIES[wildcards.section])}"
        )
    return STUDIES[wildcards.section][wildcards.study].files()


def study_entry(wildcards):
    """Params function: the settings of a study, and the seed that all draws derive from."""
    return canonical({**config[wildcards.section][wildcards.study], "seed": config["seed"]})


def source_of(wildcards):
    """Params function: where a file comes from."""
    sources = named("datasets", wildcards.dataset)["sources"]
    if wildcards.source not in sources:
        raise WorkflowError(
            f"datasets.{wildcards.dataset}.sources: has no file {wildcards.source!r}"
        )
    return canonical(sources[wildcards.source])


def drawing_of(wildcards):
    """Params function: digest of what draws a synthetic file; nothing for a download."""
    synthetic = json.loads(source_of(wildcards))["synthetic"]
    drawn = ("blindmatch.datasets._synthetic", "blindmatch.datasets.emoji")
    return code_digest(*drawn) if synthetic else ""


def sources_of(wildcards):
    """Input function: the files that a dataset is made of, published ones and the user's own."""
    entry = named("datasets", wildcards.dataset)
    return [
        *(f"resources/datasets/{wildcards.dataset}/{name}" for name in sorted(entry["sources"])),
        *own_files(
            entry["path"], entry["captions"], entry["labels"], *entry["embeddings"].values()
        ),
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
    files = [path for path in expanded if os.path.isfile(path)]
    for path in files:
        if "{" in path:
            raise WorkflowError(f"{path}: expected a name without braces, which Snakemake fills")
    return files
