# Kernels of both sides + subsets -> matchings, one row for each metric, rank and draw.


rule match:
    """Blind matching of subsets of one size, of every requested rank and draw, by one solver."""
    input:
        vision=kernels_of("vision", metric_in_path),
        language=kernels_of("language", metric_in_path),
        subsets="results/subsets/{dataset}/{metric}/{selection}/{vision}/{language}/n{size}.h5",
    output:
        "results/matchings/{dataset}/{metric}/{selection}/{solver}/{vision}/{language}/"
        "n{size}.parquet",
    log:
        "logs/match/{dataset}/{metric}/{selection}/{solver}/{vision}/{language}/n{size}.log",
    benchmark:
        "results/benchmarks/match/{dataset}/{metric}/{selection}/{solver}/{vision}/{language}/"
        "n{size}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        gurobi=licences,
        mem_mb=growing(4000),
        runtime=growing(3 * 24 * 60),
    params:
        metrics=metric_entry,
        solver=entry_of("solvers", "solver"),
        solver_metric=solver_metric,
        lacks=solver_lacks,
        asked=asked("experiments", "ranks", "draws", "nulls"),
        code=code_of("solvers", "solver", solvers, "solver", *MATCHING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/match.py"'
        " --vision {input.vision:q} --language {input.language:q} --subsets {input.subsets:q}"
        " --metrics {params.metrics:q} --solver {wildcards.solver}"
        " --solver-settings {params.solver:q} --solver-metric {params.solver_metric:q}"
        " --asked {params.asked:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule match_all:
    """Blind matching of all classes, by every requested metric, in every requested draw."""
    input:
        vision=kernels_of("vision", metrics_of_all),
        language=kernels_of("language", metrics_of_all),
    output:
        "results/matchings/{dataset}/{solver}/{vision}/{language}/all.parquet",
    log:
        "logs/match_all/{dataset}/{solver}/{vision}/{language}.log",
    benchmark:
        "results/benchmarks/match_all/{dataset}/{solver}/{vision}/{language}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        gurobi=licences,
        mem_mb=growing(4000),
        runtime=growing(24 * 60),
    params:
        metrics=metrics_asked("experiments"),
        solver=entry_of("solvers", "solver"),
        solver_metric=solver_metric,
        lacks=solver_lacks,
        asked=asked("experiments", "draws", "nulls"),
        code=code_of("solvers", "solver", solvers, "solver", *MATCHING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/match.py"'
        " --vision {input.vision:q} --language {input.language:q}"
        " --metrics {params.metrics:q} --solver {wildcards.solver}"
        " --solver-settings {params.solver:q} --solver-metric {params.solver_metric:q}"
        " --asked {params.asked:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
