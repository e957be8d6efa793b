# Planted problems -> one table for each size and noise level -> all cells of a phase diagram.


rule solve_planted:
    """Problems with a known truth: a cloud of points and its noisy copy."""
    output:
        "results/phases/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.parquet",
    log:
        "logs/solve_planted/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.log",
    benchmark:
        "results/benchmarks/solve_planted/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.tsv"
    wildcard_constraints:
        dimension=r"\d+",
        noise=r"\d+",
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=4000,
        runtime="1d",
    params:
        metric=entry_of("metrics", "metric"),
        solver=entry_of("solvers", "solver"),
        draws=phase_draws,
        seed=config["seed"],
        code=code_of(
            "solvers",
            "solver",
            solvers,
            "solver",
            "blindmatch.phase",
            "blindmatch.qap",
            "blindmatch.metrics",
            "blindmatch.losses",
            "blindmatch.kernels",
        ),
    shell:
        "python $BLINDMATCH_ROOT/workflow/scripts/solve_planted.py"
        " --metric {params.metric:q} --solver {params.solver:q}"
        " --size {wildcards.size} --noise {wildcards.noise} --dimension {wildcards.dimension}"
        " --draws {params.draws} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule aggregate_phase:
    """All cells of a phase diagram in one table."""
    input:
        phase_cells,
    output:
        "results/aggregates/phases/{phase}.parquet",
    log:
        "logs/aggregate_phase/{phase}.log",
    localrule: True
    conda:
        "../envs/match.yaml"
    params:
        phase=entry_of("phases", "phase"),
        solver=phase_solver,
        code=code_digest("blindmatch.phase"),
    script:
        "../workflow/scripts/aggregate_phase.py"
