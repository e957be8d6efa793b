# Aggregates -> figures and their numbers. Labels and colours matter here and nowhere else.


def figures_of(kind):
    """Wildcard pattern: the figures of one kind."""
    names = sorted(name for name, entry in config["figures"].items() if entry["kind"] == kind)
    return "|".join(names) or "none"


def aggregate_of(wildcards):
    """Input function: the table that a figure shows."""
    return f"results/aggregates/{config['figures'][wildcards.figure]['experiment']}.parquet"


def title_of(wildcards):
    """Params function: what stands above a figure."""
    return config["figures"][wildcards.figure]["title"]


def label_of(wildcards):
    """Report label: the figure's number in the paper."""
    return config["figures"][wildcards.figure]["paper"] or "none"


def styles_of(wildcards):
    """Params function: how the models of a figure are drawn."""
    entry = config["experiments"][config["figures"][wildcards.figure]["experiment"]]
    shown = (*entry["vision"], *entry["language"], *entry["datasets"], *entry["solvers"])
    return canonical({name: config["plotting"].get(name) for name in sorted(set(shown))})


rule figure_scaling:
    """Accuracy of the matching against the number of classes (paper, Fig. 5)."""
    input:
        aggregate_of,
    output:
        pdf=report(
            "results/figures/{figure}.pdf",
            caption="../workflow/report/scaling.rst",
            category="Figures",
            labels={"figure": "{figure}", "paper": label_of, "format": "PDF"},
        ),
        png=report(
            "results/figures/{figure}.png",
            caption="../workflow/report/scaling.rst",
            category="Figures",
            labels={"figure": "{figure}", "paper": label_of, "format": "PNG"},
        ),
    log:
        "logs/figure_scaling/{figure}.log",
    wildcard_constraints:
        figure=figures_of("scaling"),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        title=title_of,
        styles=styles_of,
        code=code_digest("blindmatch.plotting.scaling", "blindmatch.plotting.style"),
    script:
        "../workflow/scripts/figure_scaling.py"


rule table_scaling:
    """The numbers of the scaling figure."""
    input:
        aggregate_of,
    output:
        csv=report(
            "results/tables/{figure}.csv",
            caption="../workflow/report/scaling.rst",
            category="Tables",
            labels={"figure": "{figure}", "paper": label_of, "format": "CSV"},
        ),
        tex="results/tables/{figure}.tex",
    log:
        "logs/table_scaling/{figure}.log",
    wildcard_constraints:
        figure=figures_of("scaling"),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        code=code_digest("blindmatch.plotting.scaling"),
    script:
        "../workflow/scripts/table_scaling.py"
