"""Choose the most promising classes, with the true pairing (oracle) or without (blind)."""

import argparse
import json
from pathlib import Path

from blindmatch.blind_subsets import select_blind
from blindmatch.metrics import metrics
from blindmatch.paths import KERNELS, names_in
from blindmatch.progress import say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import MetricSettings, SubsetSettings
from blindmatch.storage import read_cache, write_cache
from blindmatch.studies import SUBSETS
from blindmatch.subsets import select_subsets

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vision", type=Path, required=True)
parser.add_argument("--language", type=Path, required=True)
parser.add_argument("--metric", type=settings(MetricSettings), required=True)
parser.add_argument("--selection", choices=["oracle", "blind"], required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--asked", type=json.loads, required=True)
parser.add_argument("--subsets", type=settings(SubsetSettings), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        metric = metrics.build(arguments.metric.metric, arguments.metric.options)
        vision, language = (
            read_cache(path, "kernels", **names_in(path, KERNELS))
            for path in (arguments.vision, arguments.language)
        )
        options = {
            "ranks": arguments.asked["ranks"],
            "method": arguments.subsets.method,
            "time_limit": arguments.subsets.time_limit,
            "threads": arguments.threads,
            "seed": arguments.seed,
            "report": say,
        }
        if arguments.selection == "oracle":
            distortion = metric.distortion(vision.arrays["all"], language.arrays["all"])
            paired = vision.attributes["paired"]
            found = select_subsets(distortion, arguments.size, paired=paired, **options)
        else:
            both = vision.arrays["draws"], language.arrays["all"]
            found = select_blind(*both, arguments.size, metric=metric, **options)
        write_cache(
            arguments.output,
            "subsets",
            {
                "classes": found.classes,
                "language_classes": found.language_classes,
                "objectives": found.objectives,
            },
            {
                **names_in(arguments.output, SUBSETS),
                "bound": found.bound,
                "gap": found.gap,
                "status": found.status,
                "method": found.method,
                "matchings": found.matchings,
                "time_limit": arguments.subsets.time_limit,
                # Two runs write the same bytes, unless the time decided.
                "seconds": found.seconds if found.status == "time limit" else None,
                **record(
                    vars(arguments),
                    "h5py",
                    "scipy",
                    "numba",
                    "gurobipy",
                    seed=arguments.seed,
                    made_from=[vision.attributes, language.attributes],
                ),
            },
        )
        say(
            f"{len(found.classes)} {arguments.selection} subsets of {arguments.size} classes by "
            f"{found.method}: {found.status}, objective {found.objectives[0]:.4f}, "
            f"gap {100 * found.gap:.2f} %, {found.seconds:.1f} s"
        )
