"""The configuration of a workflow: `config/*.yaml`, checked before anything runs."""

import json
from collections.abc import Iterator, Mapping

from pydantic import Field, ValidationError

from blindmatch.errors import BlindmatchError
from blindmatch.reading import one_line
from blindmatch.registry import Registry, nearest
from blindmatch.settings import (
    SLUG,
    ClusteringSettings,
    Count,
    DatasetSettings,
    EmbeddingSettings,
    MethodSettings,
    MetricSettings,
    ModelSettings,
    Settings,
    Slug,
    SolverSettings,
    SplitSettings,
    Style,
    SubsetSettings,
    TeacherSettings,
    TrainingSettings,
)
from blindmatch.studies import (
    SECTIONS,
    AblationSettings,
    AlignmentSettings,
    BlindAlignmentSettings,
    ClassificationSettings,
    ExperimentSettings,
    FigureSettings,
    GradientSettings,
    PhaseSettings,
    PlanSettings,
    RatioSettings,
    ShuffleSettings,
    Study,
    demands,
)
from blindmatch.yaml_files import read_yaml as read_yaml  # beside what checks it


class Config(Settings):
    """The whole configuration."""

    seed: int = Field(42, ge=0, description="Every random choice derives from it.")
    draws: Count = Field(20, description="Random halves of the images that are kept per dataset.")
    build: list[Slug] = Field(
        default_factory=list, description="Figures that plain `snakemake` makes."
    )
    embedding: EmbeddingSettings = EmbeddingSettings()
    subsets: SubsetSettings = SubsetSettings()
    training: TrainingSettings = TrainingSettings()
    datasets: dict[Slug, DatasetSettings] = Field(default_factory=dict)
    models: dict[Slug, ModelSettings] = Field(default_factory=dict)
    metrics: dict[Slug, MetricSettings] = Field(default_factory=dict)
    solvers: dict[Slug, SolverSettings] = Field(default_factory=dict)
    clusterings: dict[Slug, ClusteringSettings] = Field(default_factory=dict)
    splits: dict[Slug, SplitSettings] = Field(default_factory=dict)
    teachers: dict[Slug, TeacherSettings] = Field(default_factory=dict)
    methods: dict[Slug, MethodSettings] = Field(default_factory=dict)
    experiments: dict[Slug, ExperimentSettings] = Field(default_factory=dict)
    shuffles: dict[Slug, ShuffleSettings] = Field(default_factory=dict)
    ratios: dict[Slug, RatioSettings] = Field(default_factory=dict)
    classifications: dict[Slug, ClassificationSettings] = Field(default_factory=dict)
    ablations: dict[Slug, AblationSettings] = Field(default_factory=dict)
    phases: dict[Slug, PhaseSettings] = Field(default_factory=dict)
    alignments: dict[Slug, AlignmentSettings] = Field(default_factory=dict)
    plans: dict[Slug, PlanSettings] = Field(default_factory=dict)
    gradients: dict[Slug, GradientSettings] = Field(default_factory=dict)
    blind_alignments: dict[Slug, BlindAlignmentSettings] = Field(default_factory=dict)
    figures: dict[Slug, FigureSettings] = Field(default_factory=dict)
    plotting: dict[Slug, Style] = Field(default_factory=dict)


#: Setting of a study -> section of the configuration that its names come from.
_NAMED_IN = {
    "datasets": "datasets",
    "vision": "models",
    "language": "models",
    "models": "models",
    "reference": "models",
    "metric": "metrics",
    "metrics": "metrics",
    "solver": "solvers",
    "solvers": "solvers",
    "clusterings": "clusterings",
    "splits": "splits",
    "teachers": "teachers",
    "methods": "methods",
}
#: Mistakes that are listed at once.
_MOST_MISTAKES = 20
_MODELS = tuple(setting for setting, section in _NAMED_IN.items() if section == "models")


