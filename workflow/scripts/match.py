"""Match the classes of each subset and draw, blindly."""

import argparse

from blindmatch.config import MetricSettings, SolverSettings
from blindmatch.matching import match_subsets
from blindmatch.metrics import metrics
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, settings
from blindmatch.solvers import solvers
from blindmatch.storage import read_cache, write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vision", required=True)
parser.add_argument("--language", required=True)
parser.add_argument("--subsets", required=True)
parser.add_argument("--metric", type=settings(MetricSettings), required=True)
parser.add_argument("--solver", type=settings(SolverSettings), required=True)
parser.add_argument("--ranks", type=int, required=True)
parser.add_argument("--draws", type=int, required=True)
parser.add_argument("--output", required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        metric = metrics.build(arguments.metric.metric, arguments.metric.options)
        vision = read_cache(arguments.vision, "kernels", modality="vision", kernel=metric.kernel)
        same = {"dataset": vision.attributes["dataset"]}
        language = read_cache(
            arguments.language, "kernels", modality="language", kernel=metric.kernel, **same
        )
        subsets = read_cache(
            arguments.subsets,
            "subsets",
            vision=vision.attributes["model"],
            language=language.attributes["model"],
            **same,
        )
        classes = subsets.arrays["classes"][: arguments.ranks]
        seeds = vision.arrays["seeds"][: arguments.draws]
        progress = Progress("matched", "problems", len(classes) * len(seeds))
        rows = []
        for row in match_subsets(
            vision.arrays["draws"],
            language.arrays["all"],
            classes,
            metric=metric,
            solver=solvers.build(arguments.solver.solver, arguments.solver.options),
            seeds=seeds,
            paired=vision.attributes["paired"],
            time_limit=arguments.solver.time_limit,
            report=say,
        ):
            rows.append(row)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                **same,
                "vision": vision.attributes["model"],
                "language": language.attributes["model"],
                "selection": "oracle" if classes.shape[1] < len(language.arrays["all"]) else "none",
                "metric": arguments.metric.model_dump(),
                "solver": arguments.solver.model_dump(),
                "halves": vision.attributes["halves"],
            },
        )
