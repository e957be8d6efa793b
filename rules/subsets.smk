# Kernels -> the classes that are most promising, with the true pairing (oracle) or without (blind).


rule select_subsets:
    """Ranked subsets of one size with the smallest distortion under a pairing."""
    input:
        vision=kernels_of("vision", metric_in_path),
        language=kernels_of("language", metric_in_path),
    output:
        "results/subsets/{dataset}/{metric}/{selection}/{vision}/{language}/n{size}.h5",
    log:
        "logs/select_subsets/{dataset}/{metric}/{selection}/{vision}/{language}/n{size}.log",
    benchmark:
        "results/benchmarks/select_subsets/{dataset}/{metric}/{selection}/{vision}/{language}/"
        "n{size}.tsv"
    conda:
        "../envs/match.yaml"
    threads: 4
    resources:
        gurobi=1,
        mem_mb=growing(16000),
        runtime=growing(75),
    params:
        metric=entry_of("metrics", "metric"),
        asked=asked("subsets", "ranks"),
        subsets=canonical(config["subsets"]),
        seed=config["seed"],
        code=of("selection")(lambda selection: code_digest(*SELECTING[selection])),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/select_subsets.py"'
        " --vision {input.vision:q} --language {input.language:q} --metric {params.metric:q}"
        " --selection {wildcards.selection} --size {wildcards.size}"
        " --asked {params.asked:q} --subsets {params.subsets:q}"
        " --seed {params.seed} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"
