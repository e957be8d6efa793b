# Aggregates -> figures and their numbers. Labels and colours matter here and nowhere else.


rule figure_scaling:
    """Accuracy of the matching against the number of classes (paper, Fig. 5)."""
    input:
        aggregate_of,
    output:
        pdf=report(
            "results/figures/{figure}.pdf",
            caption="../workflow/report/scaling.rst",
            category="Figures",
            labels=labels_of("PDF"),
        ),
        png=report(
            "results/figures/{figure}.png",
            caption="../workflow/report/scaling.rst",
            category="Figures",
            labels=labels_of("PNG"),
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
            labels=labels_of("CSV"),
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


rule figure_phase:
    """Where optima are proved, where they are the truth, where the truth is not optimal."""
    input:
        aggregate_of,
    output:
        pdf=report(
            "results/figures/{figure}.pdf",
            caption="../workflow/report/phase.rst",
            category="Figures",
            labels=labels_of("PDF"),
        ),
        png=report(
            "results/figures/{figure}.png",
            caption="../workflow/report/phase.rst",
            category="Figures",
            labels=labels_of("PNG"),
        ),
    log:
        "logs/figure_phase/{figure}.log",
    wildcard_constraints:
        figure=figures_of("phase"),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        title=title_of,
        code=code_digest("blindmatch.plotting.phase", "blindmatch.plotting.style"),
    script:
        "../workflow/scripts/figure_phase.py"


rule table_phase:
    """The numbers of a phase diagram."""
    input:
        aggregate_of,
    output:
        csv=report(
            "results/tables/{figure}.csv",
            caption="../workflow/report/phase.rst",
            category="Tables",
            labels=labels_of("CSV"),
        ),
        tex="results/tables/{figure}.tex",
    log:
        "logs/table_phase/{figure}.log",
    wildcard_constraints:
        figure=figures_of("phase"),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        code=code_digest("blindmatch.plotting.phase"),
    script:
        "../workflow/scripts/table_phase.py"
