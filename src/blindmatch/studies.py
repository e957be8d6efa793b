"""Studies: grids of settings, the files that they are made of, and the kinds of figures of them."""

import string
from collections.abc import Iterable
from itertools import product
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from blindmatch.errors import BlindmatchError
from blindmatch.settings import Count, Positive, Settings, Size, Slug

#: Subsets of classes, chosen once for all solvers; a pattern like `Study.path`.
SUBSETS = "results/subsets/{datasets}/{metrics}/{selections}/{vision}/{language}/n{sizes}.h5"
#: Clusters of images, found once for all language models; a pattern like `Study.path`.
CLUSTERS = "results/clusters/{datasets}/{clusterings}/{vision}.h5"

_VISION = "results/embeddings/{datasets}/vision/{vision}.h5"
_LANGUAGE = "results/embeddings/{datasets}/language/{language}.h5"

Names = Annotated[list[Slug], Field(min_length=1)]


class Study(Settings):
    """A grid: every combination of the settings in the braces of `path` is a file, and a job.

    What is not in braces is asked of every file: numbers of draws, metrics, ...
    """

    #: The files of the study, with the names of settings in braces.
    path: ClassVar[str]
    #: The embeddings that it needs, likewise.
    embeddings: ClassVar[tuple[str, ...]] = ()
    #: Settings on which all studies of a file must agree.
    agreed: ClassVar[tuple[str, ...]] = ()

    def files(self, pattern: str | None = None) -> list[str]:
        """The paths of a pattern (default: `path`), in the order of the settings."""
        pattern = pattern or self.path
        names = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
        values = (getattr(self, name) for name in names)
        grid = product(*(value if isinstance(value, list) else [value] for value in values))
        return [pattern.format(**dict(zip(names, chosen, strict=True))) for chosen in grid]


class ExperimentSettings(Study):
    """A grid of matchings; every combination of its lists is made."""

    embeddings: ClassVar = (_VISION, _LANGUAGE)

    datasets: Names
    vision: Names
    language: Names
    metrics: Names
    solvers: Names
    sizes: list[Size] | None = Field(
        None,
        min_length=1,
        description="Numbers of classes N. null: all classes of each dataset; then one job does "
        "all metrics and draws of a pair of models.",
    )
    selections: list[Literal["oracle", "blind"]] = Field(
        default=["oracle"],
        min_length=1,
        description="How subsets of classes are chosen: with the true pairing, or without.",
    )
    ranks: Count = Field(1, description="How many of the best subsets of each size are matched.")
    draws: Count = Field(1, description="How many random halves of the images are matched.")
    nulls: int = Field(
        0,
        ge=0,
        description="Problems without common structure that each matching is compared with; with "
        "any, the margins of all pairs are computed, too.",
    )

    @property
    def path(self) -> str:
        """One file for each size, or one for all metrics where all classes are matched."""
        if self.sizes is None:
            return "results/matchings/{datasets}/{solvers}/{vision}/{language}/all.parquet"
        return (
            "results/matchings/{datasets}/{metrics}/{selections}/{solvers}/{vision}/{language}"
            "/n{sizes}.parquet"
        )


class ShuffleSettings(Study):
    """How similarity falls when more and more pairs are shuffled."""

    path: ClassVar = "results/shuffles/{datasets}/{vision}/{language}.parquet"
    embeddings: ClassVar = (_VISION, _LANGUAGE)
    agreed: ClassVar = ("levels",)

    datasets: Names
    vision: Names
    language: Names
    metrics: Names
    levels: Annotated[int, Field(ge=2)] = Field(
        21, description="Shares of shuffled pairs, evenly spaced from 0 to 1."
    )
    draws: Count = Field(100, description="Random shuffles of each level.")


class RatioSettings(Study):
    """How a model stretches the distances of a reference model."""

    path: ClassVar = "results/ratios/{datasets}/{models}/{reference}.parquet"
    embeddings: ClassVar = (
        "results/embeddings/{datasets}/vision/{models}.h5",
        "results/embeddings/{datasets}/vision/{reference}.h5",
    )
    agreed: ClassVar = ("bins",)

    datasets: Names
    models: Names
    reference: Slug
    bins: Count = Field(50, description="Of the histogram between 0 and 2.")