def load_config(
    raw: Mapping[str, object],
    *,
    loaders: Registry,
    families: Registry,
    metrics: Registry,
    solvers: Registry,
    clusterings: Registry,
    teachers: Registry,
    methods: Registry,
) -> dict:
    """Check a configuration and fill in its defaults.

    Parameters
    ----------
    raw : mapping
        The merged YAML files.
    loaders, families, metrics, solvers, clusterings, teachers, methods : Registry
        What the names in it may refer to.

    Returns
    -------
    dict
        Plain values in a fixed order, as Snakemake compares `params:` by their text.

    Raises
    ------
    BlindmatchError
        One line for each mistake: the key, what was found, what was expected.
    """
    try:
        config = Config.model_validate(dict(raw))
    except ValidationError as error:
        mistakes = [one_line(_explain(problem), 500) for problem in error.errors()]
        more = [f"and {len(mistakes) - _MOST_MISTAKES} more"] if mistakes[_MOST_MISTAKES:] else []
        raise BlindmatchError("\n".join(mistakes[:_MOST_MISTAKES] + more)) from None
    for slug, dataset in config.datasets.items():
        _check(f"datasets.{slug}", lambda: loaders[dataset.loader])  # noqa: B023
    for slug, model in config.models.items():
        _check(f"models.{slug}", lambda: families[model.family])  # noqa: B023
    for section, registry, kind in (
        ("metrics", metrics, "metric"),
        ("solvers", solvers, "solver"),
        ("clusterings", clusterings, "clustering"),
        ("teachers", teachers, "teacher"),
        ("methods", methods, "method"),
    ):
        for slug, entry in getattr(config, section).items():
            candidates = entry.candidates() if section == "methods" else [entry.options]
            for options in candidates:
                build = (registry, getattr(entry, kind), options)
                _check(f"{section}.{slug}", lambda: build[0].build(*build[1:]))  # noqa: B023
    problems = [*_dangling(config)] or [*_contradictions(config, metrics, solvers, methods)]
    if problems:
        raise BlindmatchError("; ".join(problems))
    return config.model_dump(mode="json")


def studies_of(config: Config | Mapping, section: str) -> dict[str, Study]:
    """The studies of one section, from a configuration or from what `load_config` returns."""
    if isinstance(config, Config):
        return getattr(config, section)
    kind = SECTIONS[section]
    return {slug: kind.model_validate(entry) for slug, entry in config[section].items()}


def _dangling(config: Config) -> Iterator[str]:
    """Names that nothing has."""
    for figure in config.build:
        yield from _missing("build", "figure", figure, config.figures)
    for slug, figure in config.figures.items():
        known = getattr(config, figure.section)
        kind = figure.section.removesuffix("s")
        yield from _missing(f"figures.{slug}.experiment", kind, figure.experiment, known)
    for slug, solver in config.solvers.items():
        if solver.metric is not None:
            yield from _missing(f"solvers.{slug}.metric", "metric", solver.metric, config.metrics)
    for slug, method in config.methods.items():
        if method.teacher is not None:
            where = f"methods.{slug}.teacher"
            yield from _missing(where, "teacher", method.teacher, config.teachers)
    for slug, split in config.splits.items():
        for name in dict.fromkeys([*split.vision_datasets, *split.language_datasets]):
            yield from _missing(f"splits.{slug}", "dataset", name, config.datasets)
    for section in SECTIONS:
        for slug, study in studies_of(config, section).items():
            yield from _dangling_in(f"{section}.{slug}", study, config)


def _dangling_in(where: str, study: Study, config: Config) -> Iterator[str]:
    for setting, section in _NAMED_IN.items():
        known, kind = getattr(config, section), section.removesuffix("s")
        if section == "models":
            modality = "language" if setting == "language" else "vision"
            known = {slug for slug, model in known.items() if model.modality == modality}
            kind = f"{modality} model"
        for name in _listed(study, setting):
            yield from _missing(f"{where}.{setting}", kind, name, known)


def _listed(study: Study, *settings: str) -> list[str]:
    """The names under some settings of a study, of which it may lack some."""
    values = (getattr(study, setting, []) for setting in settings)
    return [name for value in values for name in ([value] if isinstance(value, str) else value)]


def _missing(where: str, kind: str, name: str, known) -> Iterator[str]:
    if name not in known:
        yield f"{where}: unknown {kind} {name!r}{nearest(name, known)}"


def _contradictions(
    config: Config, metrics: Registry, solvers: Registry, methods: Registry
) -> Iterator[str]:
    """Settings that are legal each, but not together."""
    for slug, entry in config.methods.items():
        if methods[entry.method].needs_teacher != (entry.teacher is not None):
            expected = "none" if entry.teacher else "the name of one"
            yield f"methods.{slug}.teacher: found {entry.teacher!r}, expected {expected}"
    for section in SECTIONS:
        for slug, study in studies_of(config, section).items():
            where = f"{section}.{slug}"
            yield from _too_many(where, study, config)
            yield from _without_embeddings(where, study, config)
            yield from _asymmetric(where, study, config, metrics, solvers)
        try:
            demands(studies_of(config, section).values())
        except BlindmatchError as error:
            yield str(error)
    for slug, figure in config.figures.items():
        study = getattr(config, figure.section)[figure.experiment]
        yield from _unfit(f"figures.{slug}", figure, study, config, solvers)


