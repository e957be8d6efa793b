# Embeddings -> what similarity is worth: shuffled pairs, and what control models do to distances.


rule shuffle:
    """Similarity of a pair of models when more and more of their items are shuffled."""
    input:
        vision="results/embeddings/{dataset}/vision/{vision}.h5",
        language="results/embeddings/{dataset}/language/{language}.h5",
        index="results/datasets/{dataset}/index.h5",
        classes="results/datasets/{dataset}/classes.h5",
    output:
        "results/shuffles/{dataset}/{vision}/{language}.parquet",
    log:
        "logs/shuffle/{dataset}/{vision}/{language}.log",
    benchmark:
        "results/benchmarks/shuffle/{dataset}/{vision}/{language}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        # Pixels of thousands of images fill gigabytes, in float64 and more than once.
        mem_mb=growing(4000, for_each_input_mb=10),
        runtime=growing(4 * 60),
    params:
        metrics=metrics_asked("shuffles"),
        asked=asked("shuffles", "levels", "draws"),
        seed=config["seed"],
        code=code_digest(
            "blindmatch.shuffling",
            "blindmatch._shuffles",
            "blindmatch.kernels",
            "blindmatch.losses",
            "blindmatch.metrics",
            "blindmatch.prototypes",
            "blindmatch.qap",
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/shuffle.py" --dataset {wildcards.dataset}'
        " --vision {wildcards.vision} --vision-embeddings {input.vision:q}"
        " --language {wildcards.language} --language-embeddings {input.language:q}"
        " --index {input.index:q} --classes {input.classes:q}"
        " --metrics {params.metrics:q} --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule measure_ratios:
    """How a model stretches the distances that a reference gives to the same images."""
    input:
        model="results/embeddings/{dataset}/vision/{model}.h5",
        reference="results/embeddings/{dataset}/vision/{reference}.h5",
    output:
        "results/ratios/{dataset}/{model}/{reference}.parquet",
    log:
        "logs/measure_ratios/{dataset}/{model}/{reference}.log",
    benchmark:
        "results/benchmarks/measure_ratios/{dataset}/{model}/{reference}.tsv"
    wildcard_constraints:
        reference=SLUG,
    conda:
        "../envs/match.yaml"
    resources:
        # Pixels of thousands of images fill gigabytes, in float64 and more than once.
        mem_mb=growing(4000, for_each_input_mb=10),
        runtime=growing(4 * 60),
    params:
        asked=asked("ratios", "bins"),
        code=code_digest("blindmatch.ratios", "blindmatch.kernels", "blindmatch.prototypes"),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/measure_ratios.py" --dataset {wildcards.dataset}'
        " --model {wildcards.model} --model-embeddings {input.model:q}"
        " --reference {wildcards.reference} --reference-embeddings {input.reference:q}"
        " --asked {params.asked:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