class ClassificationSettings(Study):
    """Classification without labels: clusters of images are matched to class names."""

    path: ClassVar = (
        "results/classifications/{datasets}/{metrics}/{clusterings}/{solvers}/{vision}/{language}"
        ".parquet"
    )
    embeddings: ClassVar = (_VISION, _LANGUAGE)

    datasets: Names
    vision: Names
    language: Names
    metrics: Names
    clusterings: Names
    solvers: Names
    draws: Count = Field(1, description="How many random halves of the images are clustered.")
    nulls: int = Field(
        0, ge=0, description="Problems without common structure to compare each matching with."
    )


class AblationSettings(Study):
    """Solvers side by side on problems between independent random vectors."""

    path: ClassVar = "results/ablations/{metric}/{solvers}/d{dimension}/n{sizes}.parquet"

    metric: Slug
    solvers: Names
    sizes: list[Size] = Field(min_length=1, description="Numbers of vectors N.")
    dimension: Count = Field(1024, description="Coordinates of a vector.")
    draws: Count = Field(5, description="Problems of each size.")


class PhaseSettings(Study):
    """A phase diagram: problems with a known truth, of every size at every noise level."""

    path: ClassVar = "results/phases/{metric}/{solver}/d{dimension}/n{sizes}/noise{noises}.parquet"

    metric: Slug
    solver: Slug
    dimension: Count = Field(20, description="Coordinates of a point.")
    sizes: list[Size] = Field(min_length=1, description="Numbers of points N.")
    noises: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Per cent of the points' standard deviation."
    )
    draws: Count = Field(1, description="Problems of each size and noise.")


class AlignmentSettings(Study):
    """Alignment from a few pairs and unpaired rows (SOTAlign); draws are splits and trainings."""

    path: ClassVar = (
        "results/alignments/{splits}/{methods}/{vision}/{language}/p{pair_counts}"
        "/u{unpaired_counts}.parquet"
    )
    agreed: ClassVar = ("tuning_draws",)

    splits: Names
    methods: Names
    vision: Names
    language: Names
    pair_counts: list[Size] = Field(min_length=1, description="Numbers of training pairs.")
    unpaired_counts: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Numbers of unpaired rows of each modality."
    )
    draws: Count = Field(1, description="Random splits, each with a training of its own.")
    tuning_draws: Count = Field(
        1, description="Of the draws, whose validation pairs choose a method's options for all."
    )


class PlanSettings(Study):
    """How sharp the transport plan of a teacher is."""

    path: ClassVar = (
        "results/plans/{splits}/{teachers}/{vision}/{language}/p{pair_counts}"
        "/u{unpaired_counts}.parquet"
    )

    splits: Names
    teachers: Names
    vision: Names
    language: Names
    pair_counts: list[Size] = Field(min_length=1, description="Numbers of training pairs.")
    unpaired_counts: list[Size] = Field(
        min_length=1, description="Numbers of unpaired rows of each modality."
    )
    epsilons: list[Positive] = Field(min_length=1, description="Entropic regularisations.")
    draws: Count = Field(1, description="Random splits.")


class GradientSettings(Study):
    """Memory and time of several ways to the gradient of KLOT (SOTAlign, Fig. 3)."""

    path: ClassVar = "results/gradients/{ways}/d{dimension}/n{sizes}/t{iterations}.parquet"

    ways: list[Literal["explicit", "unrolled", "unrolled-kernel", "implicit"]] = Field(min_length=1)
    dimension: Count = Field(256, description="Of the random rows whose cosines are compared.")
    sizes: list[Size] = Field(min_length=1, description="Numbers of rows of each modality.")
    iterations: list[Count] = Field(min_length=1, description="Of Sinkhorn's algorithm.")
    draws: Count = Field(1, description="Repetitions.")


class BlindAlignmentSettings(Study):
    """Alignment without any pair: clusters matched to class names stand in for pairs."""

    path: ClassVar = (
        "results/blind-alignments/{datasets}/{metrics}/{clusterings}/{solvers}/{methods}/{vision}"
        "/{language}.parquet"
    )
    embeddings: ClassVar = (_VISION, _LANGUAGE)

    datasets: Names
    metrics: Names
    clusterings: Names
    solvers: Names
    methods: Names
    vision: Names
    language: Names
    draws: Count = Field(1, description="How many random halves of the images are clustered.")
    rounds: Count = Field(2, description="The most refinements of a draw.")


