"""What the entries of `config/*.yaml` may say, one class for each kind of entry."""

import itertools
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

#: The only names that may stand in a path, beside integers.
SLUG = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"

#: A file in the folder of its dataset, not outside of it.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Slug = Annotated[str, StringConstraints(pattern=rf"^{SLUG}$")]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=2)]
Options = dict[str, bool | int | float | str | None]


class Settings(BaseModel):
    """A section of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)


class Source(Settings):
    """A file that a dataset is made of."""

    url: str | None = Field(None, description="Where it is published; null: only by hand.")
    synthetic: Literal["cifar-10", "cinic-10", "coco-captions"] | None = Field(
        None, description="Drawn from emoji instead, in this dataset's file format."
    )
    checksum: str | None = Field(
        None,
        description="`sha256:...` or `md5:...` of the file.",
        pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$",
    )

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if self.synthetic and (self.url or self.checksum):
            raise ValueError("a synthetic file has neither url nor checksum")
        return self


class DatasetSettings(Settings):
    """One dataset: where its images come from, what its classes are called, how to prompt."""

    loader: str = Field(description="Registered loader that reads the files.")
    split: str | None = Field(None, description="Part of the dataset: `test`, `val`, ...")
    sources: dict[FileName, Source] = Field(
        default_factory=dict,
        description="File name -> where to get it; kept in `resources/datasets/{dataset}/`.",
    )
    path: str | None = Field(None, description="The user's own folder or zip file.")
    captions: str | None = Field(
        None,
        description="Loader `image-captions`: a .csv or .tsv file with the columns `file` and "
        "`caption`, or Karpathy's .json; null: the images' names.",
    )
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
        None,
        description="What is read: `pre_logits`, `cls-mean`, `mean-tokens`, ...; null: the "
        "family's.",
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
    packages: list[str] | None = Field(
        None,
        min_length=1,
        description="Installed distributions that carry the parts of a zip file of the model, in "
        "order.",
    )
    dimension: int | None = Field(None, ge=1, description="Family `random-vectors`: their length.")
    seed: int | None = Field(None, ge=0, description="Families with random weights or vectors.")


class MetricSettings(Settings):
    """One way to compare two kernels."""

    metric: str = Field(description="Registered metric.")
    options: Options = Field(default_factory=dict)


class SolverSettings(Settings):
    """One solver with its options; a variant is one more entry."""

    solver: str = Field(description="Registered solver.")
    time_limit: Positive | None = Field(None, description="Seconds per problem; null: none.")
    metric: Slug | None = Field(
        None,
        description="Whose problem is solved; the matching is evaluated by the study's metric. "
        "null: the study's metric.",
    )
    options: Options = Field(default_factory=dict)


class ClusteringSettings(Settings):
    """One way to find classes among images without labels."""

    clustering: str = Field(description="Registered clustering.")
    options: Options = Field(default_factory=dict)


class SplitSettings(Settings):
    """Where pairs, unpaired rows and held-out rows come from."""

    dataset: Slug = Field(description="Of the pairs, the validation pairs and the test rows.")
    unpaired_images: Slug | None = Field(
        None, description="Dataset of the unpaired images; null: what the pairs leave."
    )
    unpaired_texts: Slug | None = Field(
        None, description="Dataset of the unpaired texts; null: what the pairs leave."
    )
    mode: Literal["hidden", "disjoint"] = Field(
        "hidden",
        description="`hidden`: an unpaired image's text may be among the unpaired texts. "
        "`disjoint`: never.",
    )
    texts: Literal["each", "mean"] = Field(
        "each", description="`mean`: the prompts of a class are one text, their normalised mean."
    )
    validation: Size = Field(description="Classes whose pairs choose among a method's options.")
    test: int = Field(0, ge=0, description="Classes that are held out; retrieval among them.")
    retrieval: list[Slug] = Field(
        default_factory=list, description="Other datasets among whose images and texts to retrieve."
    )
    zero_shot: list[Slug] = Field(
        default_factory=list, description="Datasets whose images are classified by their prompts."
    )
    criterion: Literal["mean_r1", "mean_r5"] = Field(
        "mean_r1", description="What is compared on the validation pairs."
    )

    @model_validator(mode="after")
    def _judged(self) -> "SplitSettings":
        if not (self.test or self.retrieval or self.zero_shot):
            raise ValueError("expected test classes, or datasets for retrieval or zero_shot")
        return self

    @property
    def vision_datasets(self) -> list[str]:
        """Datasets whose images are needed, each once."""
        return self._datasets(self.unpaired_images)

    @property
    def language_datasets(self) -> list[str]:
        """Datasets whose texts are needed, each once."""
        return self._datasets(self.unpaired_texts)

    def _datasets(self, pool: str | None) -> list[str]:
        named = [self.dataset, pool, *self.retrieval, *self.zero_shot]
        return [name for name in dict.fromkeys(named) if name]


class TeacherSettings(Settings):
    """One linear teacher, fitted on pairs alone."""

    teacher: str = Field(description="Registered teacher.")
    options: Options = Field(default_factory=dict)


class MethodSettings(Settings):
    """One way to align two spaces."""

    method: str = Field(description="Registered alignment method.")
    teacher: Slug | None = Field(None, description="For methods that learn from one.")
    options: Options = Field(default_factory=dict)
    tuned: dict[str, list[bool | int | float | str | None]] = Field(
        default_factory=dict,
        description="Option -> values, of which the best on validation pairs is taken.",
    )

    def candidates(self) -> list[dict]:
        """Every combination of the tuned values, with the fixed options."""
        chosen = itertools.product(*self.tuned.values())
        return [self.options | dict(zip(self.tuned, values, strict=True)) for values in chosen]


class EmbeddingSettings(Settings):
    """How embeddings are computed."""

    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: Count | None = Field(None, description="null: 4 on a CPU, 256 on a GPU.")
    device: Literal["auto", "cpu", "cuda"] = "auto"


class TrainingSettings(Settings):
    """How alignment layers are trained; the defaults are those of the SOTAlign paper."""

    dimension: Count = Field(1024, description="Of the shared space.")
    steps: Count = Field(2000, description="Of the optimizer, Lion.")
    learning_rate: Positive = Field(1e-4, description="At its peak.")
    weight_decay: float = Field(1e-5, ge=0)
    warm_up: float = Field(
        0.1, ge=0, lt=1, description="Share of the steps in which the learning rate rises."
    )
    pairs_per_step: Count = Field(10_000, description="All pairs, where there are fewer.")
    unpaired_per_step: Count = Field(
        22_000, description="Of each modality; all of them, where there are fewer."
    )
    checkpoint_seconds: Positive = Field(
        300.0, description="Between two checkpoints, from which a killed job goes on."
    )
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
