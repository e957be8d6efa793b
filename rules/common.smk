# The configuration, checked, and the names that paths may hold.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from blindmatch.alignment.methods import methods
from blindmatch.alignment.teachers import teachers
from blindmatch.clusterings import clusterings
from blindmatch.config import load_config, read_yaml, studies_of
from blindmatch.datasets import loaders
from blindmatch.errors import BlindmatchError
from blindmatch.kernels import KERNELS
from blindmatch.metrics import metrics
from blindmatch.models import families
from blindmatch.settings import SLUG, SplitSettings
from blindmatch.solvers import solvers
from blindmatch.studies import CLUSTERS, KINDS, SECTIONS, SUBSETS, TABLES, demands

# Jobs run the Python that runs Snakemake, also where its environment is not activated. Shell commands
# find the scripts, and envs/*.yaml the package, below BLINDMATCH_ROOT, whatever the working folder.
os.environ.update(BLINDMATCH_ROOT=str(workflow.basedir))
# Not under --sdm conda, which exchanges the active environment for the job's where that stands in
# PATH: this Python, if it stood before, would run the job.
if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    os.environ.update(PATH=os.pathsep.join(folders))

CONFIG_FILES = (
    "config datasets models metrics solvers clusterings splits teachers methods figures plotting"
).split()


def study_config(overlay):
    """config/*.yaml, then --configfile and --config on top, checked and completed."""
    merged = {}
    for name in (*CONFIG_FILES, *SECTIONS):
        update_config(merged, read_yaml(Path(workflow.basedir) / "config" / f"{name}.yaml"))
    for path in workflow.configfiles:
        read_yaml(path)  # refuses a key that stands twice, which Snakemake would not notice
    update_config(merged, overlay)
    return load_config(
        merged,
        loaders=loaders,
        families=families,
        metrics=metrics,
        solvers=solvers,
        clusterings=clusterings,
        teachers=teachers,
        methods=methods,
    )


try:
    config = study_config(config)
except BlindmatchError as error:
    raise WorkflowError(f"configuration: {error}") from None

# Section -> name -> the grid of a study.
STUDIES = {section: studies_of(config, section) for section in SECTIONS}


wildcard_constraints:
    dataset=SLUG,
    model=SLUG,
    vision=SLUG,
    language=SLUG,
    metric=SLUG,
    solver=SLUG,
    clustering=SLUG,
    split=SLUG,
    teacher=SLUG,
    method=SLUG,
    study=SLUG,
    figure=SLUG,
    section="|".join(SECTIONS),
    selection="oracle|blind",
    kernel="|".join(KERNELS),
    modality="vision|language",
    size=r"\d+",
    dimension=r"\d+",
    noise=r"\d+",
    pair_count=r"\d+",
    unpaired_count=r"\d+",
    iteration=r"\d+",
    way="explicit|unrolled|unrolled-kernel|implicit",
