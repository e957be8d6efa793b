"""The settings of a study: what `config/*.yaml` may say, checked before anything runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from blindmatch.errors import BlindmatchError
from blindmatch.registry import Registry, nearest

#: The only names that may stand in a path, beside integers.
SLUG = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"

Slug = Annotated[str, StringConstraints(pattern=rf"^{SLUG}$")]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=2)]


class Settings(BaseModel):
    """A section of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Settings):
    """A file that a dataset is made of."""

    url: str | None = Field(None, description="Where it is published; null: only by hand.")
    checksum: str | None = Field(
        None,
        description="`sha256:...` or `md5:...` of the file.",
        pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$",
    )


class DatasetSettings(Settings):
    """One dataset: where its images come from, what its classes are called, how to prompt."""

    loader: str = Field(description="Registered loader that reads the files.")
    split: str | None = Field(None, description="Part of the dataset: `test`, `val`, ...")
    sources: dict[str, Source] = Field(
        default_factory=dict,
        description="File name -> where to get it; kept in `resources/datasets/{dataset}/`.",
    )
    path: str | None = Field(None, description="The user's own folder or zip file.")
    classes: int | None = Field(None, ge=2, description="Number of classes, if known beforehand.")
    class_names: str | list[str] | None = Field(
        None,
        description="A list; a text file with a name a line; or a name set of the loader.",
    )
    prompts: list[str] = Field(
        default=["{}"], min_length=1, description="Templates; `{}` is the class name."
    )
    embeddings: dict[Slug, str] = Field(
        default_factory=dict,
        description="Loader `embeddings`: model slug -> .npy, .npz, .h5 or .parquet file.",
    )
    labels: str | None = Field(
        None, description="Loader `embeddings`: file with a class name or number per vision row."
    )
    paired: bool = Field(
        True,
        description="Loader `embeddings` without labels: row i of both sides belongs together, so "
        "accuracy can be told.",
    )

    @field_validator("prompts")
    @classmethod
    def _one_placeholder(cls, prompts: list[str]) -> list[str]:
        for prompt in prompts:
            if prompt.count("{}") != 1:
                raise ValueError(f"{prompt!r} must hold {{}} exactly once")
        return prompts


class ModelSettings(Settings):
    """One model: what is computed. Labels and colours live in `plotting.yaml`."""

    modality: Literal["vision", "language"]
    family: str = Field(description="Registered family that loads and runs it.")
    checkpoint: str | None = Field(None, description="The family's name of the weights.")
    layer: str | None = Field(
        None, description="What is read: `logits`, `pre_logits`, `cls`, ...; null: the family's."
    )
    resolution: int | None = Field(None, ge=8, description="Pixels a side; null: the checkpoint's.")
    squash: bool = Field(
        False,
        description="Resize the whole image to the square instead of cutting out its centre.",
    )
    interpolation: Literal["bilinear", "bicubic"] | None = Field(
        None, description="Of the resize; null: the checkpoint's."
    )
    revision: str | None = Field(None, description="Commit of the model repository.")
    sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{8,64}$",
        description="sha256 of the weights file, or its first digits (at least 8).",
    )
    package: str | None = Field(
        None, description="Installed distribution that carries the weights: no network needed."
    )
    dimension: int | None = Field(None, ge=1, description="Family `random-vectors`: their length.")
    seed: int | None = Field(None, ge=0, description="Families with random weights or vectors.")


class MetricSettings(Settings):
    """One way to compare two kernels."""

    metric: str = Field(description="Registered metric.")
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class SolverSettings(Settings):
    """One solver with its options; a variant is one more entry."""

    solver: str = Field(description="Registered solver.")
    time_limit: Positive | None = Field(None, description="Seconds per problem; null: none.")
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class ExperimentSettings(Settings):
    """A grid of matchings; every combination of its lists is made."""

    datasets: list[Slug] = Field(min_length=1)
    vision: list[Slug] = Field(min_length=1)
    language: list[Slug] = Field(min_length=1)
    metrics: list[Slug] = Field(min_length=1)
    solvers: list[Slug] = Field(min_length=1)
    sizes: list[Size] = Field(min_length=1, description="Numbers of classes N.")
    ranks: Count = Field(1, description="How many of the best subsets of each size are matched.")
    draws: Count = Field(1, description="How many random halves of the images are matched.")


class PhaseSettings(Settings):
    """A phase diagram: problems with a known truth, of every size at every noise level."""

    metric: Slug
    solver: Slug
    dimension: Count = Field(20, description="Coordinates of a point.")
    sizes: list[Size] = Field(min_length=1, description="Numbers of points N.")
    noises: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Per cent of the points' standard deviation."
    )
    draws: Count = Field(1, description="Problems of each size and noise.")


class FigureSettings(Settings):
    """A figure with its table, and the experiment or phase diagram it shows."""

    kind: Literal["scaling", "phase"] = Field(description="Which drawing.")
    experiment: Slug = Field(description="Of kind `phase`: an entry of `phases`.")
    title: str
    paper: str | None = Field(None, description="Its number in the paper, for the report.")


class EmbeddingSettings(Settings):
    """How embeddings are computed."""

    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: Count | None = Field(None, description="null: 4 on a CPU, 256 on a GPU.")
    device: Literal["auto", "cpu", "cuda"] = "auto"


