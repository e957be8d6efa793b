# Embeddings -> prototypes -> kernels. A kernel belongs to one model, never to a pair.


rule compute_kernel_vision:
    """Kernel of the class means over each random half, and over all images."""
    input:
        embeddings="results/embeddings/{dataset}/vision/{model}.h5",
        index="results/datasets/{dataset}/index.h5",
        draws="results/datasets/{dataset}/draws.h5",
    output:
        "results/kernels/{dataset}/{kernel}/vision/{model}.h5",
    log:
        "logs/compute_kernel_vision/{dataset}/{kernel}/{model}.log",
    benchmark:
        "results/benchmarks/compute_kernel_vision/{dataset}/{kernel}/{model}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        code=code_digest("blindmatch.kernels", "blindmatch.prototypes"),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/compute_kernel_vision.py"'
        " --dataset {wildcards.dataset} --model {wildcards.model} --kernel {wildcards.kernel}"
        " --embeddings {input.embeddings:q} --index {input.index:q} --draws {input.draws:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule compute_kernel_language:
    """Kernel of the class means over all prompts."""
    input:
        embeddings="results/embeddings/{dataset}/language/{model}.h5",
        classes="results/datasets/{dataset}/classes.h5",
    output:
        "results/kernels/{dataset}/{kernel}/language/{model}.h5",
    log:
        "logs/compute_kernel_language/{dataset}/{kernel}/{model}.log",
    benchmark:
        "results/benchmarks/compute_kernel_language/{dataset}/{kernel}/{model}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        code=code_digest("blindmatch.kernels", "blindmatch.prototypes"),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/compute_kernel_language.py"'
        " --dataset {wildcards.dataset} --model {wildcards.model} --kernel {wildcards.kernel}"
        " --embeddings {input.embeddings:q} --classes {input.classes:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
