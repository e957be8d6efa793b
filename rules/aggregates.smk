# Files of a study -> one tidy table.


rule aggregate:
    """All rows of a study in one table."""
    input:
        study_files,
    output:
        "results/aggregates/{section}/{study}.parquet",
    log:
        "logs/aggregate/{section}/{study}.log",
    benchmark:
        "results/benchmarks/aggregate/{section}/{study}.tsv"
    localrule: True
    conda:
        "../envs/match.yaml"
    params:
        study=study_entry,
        code=code_digest("blindmatch.aggregates"),
    script:
        "../workflow/scripts/aggregate.py"
