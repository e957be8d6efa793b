# Embeddings -> alignments from a few pairs (SOTAlign), their diagnostics, alignments without pairs.


rule align:
    """One method on one number of pairs and of unpaired rows: tuned, trained and evaluated."""
    input:
        embeddings=split_embeddings,
        indexes=split_indexes,
        classes=split_classes,
    output:
        "results/alignments/{split}/{method}/{vision}/{language}/p{pair_count}/"
        "u{unpaired_count}.parquet",
    log:
        "logs/align/{split}/{method}/{vision}/{language}/p{pair_count}/u{unpaired_count}.log",
    benchmark:
        "results/benchmarks/align/{split}/{method}/{vision}/{language}/p{pair_count}/"
        "u{unpaired_count}.tsv"
    conda:
        "../envs/align.yaml"
    threads: 1
    resources:
        gpu=0 if config["training"]["device"] == "cpu" else 1,
        mem_mb=growing(8000, for_each_input_mb=4),
        runtime=growing(24 * 60),
    params:
        split=entry_of("splits", "split"),
        method=entry_of("methods", "method"),
        teacher=teacher_of,
        training=canonical(config["training"]),
        asked=asked("alignments", "draws", "tuning_draws"),
        seed=config["seed"],
        code=code_of("methods", "method", methods, "method", *ALIGNING),
        teacher_code=teacher_code_of,
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/align.py"'
        " --split {wildcards.split} --split-settings {params.split:q}"
        " --method {wildcards.method} --method-settings {params.method:q}"
        " --teacher-settings {params.teacher:q}"
        " --vision {wildcards.vision} --language {wildcards.language}"
        " --pair-count {wildcards.pair_count} --unpaired-count {wildcards.unpaired_count}"
        " --embeddings {input.embeddings:q}"
        " --indexes {input.indexes:q} --classes {input.classes:q}"
        " --training {params.training:q}"
        " --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule measure_plan:
    """How sharp the transport plans of a teacher are, for several epsilons."""
    input:
        embeddings=split_embeddings,
        indexes=split_indexes,
        classes=split_classes,
    output:
        "results/plans/{split}/{teacher}/{vision}/{language}/p{pair_count}/"
        "u{unpaired_count}.parquet",
    log:
        "logs/measure_plan/{split}/{teacher}/{vision}/{language}/p{pair_count}/"
        "u{unpaired_count}.log",
    benchmark:
        "results/benchmarks/measure_plan/{split}/{teacher}/{vision}/{language}/p{pair_count}/"
        "u{unpaired_count}.tsv"
    conda:
        "../envs/align.yaml"
    threads: 1
    resources:
        gpu=0 if config["training"]["device"] == "cpu" else 1,
        mem_mb=growing(8000, for_each_input_mb=4),
        runtime=growing(4 * 60),
    params:
        split=entry_of("splits", "split"),
        teacher=entry_of("teachers", "teacher"),
        device=config["training"]["device"],
        asked=asked("plans", "draws", "epsilons"),
        seed=config["seed"],
        code=code_of(
            "teachers",
            "teacher",
            teachers,
            "teacher",
            "blindmatch.alignment.plans",
            *ALIGNING,
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/measure_plan.py"'
        " --split {wildcards.split} --split-settings {params.split:q}"
        " --teacher {wildcards.teacher} --teacher-settings {params.teacher:q}"
        " --vision {wildcards.vision} --language {wildcards.language}"
        " --pair-count {wildcards.pair_count} --unpaired-count {wildcards.unpaired_count}"
        " --embeddings {input.embeddings:q}"
        " --indexes {input.indexes:q} --classes {input.classes:q}"
        " --device {params.device}"
        " --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule measure_gradient:
    """Memory and time of one way to the gradient of KLOT."""
    output:
        "results/gradients/{way}/d{dimension}/n{size}/t{iteration}.parquet",
    log:
        "logs/measure_gradient/{way}/d{dimension}/n{size}/t{iteration}.log",
    benchmark:
        "results/benchmarks/measure_gradient/{way}/d{dimension}/n{size}/t{iteration}.tsv"
    conda:
        "../envs/align.yaml"
    threads: 1
    resources:
        gpu=0 if config["training"]["device"] == "cpu" else 1,
        mem_mb=growing(16000),
        runtime=growing(4 * 60),
    params:
        device=config["training"]["device"],
        asked=asked("gradients", "draws"),
        seed=config["seed"],
        code=code_digest(
            "blindmatch.alignment._gradients", "blindmatch.alignment.gradients", *ALIGNING
        ),
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/measure_gradient.py"'
        " --way {wildcards.way} --dimension {wildcards.dimension} --size {wildcards.size}"
        " --iterations {wildcards.iteration}"
        " --device {params.device} --asked {params.asked:q} --seed {params.seed}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule align_blindly:
    """Clusters matched to class names stand in for pairs; unpaired rows refine the alignment."""
    input:
        clusters="results/clusters/{dataset}/{clustering}/{vision}.h5",
        embeddings="results/embeddings/{dataset}/vision/{vision}.h5",
        language="results/embeddings/{dataset}/language/{language}.h5",
        index="results/datasets/{dataset}/index.h5",
        classes="results/datasets/{dataset}/classes.h5",
        draws="results/datasets/{dataset}/draws.h5",
    output:
        "results/blind-alignments/{dataset}/{metric}/{clustering}/{solver}/{method}/{vision}/"
        "{language}.parquet",
    log:
        "logs/align_blindly/{dataset}/{metric}/{clustering}/{solver}/{method}/{vision}/"
        "{language}.log",
    benchmark:
        "results/benchmarks/align_blindly/{dataset}/{metric}/{clustering}/{solver}/{method}/"
        "{vision}/{language}.tsv"
    conda:
        "../envs/align.yaml"
    threads: 1
    resources:
        gpu=0 if config["training"]["device"] == "cpu" else 1,
        mem_mb=growing(8000, for_each_input_mb=4),
        runtime=growing(24 * 60),
    params:
        metric=entry_of("metrics", "metric"),
        solver=entry_of("solvers", "solver"),
        clustering=entry_of("clusterings", "clustering"),
        method=entry_of("methods", "method", without=("tuned",)),
        teacher=teacher_of,
        training=canonical(config["training"]),
        asked=asked("blind_alignments", "draws", "rounds"),
        code=code_of("methods", "method", methods, "method", *ALIGNING_BLINDLY),
        solver_code=code_of("solvers", "solver", solvers, "solver", *MATCHING),
        clustering_code=code_of("clusterings", "clustering", clusterings, "clustering"),
        teacher_code=teacher_code_of,
    shell:
        'python "$BLINDMATCH_ROOT/workflow/scripts/align_blindly.py"'
        " --metric {wildcards.metric} --metric-settings {params.metric:q}"
        " --solver {wildcards.solver} --solver-settings {params.solver:q}"
        " --clustering-settings {params.clustering:q}"
        " --method {wildcards.method} --method-settings {params.method:q}"
        " --teacher-settings {params.teacher:q}"
        " --clusters {input.clusters:q} --embeddings {input.embeddings:q}"
        " --language {input.language:q}"
        " --index {input.index:q} --classes {input.classes:q} --draws {input.draws:q}"
        " --training {params.training:q}"
        " --asked {params.asked:q}"
        " --output {output:q} 2>&1 | tee {log:q}"
