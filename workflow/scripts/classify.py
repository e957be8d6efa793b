"""Match the clusters of each draw to the class names, blindly, and judge them by the labels."""

import argparse

from blindmatch.classification import classify
from blindmatch.metrics import metrics
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, settings
from blindmatch.settings import MetricSettings, SolverSettings
from blindmatch.solvers import solvers
from blindmatch.storage import read_cache, write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--clusters", required=True)
parser.add_argument("--language", nargs="+", required=True)
parser.add_argument("--index", required=True)
parser.add_argument("--draws", required=True)
parser.add_argument("--metrics", type=settings(dict[str, MetricSettings]), required=True)
parser.add_argument("--solver", required=True)
parser.add_argument("--solver-settings", type=settings(SolverSettings), required=True)
parser.add_argument("--solver-metric", type=settings(MetricSettings | None), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--output", required=True)


def build(entry):
    """The metric of a config entry; None stays None."""
    return entry and metrics.build(entry.metric, entry.options)


if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        clusters = read_cache(arguments.clusters, "clusters", modality="vision")
        about = clusters.attributes
        same = {"dataset": about["dataset"]}
        language = [
            read_cache(path, "kernels", modality="language", **same) for path in arguments.language
        ]
        index = read_cache(arguments.index, "index", **same)
        count = arguments.asked["draws"]
        halves = read_cache(arguments.draws, "draws", **same).arrays["rows"][:count]
        seeds = clusters.arrays["seeds"][:count]
        chosen = arguments.solver_settings
        progress = Progress("classified", "draws", len(arguments.metrics) * len(seeds))
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
            },
        )
