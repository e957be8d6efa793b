"""Align without pairs: clusters matched to class names stand in for them."""

import argparse
from pathlib import Path

from blindmatch.alignment.blind import align_blindly
from blindmatch.alignment.methods import methods
from blindmatch.alignment.teachers import teachers
from blindmatch.clusterings import clusterings
from blindmatch.embed import choose_device
from blindmatch.metrics import metrics
from blindmatch.paths import EMBEDDINGS, names_in, rows_digest
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import (
    ClusteringSettings,
    MethodSettings,
    MetricSettings,
    SolverSettings,
    TeacherSettings,
    TrainingSettings,
)
from blindmatch.solvers import solvers
from blindmatch.storage import open_embeddings, read_cache, write_table
from blindmatch.studies import CLUSTERS

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--metric", required=True)
parser.add_argument("--metric-settings", type=settings(MetricSettings), required=True)
parser.add_argument("--solver", required=True)
parser.add_argument("--solver-settings", type=settings(SolverSettings), required=True)
parser.add_argument("--clustering-settings", type=settings(ClusteringSettings), required=True)
parser.add_argument("--method", required=True)
parser.add_argument("--method-settings", type=settings(MethodSettings), required=True)
parser.add_argument("--teacher-settings", type=settings(TeacherSettings | None), required=True)
parser.add_argument("--clusters", type=Path, required=True)
parser.add_argument("--embeddings", type=Path, required=True)
parser.add_argument("--language", type=Path, required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--classes", type=Path, required=True)
parser.add_argument("--draws", type=Path, required=True)
parser.add_argument("--training", type=settings(TrainingSettings), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        said = names_in(arguments.clusters, CLUSTERS)
        same = {"dataset": said["dataset"]}
        clusters = read_cache(
            arguments.clusters,
            "clusters",
            model=said["vision"],
            clustering=said["clustering"],
            **same,
        )
        index = read_cache(arguments.index, "index", **same)
        classes = read_cache(arguments.classes, "classes", **same)
        draws = read_cache(arguments.draws, "draws", rows_digest=rows_digest(index), **same)
        images, texts = (
            open_embeddings(path, **names_in(path, EMBEDDINGS), rows_digest=rows_digest(rows))
            for path, rows in ((arguments.embeddings, index), (arguments.language, classes))
        )
        method, teacher = arguments.method_settings, arguments.teacher_settings
        chosen, count = arguments.solver_settings, arguments.asked["draws"]
        training = arguments.training.model_copy(
            update={"device": choose_device(arguments.training.device)}
        )
        progress = Progress("aligned", "draws", count)
        rows = []
        for draw, half in enumerate(draws.arrays["rows"][:count]):
            found = align_blindly(
                images.arrays["embeddings"][half],
                texts.arrays["embeddings"],
                classes.arrays["labels"],
                clusters.arrays["assignments"][draw],
                index.arrays["labels"][half],
                metric=metrics.build(
                    arguments.metric_settings.metric, arguments.metric_settings.options
                ),
                solver=solvers.build(chosen.solver, chosen.options),
                method=methods.build(method.method, method.options),
                teacher=teacher and teachers.build(teacher.teacher, teacher.options),
                clustering=clusterings.build(
                    arguments.clustering_settings.clustering,
                    arguments.clustering_settings.options,
                ),
                settings=training,
                seed=int(clusters.arrays["seeds"][draw]),
                rounds=arguments.asked["rounds"],
                report=say,
            )
            rows += [{"draw": draw, **row} for row in found]
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "names": {
                    **same,
                    "metric": arguments.metric,
                    "clustering": said["clustering"],
                    "solver": arguments.solver,
                    "method": arguments.method,
                    "vision": said["vision"],
                    "language": texts.attributes["model"],
                },
                "method": method.model_dump(),
                "teacher": teacher and teacher.model_dump(),
                "training": arguments.training.model_dump(),
                **record(
                    vars(arguments),
                    *("pyarrow", "scipy", "numba", "scikit-learn", "torch", "lion-pytorch"),
                    *solvers[chosen.solver].requires,
                    seed=clusters.attributes.get("seed"),
                    made_from=[
                        each.attributes for each in (clusters, index, classes, draws, images, texts)
                    ],
                ),
            },
        )
