# Aggregates -> figures and tables. Labels and colours matter here and nowhere else.
for kind in KINDS:
    shape = kind.replace("-", "_")
    caption = f"../workflow/report/{shape}.rst"
    drawing = [f"blindmatch.plotting.{shape}", *DRAWING]

    if kind not in TABLES:

        rule:
            name:
                f"figure_{shape}"
            input:
                aggregate_of,
            output:
                pdf=report(
                    "results/figures/{figure}.pdf",
                    caption=caption,
                    category="Figures",
                    labels=labels_of("PDF"),
                ),
                png=report(
                    "results/figures/{figure}.png",
                    caption=caption,
                    category="Figures",
                    labels=labels_of("PNG"),
                ),
            log:
                f"logs/figure_{shape}/{{figure}}.log",
            benchmark:
                f"results/benchmarks/figure_{shape}/{{figure}}.tsv"
            wildcard_constraints:
                figure=figures_of(kind),
            localrule: True
            conda:
                "../envs/plot.yaml"
            params:
                figure=figure_entry,
                styles=styles_of,
                code=code_digest(*drawing),
            script:
                "../workflow/scripts/draw_figure.py"

    rule:
        name:
            f"table_{shape}"
        input:
            aggregate_of,
        output:
            csv=report(
                "results/tables/{figure}.csv",
                caption=caption,
                category="Tables",
                labels=labels_of("CSV"),
            ),
            tex="results/tables/{figure}.tex",
        log:
            f"logs/table_{shape}/{{figure}}.log",
        benchmark:
            f"results/benchmarks/table_{shape}/{{figure}}.tsv"
        wildcard_constraints:
            figure=figures_of(kind),
        localrule: True
        conda:
            "../envs/plot.yaml"
        params:
            figure=figure_entry,
            styles=styles_of,
            code=code_digest(*drawing),
        script:
            "../workflow/scripts/write_table.py"
