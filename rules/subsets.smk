# Kernels -> the classes that are most promising, chosen with the true pairing (oracle).


rule select_subsets:
    """Ranked subsets of one size with the smallest distortion under the true pairing."""
    input:
        vision=kernel_of("vision"),
        language=kernel_of("language"),
    output:
        "results/subsets/{dataset}/{metric}/{vision}/{language}/n{size}.h5",
    log:
        "logs/select_subsets/{dataset}/{metric}/{vision}/{language}/n{size}.log",
    benchmark:
        "results/benchmarks/select_subsets/{dataset}/{metric}/{vision}/{language}/n{size}.tsv"
    conda:
        "../envs/match.yaml"
    threads: 4
    resources:
        gurobi=1,
        mem_mb=16000,
        runtime="75m",
    params:
        metric=entry_of("metrics", "metric"),
        ranks=most(RANKS),
        subsets=canonical(config["subsets"]),
        seed=config["seed"],
        code=code_digest("blindmatch.subsets", "blindmatch.metrics", "blindmatch.losses"),
    shell:
        "python $BLINDMATCH_ROOT/workflow/scripts/select_subsets.py"
        " --vision {input.vision:q} --language {input.language:q} --metric {params.metric:q}"
        " --size {wildcards.size} --ranks {params.ranks} --subsets {params.subsets:q}"
        " --seed {params.seed} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"