def _too_many(where: str, study: Study, config: Config) -> Iterator[str]:
    if not isinstance(study, ExperimentSettings | ClassificationSettings | BlindAlignmentSettings):
        return
    if study.draws > config.draws:
        yield f"{where}.draws: {study.draws} asked for, config key draws keeps {config.draws}"
    largest = max(getattr(study, "sizes", None) or [0])
    for name in study.datasets:
        classes = config.datasets[name].classes
        if classes is not None and largest > classes:
            yield f"{where}.sizes: {largest} classes asked for, dataset {name!r} has {classes}"


def _without_embeddings(where: str, study: Study, config: Config) -> Iterator[str]:
    for name, models in _embedded(study, config):
        dataset = config.datasets[name]
        for model in models:
            family = config.models[model].family
            if family == "precomputed" and model not in dataset.embeddings:
                yield f"{where}: dataset {name!r} has no embeddings of {model!r}"
            if dataset.loader == "embeddings" and family != "precomputed":
                yield f"{where}: dataset {name!r} holds embeddings only, {model!r} needs images"


def _embedded(study: Study, config: Config) -> Iterator[tuple[str, list[str]]]:
    """Each dataset that a study needs, with the models that embed it."""
    for name in _listed(study, "datasets"):
        yield name, _listed(study, *_MODELS)
    for slug in _listed(study, "splits"):
        split = config.splits[slug]
        for name in split.vision_datasets:
            yield name, _listed(study, "vision")
        for name in split.language_datasets:
            yield name, _listed(study, "language")


def _asymmetric(
    where: str, study: Study, config: Config, metrics: Registry, solvers: Registry
) -> Iterator[str]:
    for solver in _listed(study, "solvers", "solver"):
        entry = config.solvers[solver]
        if "asymmetric" not in solvers[entry.solver].refuses:
            continue
        for metric in [entry.metric] if entry.metric else _listed(study, "metrics", "metric"):
            if not metrics[config.metrics[metric].metric].symmetric:
                yield (
                    f"{where}: metric {metric!r} compares asymmetric matrices, "
                    f"solver {solver!r} needs symmetric ones"
                )


def _unfit(
    where: str, figure: FigureSettings, study: Study, config: Config, solvers: Registry
) -> Iterator[str]:
    """A figure that its study cannot fill."""
    for key in ("metric", "score"):
        name = getattr(figure, key)
        if name is None or (key == "score" and figure.kind == "recall"):
            continue
        if name not in _listed(study, "metrics", "metric"):
            yield f"{where}.{key}: {name!r} is not a metric of {figure.experiment!r}"
    if figure.kind in ("scaling", "solver-scaling") and study.sizes is None:
        yield f"{where}: kind {figure.kind!r} expects {figure.experiment!r} to have sizes"
    if figure.kind == "model-size" and figure.score is None:
        yield f"{where}.score: kind 'model-size' expects a metric, found none"
    if (figure.kind == "recall") != (figure.against is not None):
        yield f"{where}.against: expected for kind 'recall' and no other, kind is {figure.kind!r}"
    if figure.kind == "trust" and not study.nulls:
        yield f"{where}: kind 'trust' expects {figure.experiment!r} to have nulls"
    for name in figure.bounds:
        if name not in _listed(study, "solvers", "solver"):
            yield f"{where}.bounds: {name!r} is not a solver of {figure.experiment!r}"
        elif config.solvers[name].metric or not solvers[config.solvers[name].solver].bounds:
            yield f"{where}.bounds: solver {name!r} gives no bounds that could be drawn"


def _check(where: str, action) -> None:
    try:
        action()
    except BlindmatchError as error:
        raise BlindmatchError(f"{where}: {error}") from None


def _explain(problem: Mapping) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part != "[key]") or "config"
    if problem["type"] == "extra_forbidden":
        *parents, key = problem["loc"]
        return f"{where}: unknown key{nearest(key, _fields(parents))}"
    if problem["type"] == "string_pattern_mismatch" and SLUG in problem["ctx"]["pattern"]:
        return (
            f"{where}: {problem['input']!r} cannot stand in a path; use lower-case letters and "
            "digits, separated by single . _ or -"
        )
    if problem["type"] == "value_error":
        return f"{where}: {problem['ctx']['error']}".removeprefix("config: ")
    return f"{where}: found {problem['input']!r}; {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _fields(location: list) -> list[str]:
    """Names of the keys that are legal at a place of the configuration."""
    section = Config
    for part in location:
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        for candidate in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(candidate, type) and issubclass(candidate, Settings):
                section = candidate
    return list(section.model_fields)


def json_schema() -> dict:
    """JSON schema of the configuration, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
