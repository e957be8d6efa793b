# Embeddings -> clusters of images -> classifications: clusters matched to class names.


rule cluster:
    """Clusters of the images of each random half, found without labels."""
    input:
        embeddings="results/embeddings/{dataset}/vision/{vision}.h5",
        index="results/datasets/{dataset}/index.h5",
        draws="results/datasets/{dataset}/draws.h5",
    output:
        "results/clusters/{dataset}/{clustering}/{vision}.h5",
    log:
        "logs/cluster/{dataset}/{clustering}/{vision}.log",
    benchmark:
        "results/benchmarks/cluster/{dataset}/{clustering}/{vision}.tsv"
    conda:
        "../envs/cluster.yaml"
    threads: 4
    resources:
        mem_mb=growing(16000),
        runtime=growing(24 * 60),
    params:
        clustering=entry_of("clusterings", "clustering"),
        asked=asked("clusters", "draws"),
        code=code_of(
            "clusterings",
            "clustering",
            clusterings,
            "clustering",
            "blindmatch.classification",
            "blindmatch.clusterings",
            "blindmatch.prototypes",
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/cluster.py"'
        " --dataset {wildcards.dataset} --model {wildcards.vision}"
        " --clustering {wildcards.clustering} --settings {params.clustering:q}"
        " --embeddings {input.embeddings:q} --index {input.index:q} --draws {input.draws:q}"
        " --asked {params.asked:q} --threads {threads}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule classify:
    """Clusters matched to class names blindly; labels and the Hungarian method judge the result."""
    input:
        clusters="results/clusters/{dataset}/{clustering}/{vision}.h5",
        language=kernels_of("language", metric_in_path),
        index="results/datasets/{dataset}/index.h5",
        draws="results/datasets/{dataset}/draws.h5",
    output:
        "results/classifications/{dataset}/{metric}/{clustering}/{solver}/{vision}/"
        "{language}.parquet",
    log:
        "logs/classify/{dataset}/{metric}/{clustering}/{solver}/{vision}/{language}.log",
    benchmark:
        "results/benchmarks/classify/{dataset}/{metric}/{clustering}/{solver}/{vision}/"
        "{language}.tsv"
    conda:
        "../envs/match.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(24 * 60),
    params:
        metrics=metric_entry,
        solver=entry_of("solvers", "solver"),
        solver_metric=solver_metric,
        lacks=solver_lacks,
        asked=asked("classifications", "draws", "nulls"),
        code=code_of(
            "solvers",
            "solver",
            solvers,
            "solver",
            "blindmatch.classification",
            "blindmatch.prototypes",
            *MATCHING,
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/classify.py"'
        " --clusters {input.clusters:q} --language {input.language:q}"
        " --index {input.index:q} --draws {input.draws:q}"
        " --metrics {params.metrics:q} --solver {wildcards.solver}"
        " --solver-settings {params.solver:q} --solver-metric {params.solver_metric:q}"
        " --asked {params.asked:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
