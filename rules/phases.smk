# Planted problems -> one table for each size and noise level.


rule solve_planted:
    """Problems with a known truth: a cloud of points and its noisy copy."""
    output:
        "results/phases/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.parquet",
    log:
        "logs/solve_planted/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.log",
    benchmark:
        "results/benchmarks/solve_planted/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(24 * 60),
    params:
        metric=entry_of("metrics", "metric"),
        solver=entry_of("solvers", "solver"),
        asked=asked("phases", "draws"),
        seed=config["seed"],
        code=code_of(
            "solvers",
            "solver",
            solvers,
            "solver",
            "blindmatch.phase",
            "blindmatch.matching",
            "blindmatch.qap",
            "blindmatch.metrics",
            "blindmatch.losses",
            "blindmatch.kernels",
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/solve_planted.py"'
        " --metric {wildcards.metric} --metric-settings {params.metric:q}"
        " --solver {wildcards.solver} --solver-settings {params.solver:q}"
        " --size {wildcards.size} --noise {wildcards.noise} --dimension {wildcards.dimension}"
        " --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"
