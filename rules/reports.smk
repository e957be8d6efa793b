# What making the results took, and with what they were made: tables of the HTML report.


rule describe_run:
    """Run times and memory of the jobs of each rule; the machine and the versions."""
    input:
        lambda wildcards: figure_files(TARGETS[wildcards.target]),
    output:
        page=report(
            "results/report/{target}/run.html",
            caption="../workflow/report/run.rst",
            category="Run",
            labels={"shows": "run times and machine", "format": "HTML"},
        ),
        run_times=report(
            "results/report/{target}/run_times.csv",
            caption="../workflow/report/run.rst",
            category="Run",
            labels={"shows": "run times and memory", "format": "CSV"},
        ),
        machine=report(
            "results/report/{target}/machine.csv",
            caption="../workflow/report/run.rst",
            category="Run",
            labels={"shows": "machine and versions", "format": "CSV"},
        ),
    log:
        "logs/describe_run/{target}.log",
    wildcard_constraints:
        target="|".join(TARGETS),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        benchmarks="results/benchmarks",
        code=code_digest("blindmatch.run_times", "blindmatch.machine"),
    script:
        "../workflow/scripts/describe_run.py"
