# blindmatch: every figure and table is a target.
#
# Paths are sentences; only slugs and integers stand in them:
#   resources/datasets/{dataset}/...                                   raw files, checksummed
#   results/datasets/{dataset}/index.h5  classes.h5  draws.h5          rows, names, random halves
#   results/embeddings/{dataset}/{modality}/{model}.h5
#   results/kernels/{dataset}/{kernel}/{modality}/{model}.h5           draws x C x C
#   results/subsets/{dataset}/{metric}/{selection}/{vision}/{language}/n{size}.h5
#   results/matchings/{dataset}/{metric}/{selection}/{solver}/{vision}/{language}/n{size}.parquet
#   results/matchings/{dataset}/{solver}/{vision}/{language}/all.parquet
#   results/shuffles/{dataset}/{vision}/{language}.parquet
#   results/ratios/{dataset}/{model}/{reference}.parquet
#   results/clusters/{dataset}/{clustering}/{vision}.h5
#   results/classifications/{dataset}/{metric}/{clustering}/{solver}/{vision}/{language}.parquet
#   results/ablations/{metric}/{solver}/d{dimension}/n{size}.parquet
#   results/phases/{metric}/{solver}/d{dimension}/n{size}/noise{noise}.parquet
#   results/alignments/{split}/{method}/{vision}/{language}/p{pair_count}/u{unpaired_count}.parquet
#   results/plans/{split}/{teacher}/{vision}/{language}/p{pair_count}/u{unpaired_count}.parquet
#   results/gradients/{way}/d{dimension}/n{size}/t{iteration}.parquet
#   results/blind-alignments/{dataset}/{metric}/{clustering}/{solver}/{method}/{vision}/
#                                                                    {language}.parquet
#   results/aggregates/{section}/{study}.parquet
#   results/tables/{figure}.csv .tex     results/figures/{figure}.pdf .png
#   results/report/{target}/run.html  run_times.csv  machine.csv      what it took, and with what
#   results/benchmarks/{rule}/...
import sys

from snakemake.utils import min_version

min_version("9.20")


include: "rules/common.smk"
include: "rules/lookups.smk"
include: "rules/alignment_lookups.smk"
include: "rules/figure_lookups.smk"


# For `--sdm apptainer`: no image is published, so the user says which (docs/environments.md).
if os.environ.get("BLINDMATCH_CONTAINER"):

    envvars:
        "BLINDMATCH_CONTAINER",

    container: os.environ.get("BLINDMATCH_CONTAINER")


rule all:
    """The figures that config.yaml asks for."""
    default_target: True
    input:
        figure_files(TARGETS["all"]),
        run_files("all"),


rule paper:
    """Every figure and table that has a number in the paper."""
    input:
        figure_files(TARGETS["paper"]),
        run_files("paper"),


rule sotalign:
    """Every figure and table that has a number in the paper on SOTAlign, and what goes with them."""
    input:
        figure_files(TARGETS["sotalign"]),
        run_files("sotalign"),


rule embeddings:
    """Every embedding that the experiments of `build` need, and no more."""
    input:
        embedding_files(config["build"]),


include: "rules/datasets.smk"
include: "rules/embeddings.smk"
include: "rules/kernels.smk"
include: "rules/subsets.smk"
include: "rules/matchings.smk"
include: "rules/shuffles.smk"
include: "rules/classifications.smk"
include: "rules/ablations.smk"
include: "rules/phases.smk"
include: "rules/alignments.smk"
include: "rules/aggregates.smk"
include: "rules/figures.smk"
include: "rules/reports.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    paper,
    sotalign,
    embeddings,


onerror:
    chosen = "".join(f" --configfile {file}" for file in workflow.configfiles)
    print(
        "what failed, and the end of its log: "
        f"snakemake{chosen} --summary | blindmatch status",
        file=sys.stderr,
    )


onstart:
    # Snakemake itself would end in a trace of its code.
    for folder in ("results", "logs", "resources"):
        if os.path.isdir(folder) and not os.access(folder, os.W_OK):
            raise WorkflowError(f"{folder}: cannot be written to, it is read-only or not yours")