class SubsetSettings(Settings):
    """How subsets of classes are chosen."""

    time_limit: Positive = Field(3600.0, description="Seconds per subset size.")
    method: Literal["auto", "gurobi", "local-search"] = Field(
        "auto", description="`auto`: Gurobi where it is installed and its licence is large enough."
    )


class Style(Settings):
    """How a model, solver or metric is drawn."""

    label: str
    color: str | None = None
    marker: str | None = None


class Config(Settings):
    """The whole configuration."""

    seed: int = Field(42, ge=0, description="Every random choice derives from it.")
    draws: Count = Field(20, description="Random halves of the images that are kept per dataset.")
    build: list[Slug] = Field(
        default_factory=list, description="Figures that plain `snakemake` makes."
    )
    embedding: EmbeddingSettings = EmbeddingSettings()
    subsets: SubsetSettings = SubsetSettings()
    datasets: dict[Slug, DatasetSettings] = Field(default_factory=dict)
    models: dict[Slug, ModelSettings] = Field(default_factory=dict)
    metrics: dict[Slug, MetricSettings] = Field(default_factory=dict)
    solvers: dict[Slug, SolverSettings] = Field(default_factory=dict)
    experiments: dict[Slug, ExperimentSettings] = Field(default_factory=dict)
    phases: dict[Slug, PhaseSettings] = Field(default_factory=dict)
    figures: dict[Slug, FigureSettings] = Field(default_factory=dict)
    plotting: dict[Slug, Style] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _references(self) -> "Config":
        problems = list(_dangling(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _dangling(config: Config):
    for figure in config.build:
        yield from _missing("build", "figure", figure, config.figures)
    for slug, figure in config.figures.items():
        kind = "phase" if figure.kind == "phase" else "experiment"
        known = config.phases if figure.kind == "phase" else config.experiments
        yield from _missing(f"figures.{slug}.experiment", kind, figure.experiment, known)
    for slug, phase in config.phases.items():
        yield from _missing(f"phases.{slug}.metric", "metric", phase.metric, config.metrics)
        yield from _missing(f"phases.{slug}.solver", "solver", phase.solver, config.solvers)
    for slug, experiment in config.experiments.items():
        where = f"experiments.{slug}"
        for section in ("datasets", "metrics", "solvers"):
            for name in getattr(experiment, section):
                yield from _missing(
                    f"{where}.{section}", section[:-1], name, getattr(config, section)
                )
        for modality in ("vision", "language"):
            known = {key for key, model in config.models.items() if model.modality == modality}
            for name in getattr(experiment, modality):
                yield from _missing(f"{where}.{modality}", f"{modality} model", name, known)
        yield from _impossible(where, experiment, config)


def _missing(where: str, kind: str, name: str, known):
    if name not in known:
        yield f"{where}: unknown {kind} {name!r}{nearest(name, known)}"


def _impossible(where: str, experiment: ExperimentSettings, config: Config):
    if experiment.draws > config.draws:
        yield f"{where}.draws: {experiment.draws} asked for, config key draws keeps {config.draws}"
    for name in experiment.datasets:
        dataset = config.datasets.get(name)
        if dataset is None:
            continue
        if dataset.classes is not None and max(experiment.sizes) > dataset.classes:
            yield (
                f"{where}.sizes: {max(experiment.sizes)} classes asked for, "
                f"dataset {name!r} has {dataset.classes}"
            )
        for model in (*experiment.vision, *experiment.language):
            settings = config.models.get(model)
            if settings is None:
                continue
            if settings.family == "precomputed" and model not in dataset.embeddings:
                yield f"{where}: dataset {name!r} has no embeddings of {model!r}"
            if dataset.loader == "embeddings" and settings.family != "precomputed":
                yield f"{where}: dataset {name!r} holds embeddings only, {model!r} needs images"


def load_config(
    raw: Mapping[str, object],
    *,
    loaders: Registry,
    families: Registry,
    metrics: Registry,
    solvers: Registry,
) -> dict:
    """Check a configuration and fill in its defaults.

    Parameters
    ----------
    raw : mapping
        The merged YAML files.
    loaders, families, metrics, solvers : Registry
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
        raise BlindmatchError("\n".join(_explain(problem) for problem in error.errors())) from None
    for slug, dataset in config.datasets.items():
        _check(f"datasets.{slug}", lambda: loaders[dataset.loader])  # noqa: B023
    for slug, model in config.models.items():
        _check(f"models.{slug}", lambda: families[model.family])  # noqa: B023
    for slug, metric in config.metrics.items():
        _check(f"metrics.{slug}", lambda: metrics.build(metric.metric, metric.options))  # noqa: B023
    for slug, solver in config.solvers.items():
        _check(f"solvers.{slug}", lambda: solvers.build(solver.solver, solver.options))  # noqa: B023
    return config.model_dump(mode="json")


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


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand once only (plain YAML keeps the last, silently)."""


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines and key.value != "<<":
            raise BlindmatchError(
                f"{key.start_mark.name}: {key.value!r} stands twice, in lines "
                f"{lines[key.value]} and {line}"
            )
        lines[key.value] = line
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def read_yaml(path: str | Path) -> dict:
    """A YAML file as a dictionary.

    Raises
    ------
    BlindmatchError
        If it is missing, not YAML, not a mapping, or has a key twice (two models with one slug).
    """
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.load(stream, _StrictLoader)
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise BlindmatchError(f"{path}: not valid YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BlindmatchError(f"{path}: expected a mapping, found {type(content).__name__}")
    return content


def json_schema() -> dict:
    """JSON schema of the configuration, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
