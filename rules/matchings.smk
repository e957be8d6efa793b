# Kernels of both sides + subsets -> matchings, one row for each rank and draw.


rule match:
    """Blind matching of every requested rank and draw by one solver."""
    input:
        vision=kernel_of("vision"),
        language=kernel_of("language"),
        subsets="results/subsets/{dataset}/{metric}/{vision}/{language}/n{size}.h5",
    output:
        "results/matchings/{dataset}/{metric}/{solver}/{vision}/{language}/n{size}.parquet",
    log:
        "logs/match/{dataset}/{metric}/{solver}/{vision}/{language}/n{size}.log",
    benchmark:
        "results/benchmarks/match/{dataset}/{metric}/{solver}/{vision}/{language}/n{size}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=4000,
        runtime="3d",
    params:
        metric=entry_of("metrics", "metric"),
        solver=entry_of("solvers", "solver"),
        ranks=most(RANKS),
        draws=most(DRAWS),
        code=code_of(
            "solvers",
            "solver",
            solvers,
            "solver",
            "blindmatch.matching",
            "blindmatch.qap",
            "blindmatch.metrics",
            "blindmatch.losses",
        ),
    shell:
        "python $BLINDMATCH_ROOT/workflow/scripts/match.py"
        " --vision {input.vision:q} --language {input.language:q} --subsets {input.subsets:q}"
        " --metric {params.metric:q} --solver {params.solver:q}"
        " --ranks {params.ranks} --draws {params.draws}"
        " --output {output:q} 2>&1 | tee {log:q}"
