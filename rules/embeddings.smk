# Images and prompts -> one embedding cache for each (dataset, modality, model).


rule embed_vision:
    """Every image through one vision model; an interrupted job resumes from its partial file."""
    input:
        sources_of,
        index="results/datasets/{dataset}/index.h5",
    output:
        "results/embeddings/{dataset}/vision/{model}.h5",
    log:
        "logs/embed_vision/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/embed_vision/{dataset}/{model}.tsv"
    conda:
        "../envs/embed.yaml"
    threads: 8
    resources:
        gpu=0 if config["embedding"]["device"] == "cpu" else 1,
        mem_mb=growing(16000),
        runtime=growing(12 * 60),
    params:
        dataset=entry_of("datasets", "dataset", without=("prompts", "class_names")),
        model=entry_of("models", "model"),
        embedding=canonical(config["embedding"]),
        reading=code_of("datasets", "dataset", loaders, "loader", *LOADING),
        code=code_of("models", "model", families, "family", *EMBEDDING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/embed_vision.py"'
        " --dataset {wildcards.dataset} --dataset-settings {params.dataset:q}"
        " --folder resources/datasets/{wildcards.dataset} --index {input.index:q}"
        " --model {wildcards.model} --model-settings {params.model:q}"
        " --embedding {params.embedding:q} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule embed_language:
    """Every prompt through one language model."""
    input:
        own_embeddings_of,
        classes="results/datasets/{dataset}/classes.h5",
    output:
        "results/embeddings/{dataset}/language/{model}.h5",
    log:
        "logs/embed_language/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/embed_language/{dataset}/{model}.tsv"
    conda:
        "../envs/embed.yaml"
    threads: 4
    resources:
        gpu=0 if config["embedding"]["device"] == "cpu" else 1,
        mem_mb=growing(16000),
        runtime=growing(4 * 60),
    params:
        dataset=entry_of("datasets", "dataset", only=("loader", "embeddings", "labels", "paired")),
        model=entry_of("models", "model"),
        device=config["embedding"]["device"],
        code=code_of("models", "model", families, "family", *EMBEDDING),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/embed_language.py"'
        " --dataset {wildcards.dataset} --dataset-settings {params.dataset:q}"
        " --classes {input.classes:q}"
        " --model {wildcards.model} --model-settings {params.model:q}"
        " --device {params.device} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"
