# Raw files -> what a dataset holds: rows and labels, class names and prompts, random halves.


rule fetch_source:
    """One file of a dataset, downloaded and checked; a file placed there by hand is left alone."""
    output:
        # Not deleted before the job: it may have been placed by hand after a killed download.
        update("resources/datasets/{dataset}/{source}"),
    log:
        "logs/fetch_source/{dataset}/{source}.log",
    benchmark:
        "results/benchmarks/fetch_source/{dataset}/{source}.tsv"
    wildcard_constraints:
        source="[^/]+",
    conda:
        "../envs/embed.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(4 * 60),
    params:
        source=source_of,
        code=drawing_of,
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/fetch_source.py"'
        " --dataset {wildcards.dataset} --source {params.source:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule index_dataset:
    """Rows, labels and keys of the images, in the order of the embeddings."""
    input:
        sources_of,
    output:
        "results/datasets/{dataset}/index.h5",
    log:
        "logs/index_dataset/{dataset}.log",
    benchmark:
        "results/benchmarks/index_dataset/{dataset}.tsv"
    conda:
        "../envs/embed.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=entry_of("datasets", "dataset", without=("prompts", "class_names")),
        code=code_of("datasets", "dataset", loaders, "loader", *LOADING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/index_dataset.py"'
        " --dataset {wildcards.dataset} --settings {params.settings:q}"
        " --folder resources/datasets/{wildcards.dataset}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule describe_classes:
    """Class names and prompts; apart from the index, so that a prompt re-embeds no image."""
    input:
        sources_of,
        names_of,
    output:
        "results/datasets/{dataset}/classes.h5",
    log:
        "logs/describe_classes/{dataset}.log",
    benchmark:
        "results/benchmarks/describe_classes/{dataset}.tsv"
    conda:
        "../envs/embed.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=entry_of("datasets", "dataset"),
        code=code_of("datasets", "dataset", loaders, "loader", *LOADING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/describe_classes.py"'
        " --dataset {wildcards.dataset} --settings {params.settings:q}"
        " --folder resources/datasets/{wildcards.dataset}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule draw_halves:
    """Random halves of the images, computed once with torch's generator."""
    input:
        index="results/datasets/{dataset}/index.h5",
        classes="results/datasets/{dataset}/classes.h5",
    output:
        "results/datasets/{dataset}/draws.h5",
    log:
        "logs/draw_halves/{dataset}.log",
    benchmark:
        "results/benchmarks/draw_halves/{dataset}.tsv"
    conda:
        "../envs/embed.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        seed=config["seed"],
        draws=config["draws"],
        code=code_digest("blindmatch.prototypes"),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/draw_halves.py"'
        " --index {input.index:q} --classes {input.classes:q}"
        " --seed {params.seed} --draws {params.draws}"
        " --output {output:q} 2>&1 | tee {log:q}"
