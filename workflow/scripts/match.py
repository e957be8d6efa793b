"""Match the classes of each metric, subset and draw, blindly."""

import argparse
from pathlib import Path

from blindmatch.matching import match_draws
from blindmatch.metrics import metrics
from blindmatch.paths import KERNELS, names_in
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import MetricSettings, SolverSettings
from blindmatch.solvers import solvers
from blindmatch.storage import read_cache, write_table
from blindmatch.studies import SUBSETS

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vision", type=Path, nargs="+", required=True)
parser.add_argument("--language", type=Path, nargs="+", required=True)
parser.add_argument("--subsets", type=Path)
parser.add_argument("--metrics", type=settings(dict[str, MetricSettings]), required=True)
parser.add_argument("--solver", required=True)
parser.add_argument("--solver-settings", type=settings(SolverSettings), required=True)
parser.add_argument("--solver-metric", type=settings(MetricSettings | None), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--output", type=Path, required=True)


def read_kernels(paths):
    """Kernels, if they are what their paths say."""
    return [read_cache(path, "kernels", **names_in(path, KERNELS)) for path in paths]


def build(entry):
    """The metric of a config entry; None stays None."""
    return entry and metrics.build(entry.metric, entry.options)


if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        vision, language = map(read_kernels, (arguments.vision, arguments.language))
        about = vision[0].attributes
        same = {"dataset": about["dataset"]}
        models = {"vision": about["model"], "language": language[0].attributes["model"]}
        read = [*vision, *language]
        size, selection, subsets = len(language[0].arrays["all"]), {}, None
        if arguments.subsets is not None:
            said = names_in(arguments.subsets, SUBSETS)
            chosen = read_cache(arguments.subsets, "subsets", **said)
            read.append(chosen)
            names = ("classes", "language_classes")
            subsets = tuple(chosen.arrays[name][: arguments.asked["ranks"]] for name in names)
            if subsets[0].shape[1] < size:
                size = subsets[0].shape[1]
                selection = chosen.attributes
        seeds = vision[0].arrays["seeds"][: arguments.asked["draws"]]
        ranks = 1 if subsets is None else len(subsets[0])
        progress = Progress("matched", "problems", len(arguments.metrics) * ranks * len(seeds))
        rows = []
        for row in match_draws(
            {cache.attributes["kernel"]: cache.arrays["draws"] for cache in vision},
            {cache.attributes["kernel"]: cache.arrays["all"] for cache in language},
            metrics={slug: build(entry) for slug, entry in arguments.metrics.items()},
            solver=solvers.build(
                arguments.solver_settings.solver, arguments.solver_settings.options
            ),
            seeds=seeds,
            subsets=subsets,
            solver_metric=build(arguments.solver_metric),
            paired=about["paired"],
            time_limit=arguments.solver_settings.time_limit,
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
                    **models,
                    "solver": arguments.solver,
                    "size": size,
                    "selection": selection.get("selection", "none"),
                    "selection_method": selection.get("method"),
                    "selection_limit": selection.get("time_limit"),
                    "selection_matchings": selection.get("matchings"),
                    "time_limit": arguments.solver_settings.time_limit,
                    "vision_parameters": about.get("parameters"),
                    "language_parameters": language[0].attributes.get("parameters"),
                },
                "metrics": {slug: entry.model_dump() for slug, entry in arguments.metrics.items()},
                "solver": arguments.solver_settings.model_dump(),
                "halves": about["halves"],
                **record(
                    vars(arguments),
                    "pyarrow",
                    "scipy",
                    "numba",
                    *solvers[arguments.solver_settings.solver].requires,
                    seed=about.get("seed"),
                    made_from=[cache.attributes for cache in read],
                ),
            },
        )
