"""Match the clusters of each draw to the class names, blindly, and judge them by the labels."""

import argparse
from pathlib import Path

from blindmatch.classification import classify
from blindmatch.metrics import metrics
from blindmatch.paths import KERNELS, names_in, rows_digest
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import MetricSettings, SolverSettings
from blindmatch.solvers import solvers
from blindmatch.storage import read_cache, write_table
from blindmatch.studies import CLUSTERS

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--clusters", type=Path, required=True)
parser.add_argument("--language", type=Path, nargs="+", required=True)
parser.add_argument("--index", type=Path, required=True)
parser.add_argument("--draws", type=Path, required=True)
parser.add_argument("--metrics", type=settings(dict[str, MetricSettings]), required=True)
parser.add_argument("--solver", required=True)
parser.add_argument("--solver-settings", type=settings(SolverSettings), required=True)
parser.add_argument("--solver-metric", type=settings(MetricSettings | None), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--output", type=Path, required=True)


def build(entry):
    """The metric of a config entry; None stays None."""
    return entry and metrics.build(entry.metric, entry.options)


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
        about = clusters.attributes
        language = [
            read_cache(path, "kernels", **names_in(path, KERNELS)) for path in arguments.language
        ]
        index = read_cache(arguments.index, "index", **same)
        count = arguments.asked["draws"]
        draws = read_cache(arguments.draws, "draws", rows_digest=rows_digest(index), **same)
        halves = draws.arrays["rows"][:count]
        seeds = clusters.arrays["seeds"][:count]
        chosen = arguments.solver_settings
        progress = Progress("classified", "draws", len(arguments.metrics) * len(seeds))
        read = [clusters, *language, index, draws]
        rows = []
        for row in classify(
            clusters.arrays["assignments"][:count],
            clusters.arrays["centroids"][:count],
            index.arrays["labels"][halves],
            {cache.attributes["kernel"]: cache.arrays["all"] for cache in language},
            metrics={slug: build(entry) for slug, entry in arguments.metrics.items()},
            solver=solvers.build(chosen.solver, chosen.options),
            seeds=seeds,
            solver_metric=build(arguments.solver_metric),
            time_limit=chosen.time_limit,
            nulls=arguments.asked["nulls"],
            report=say,
        ):
            rows.append(row)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "names": {
                    **same,
                    "vision": about["model"],
                    "language": language[0].attributes["model"],
                    "clustering": about["clustering"],
                    "solver": arguments.solver,
                    "size": about["classes"],
                    "selection": "none",
                    "time_limit": chosen.time_limit,
                },
                "metrics": {slug: entry.model_dump() for slug, entry in arguments.metrics.items()},
                "clustering": about["settings"],
                "solver": chosen.model_dump(),
                **record(
                    vars(arguments),
                    "pyarrow",
                    "scipy",
                    "numba",
                    *solvers[chosen.solver].requires,
                    seed=about.get("seed"),
                    made_from=[cache.attributes for cache in read],
                ),
            },
        )
