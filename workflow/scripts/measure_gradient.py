"""Measure memory and time of one way to the gradient of KLOT."""

import argparse
from pathlib import Path

from blindmatch.alignment.gradients import measure_gradient
from blindmatch.embed import choose_device
from blindmatch.progress import Progress
from blindmatch.script import one_sentence, record, settings
from blindmatch.storage import write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--way", required=True)
parser.add_argument("--dimension", type=int, required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--iterations", type=int, required=True)
parser.add_argument("--device", required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        device = choose_device(arguments.device)
        draws = arguments.asked["draws"]
        progress = Progress("measured", "gradients", draws)
        rows = []
        for draw in range(draws):
            measured = measure_gradient(
                arguments.size,
                arguments.iterations,
                arguments.way,
                dimension=arguments.dimension,
                seed=arguments.seed,
                draw=draw,
                device=device,
            )
            rows.append(measured)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "names": {
                    "way": arguments.way,
                    "dimension": arguments.dimension,
                    "size": arguments.size,
                    "iteration": arguments.iterations,
                },
                **record(vars(arguments), "pyarrow", "torch", seed=arguments.seed),
            },
        )
