# Problems between random vectors -> one table for each solver and size.


rule solve_ablation:
    """Problems without any structure, whose costs are all nearly the same."""
    output:
        "results/ablations/{metric}/{solver}/d{dimension}/n{size}.parquet",
    log:
        "logs/solve_ablation/{metric}/{solver}/d{dimension}/n{size}.log",
    benchmark:
        "results/benchmarks/solve_ablation/{metric}/{solver}/d{dimension}/n{size}.tsv"
    conda:
        "../envs/embed.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(24 * 60),
    params:
        metric=entry_of("metrics", "metric"),
        solver=entry_of("solvers", "solver"),
        lacks=solver_lacks,
        asked=asked("ablations", "draws"),
        seed=config["seed"],
        code=code_of(
            "solvers",
            "solver",
            solvers,
            "solver",
            "blindmatch.ablation",
            "blindmatch.kernels",
            "blindmatch.losses",
            "blindmatch.metrics",
            "blindmatch.prototypes",
            "blindmatch.matching",
            "blindmatch.qap",
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/solve_ablation.py"'
        " --metric {wildcards.metric} --metric-settings {params.metric:q}"
        " --solver {wildcards.solver} --solver-settings {params.solver:q}"
        " --size {wildcards.size} --dimension {wildcards.dimension}"
        " --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"
