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
#   results/aggregates/{section}/{study}.parquet
#   results/tables/{figure}.csv .tex     results/figures/{figure}.pdf .png
from snakemake.utils import min_version

min_version("9.20")


include: "rules/common.smk"
include: "rules/lookups.smk"


rule all:
    """The figures that config.yaml asks for."""
    default_target: True
    input:
        figure_files(config["build"]),


rule paper:
    """Every figure and table that has a number in the paper."""
    input:
        figure_files(figure for figure, entry in config["figures"].items() if entry["paper"]),


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
include: "rules/aggregates.smk"
include: "rules/figures.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    paper,
    embeddings,
