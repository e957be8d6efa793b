# Which files figures, tables and targets are made of, and what they show.

# What all figures and tables share.
DRAWING = ["blindmatch.plotting", "blindmatch.trust"] + [
    f"blindmatch.plotting.{name}" for name in ("_latex", "_notes", "_rows", "_summary", "style")
]


def numbered(article):
    """The figures and tables that have a number in a paper."""
    return [
        figure
        for figure, entry in config["figures"].items()
        if entry["paper"] and entry["article"] == article
    ]


# The figures of the targets that make many of them.
TARGETS = {
    "all": config["build"],
    "paper": numbered("blind-match"),
    "sotalign": numbered("sotalign"),
}


def run_files(target):
    """What making the figures of a target took, and with what they were made."""
    names = ("run.html", "run_times.csv", "machine.csv")
    return [f"results/report/{target}/{name}" for name in names]


def figure_files(figures):
    """Every file of some figures: the drawing twice, unless it is a table; the numbers twice."""
    return [
        f"results/{file}"
        for figure in figures
        for file in (
            *([] if config["figures"][figure]["kind"] in TABLES else drawings_of(figure)),
            f"tables/{figure}.csv",
            f"tables/{figure}.tex",
        )
    ]


def drawings_of(figure):
    """The drawing of a figure in both formats."""
    return [f"figures/{figure}.pdf", f"figures/{figure}.png"]


def study_of(figure):
    """The grid that a figure shows."""
    entry = config["figures"][figure]
    return STUDIES[KINDS[entry["kind"]]][entry["experiment"]]


def embedding_files(figures):
    """Every embedding under some figures."""
    studies = [study_of(figure) for figure in figures]
    files = {
        file for study in studies for pattern in study.embeddings for file in study.files(pattern)
    }
    for study in studies:
        for slug in getattr(study, "splits", []):
            split = SplitSettings(**config["splits"][slug])
            files.update(embeddings_of(split, study.vision, study.language))
    return sorted(files)


def embeddings_of(split, vision, language):
    """Every embedding that a split needs, of some models."""
    sides = ("vision", split.vision_datasets, vision), (
        "language",
        split.language_datasets,
        language,
    )
    return [
        f"results/embeddings/{dataset}/{modality}/{model}.h5"
        for modality, datasets, models in sides
        for dataset in datasets
        for model in models
    ]


def figures_of(kind):
    """Wildcard pattern: the figures of one kind."""
    names = sorted(name for name, entry in config["figures"].items() if entry["kind"] == kind)
    return "|".join(names) or "none"


def aggregate_of(wildcards):
    """Input function: the table that a figure shows."""
    figure = config["figures"][wildcards.figure]
    return f"results/aggregates/{KINDS[figure['kind']]}/{figure['experiment']}.parquet"


def figure_entry(wildcards):
    """Params function: what a figure shows, and how."""
    return canonical(config["figures"][wildcards.figure])


def labels_of(form):
    """Report function: what a file shows, its number in the paper, its format."""

    def labels(wildcards):
        paper = config["figures"][wildcards.figure]["paper"]
        return {"shows": wildcards.figure, "paper": paper or "not in it", "format": form}

    return labels


def styles_of(wildcards):
    """Params function: how what a figure shows is drawn."""
    study = study_of(wildcards.figure)
    splits = [config["splits"][slug] for slug in getattr(study, "splits", [])]
    settings = [value for entry in (study.model_dump(), *splits) for value in entry.values()]
    lists = [value if isinstance(value, list) else [value] for value in settings]
    shown = {str(name) for names in lists for name in names}
    return canonical({name: config["plotting"].get(name) for name in sorted(shown)})