#: Section of the configuration -> the class of its entries.
SECTIONS: dict[str, type[Study]] = {
    "experiments": ExperimentSettings,
    "shuffles": ShuffleSettings,
    "ratios": RatioSettings,
    "classifications": ClassificationSettings,
    "ablations": AblationSettings,
    "phases": PhaseSettings,
    "alignments": AlignmentSettings,
    "plans": PlanSettings,
    "gradients": GradientSettings,
    "blind_alignments": BlindAlignmentSettings,
}

#: Kind of figure -> the section whose studies it shows.
KINDS = {
    "accuracy": "experiments",
    "heat-map": "experiments",
    "metrics": "experiments",
    "model-size": "experiments",
    "scaling": "experiments",
    "solver-scaling": "experiments",
    "solvers": "experiments",
    "trust": "experiments",
    "shuffling": "shuffles",
    "ratios": "ratios",
    "classification": "classifications",
    "ablation": "ablations",
    "phase": "phases",
    "recall": "alignments",
    "methods": "alignments",
    "divergences": "alignments",
    "perplexity": "plans",
    "gradient": "gradients",
    "blind-alignment": "blind_alignments",
}

#: Kinds that are a table and no drawing.
TABLES = frozenset({"metrics", "solvers", "classification", "ablation", "methods", "divergences"})


class FigureSettings(Settings):
    """A figure with its table, or a table, and the study that it shows."""

    kind: Literal[tuple(KINDS)] = Field(description="Which drawing or table.")
    experiment: Slug = Field(description="The study: an entry of the section that its kind shows.")
    title: str
    paper: str | None = Field(None, description="Its number in the paper, for the report.")
    article: Literal["blind-match", "sotalign"] = Field(
        "blind-match", description="Which paper that is."
    )
    metric: Slug | None = Field(
        None,
        description="The metric that is shown; null: the first of the study, for `shuffling` all.",
    )
    score: Slug | None = Field(
        None,
        description="Kind `model-size`: metric of the similarity below the accuracy. Kind "
        "`recall`: the measure that is drawn, `mean_r5` if null.",
    )
    against: Literal["pairs", "unpaired"] | None = Field(
        None, description="Kind `recall`: whose number grows to the right."
    )
    zoom: Positive | None = Field(
        None, description="Kind `shuffling`: upper end of a second, magnified axis."
    )
    bounds: list[Slug] = Field(
        default_factory=list, description="Kind `solver-scaling`: solvers whose bounds are drawn."
    )

    @property
    def section(self) -> str:
        """Where its study is found."""
        return KINDS[self.kind]


def demands(studies: Iterable[Study], pattern: str | None = None) -> dict[str, dict]:
    """What all studies together ask of each file: the largest numbers, all the names.

    Parameters
    ----------
    studies : iterable of Study
        Of one class.
    pattern : str, optional
        As for `Study.files`.

    Returns
    -------
    dict
        Path -> {setting: number or list of names}, of the settings that the path does not name.

    Raises
    ------
    BlindmatchError
        If studies of one file differ where they must agree.
    """
    asked: dict[str, dict] = {}
    for study in studies:
        path = pattern or study.path
        more = {
            name: value
            for name, value in study.model_dump().items()
            if f"{{{name}}}" not in path and isinstance(value, int | list)
        }
        more = _merged(more, more)  # no name stands twice
        for file in study.files(pattern):
            before = asked.setdefault(file, more)
            if before is more:  # almost always: studies of thousands of files share few of them
                continue
            for name in study.agreed:
                if before[name] != more[name]:
                    raise BlindmatchError(
                        f"{file}: expected all studies of it to ask for the same {name}, found "
                        f"{before[name]} and {more[name]}"
                    )
            asked[file] = _merged(before, more)
    return asked


def _merged(first: dict, second: dict) -> dict:
    return {
        name: max(value, second[name])
        if isinstance(value, int)
        else list(dict.fromkeys([*value, *second[name]]))
        for name, value in first.items()
    }
