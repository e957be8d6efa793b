"""A study in which every stage has a job or two, and what its results are.

It is made of the numbers of the tiny study, a few images, and a file that is downloaded from this
machine.
"""

import contextlib
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from blindmatch.storage import read_cache, read_table
from tests.datafiles import write_image_zip
from tests.workflow.conftest import Project
from tests.workflow.tiny import PAIR, write_embeddings, write_study

#: One target at least of every stage; Snakemake makes what they need.
STAGES = {
    "fetch_source": ["resources/datasets/notes/notes.zip"],
    "index_dataset": ["results/datasets/birds/index.h5"],
    "describe_classes": ["results/datasets/birds/classes.h5"],
    "draw_halves": ["results/datasets/birds/draws.h5"],
    "embed_vision": ["results/embeddings/toys/vision/pixels.h5"],
    "embed_language": ["results/embeddings/birds/language/words.h5"],
    "compute_kernel_vision": ["results/kernels/birds/euclidean/vision/near.h5"],
    "compute_kernel_language": ["results/kernels/birds/euclidean/language/words.h5"],
    "select_subsets": ["results/subsets/birds/gw/oracle/near/words/n4.h5"],
    "match": ["results/matchings/birds/gw/oracle/exact/near/words/n5.parquet"],
    "match_all": ["results/matchings/birds/exact/near/words/all.parquet"],
    "shuffle": ["results/shuffles/birds/near/words.parquet"],
    "measure_ratios": ["results/ratios/birds/near/far.parquet"],
    "cluster": ["results/clusters/birds/means/near.h5"],
    "classify": ["results/classifications/birds/gw/means/exact/near/words.parquet"],
    "solve_ablation": ["results/ablations/inner-product/exact/d16/n5.parquet"],
    "solve_planted": ["results/phases/gw/exact/d3/n4/noise20.parquet"],
    "align": ["results/alignments/few/student/near/words/p2/u2.parquet"],
    "measure_plan": ["results/plans/few/ridge/near/words/p2/u2.parquet"],
    "measure_gradient": ["results/gradients/explicit/d8/n20/t3.parquet"],
    "align_blindly": ["results/blind-alignments/birds/gw/means/exact/alone/near/words.parquet"],
    "aggregate": ["results/aggregates/ablations/steps.parquet"],
    "figure_phase": ["results/figures/phase.pdf", "results/figures/phase.png"],
    "table_phase": ["results/tables/phase.csv", "results/tables/phase.tex"],
}
TARGETS = [target for targets in STAGES.values() for target in targets]

#: What was measured, in rows and attributes.
MEASURED = {"seconds", "building", "megabytes", "matrices"}

_PUBLISHED = bytes(range(256)) * 1000


def write_all_stages(project: Project, address: str) -> tuple[str, ...]:
    """Write the study into a project; the arguments that make Snakemake take it, behind targets."""
    write_embeddings(project)
    write_image_zip(project.root / "toys.zip", classes=6, images_per_class=10)

    def one_of_each(study):
        checksum = f"sha256:{hashlib.sha256(_PUBLISHED).hexdigest()}"
        notes = {"notes.zip": {"url": f"{address}/notes.zip", "checksum": checksum}}
        study["datasets"]["notes"] = {"loader": "image-folder", "sources": notes}
        study["embedding"] = {"device": "cpu"}  # both embedding stages at once
        study["datasets"]["toys"] = {"loader": "image-folder", "path": "toys.zip"}
        study["models"]["pixels"] = {"modality": "vision", "family": "pixels", "resolution": 16}
        pair = {**PAIR, "vision": ["near"]}
        study["experiments"]["all"] = {**pair, "solvers": ["exact"], "draws": 1}
        study["experiments"]["some"] |= {"sizes": [4, 5], "selections": ["oracle"], "draws": 1}
        for section, name in (("shuffles", "shuffled"), ("classifications", "clusters")):
            study[section][name] |= {**pair, "draws": 1}
        study["ablations"]["steps"] |= {"solvers": ["exact"], "draws": 1}
        study["phases"] = {
            "planted": {
                "metric": "gw",
                "solver": "exact",
                "dimension": 3,
                "sizes": [4],
                "noises": [20],
                "draws": 1,
            }
        }
        study["training"] = {"dimension": 4, "steps": 5, "device": "cpu"}
        study["splits"] = {"few": {"dataset": "birds", "validation": 2, "test": 2}}
        study["teachers"] = {"ridge": {"teacher": "cca"}}
        study["methods"] = {
            "student": {"method": "sotalign", "teacher": "ridge", "tuned": {"beta": [1, 10]}},
            "alone": {"method": "linear", "teacher": "ridge"},
        }
        sides = {"vision": ["near"], "language": ["words"]}
        few = {"splits": ["few"], **sides, "pair_counts": [2], "unpaired_counts": [2]}
        study["alignments"] = {"few": {**few, "methods": ["student"]}}
        study["plans"] = {"few": {**few, "teachers": ["ridge"], "epsilons": [0.1]}}
        study["gradients"] = {
            "few": {"ways": ["explicit"], "dimension": 8, "sizes": [20], "iterations": [3]}
        }
        study["blind_alignments"] = {
            "few": {
                **{key: pair[key] for key in ("datasets", "metrics")},
                **sides,
                "clusterings": ["means"],
                "solvers": ["exact"],
                "methods": ["alone"],
                "rounds": 1,
            }
        }
        study["figures"] = {"phase": {"kind": "phase", "experiment": "planted", "title": "Phase"}}
        study["build"] = ["phase"]

    return write_study(project, "stages.yaml", one_of_each)


@contextlib.contextmanager
def published() -> Iterator[str]:
    """Serve one file on this machine; the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(_PUBLISHED)))
            self.end_headers()
            self.wfile.write(_PUBLISHED)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def copied(whole: Project, root: Path) -> Project:
    """A copy of a finished project that Snakemake takes for finished, too."""
    shutil.copytree(whole.root, root, dirs_exist_ok=True)
    project = Project.__new__(Project)
    project.root = root
    return project


def results(root: Path) -> dict[str, object]:
    """Every result under its final name: its bytes, or its contents less what a clock measured."""
    files = [file for part in ("results", "resources") for file in (root / part).rglob("*")]
    return {
        str(file.relative_to(root)): _contents(file)
        for file in files
        if file.is_file()
        and "benchmarks" not in file.parts
        and file.suffix not in (".tmp", ".partial")
        and file.parent.suffix != ".runs"
    }


def _contents(file: Path) -> object:
    if file.suffix == ".parquet":
        rows, metadata = read_table(file)
        kept = [{key: row[key] for key in row if key not in MEASURED} for row in rows]
        return repr(kept), metadata  # as text NaN equals itself
    if "subsets" in file.parts:
        cache = read_cache(file, "subsets")
        kept = {key: value for key, value in cache.attributes.items() if key not in MEASURED}
        return kept, {name: array.tobytes() for name, array in cache.arrays.items()}
    return file.read_bytes()
