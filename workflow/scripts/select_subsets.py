"""Choose the classes with the smallest distortion under the true pairing."""

import argparse

from blindmatch.config import MetricSettings, SubsetSettings
from blindmatch.metrics import metrics
from blindmatch.progress import say
from blindmatch.script import one_sentence, settings
from blindmatch.storage import read_cache, write_cache
from blindmatch.subsets import select_subsets

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vision", required=True)
parser.add_argument("--language", required=True)
parser.add_argument("--metric", type=settings(MetricSettings), required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--ranks", type=int, required=True)
parser.add_argument("--subsets", type=settings(SubsetSettings), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--output", required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        metric = metrics.build(arguments.metric.metric, arguments.metric.options)
        vision = read_cache(arguments.vision, "kernels", modality="vision", kernel=metric.kernel)
        language = read_cache(
            arguments.language,
            "kernels",
            modality="language",
            kernel=metric.kernel,
            dataset=vision.attributes["dataset"],
        )
        found = select_subsets(
            metric.distortion(vision.arrays["all"], language.arrays["all"]),
            arguments.size,
            ranks=arguments.ranks,
            paired=vision.attributes["paired"],
            method=arguments.subsets.method,
            time_limit=arguments.subsets.time_limit,
            threads=arguments.threads,
            seed=arguments.seed,
            report=say,
        )
        write_cache(
            arguments.output,
            "subsets",
            {"classes": found.classes, "objectives": found.objectives},
            {
                "dataset": vision.attributes["dataset"],
                "vision": vision.attributes["model"],
                "language": language.attributes["model"],
                "selection": "oracle",
                "bound": found.bound,
                "gap": found.gap,
                "status": found.status,
                "method": found.method,
                "time_limit": arguments.subsets.time_limit,
                "seconds": found.seconds,
            },
        )
        say(
            f"{len(found.classes)} subsets of {arguments.size} classes by {found.method}: "
            f"{found.status}, objective {found.objectives[0]:.4f}, gap {100 * found.gap:.2f} %"
        )
