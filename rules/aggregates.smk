# Matchings -> one tidy table for each experiment.


rule aggregate:
    """All rows of an experiment in one table."""
    input:
        experiment_matchings,
    output:
        "results/aggregates/{experiment}.parquet",
    log:
        "logs/aggregate/{experiment}.log",
    localrule: True
    conda:
        "../envs/match.yaml"
    params:
        experiment=entry_of("experiments", "experiment"),
        code=code_digest("blindmatch.matching"),
    script:
        "../workflow/scripts/aggregate.py"
