"""Solve planted problems of one size at one noise level."""

import argparse

from blindmatch.config import MetricSettings, SolverSettings
from blindmatch.metrics import metrics
from blindmatch.phase import solve_planted
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, settings
from blindmatch.solvers import solvers
from blindmatch.storage import write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--metric", type=settings(MetricSettings), required=True)
parser.add_argument("--solver", type=settings(SolverSettings), required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--noise", type=int, required=True)
parser.add_argument("--dimension", type=int, required=True)
parser.add_argument("--draws", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        progress = Progress("solved", "problems", arguments.draws)
        rows = []
        for row in solve_planted(
            arguments.size,
            arguments.noise,
            draws=arguments.draws,
            dimension=arguments.dimension,
            seed=arguments.seed,
            metric=metrics.build(arguments.metric.metric, arguments.metric.options),
            solver=solvers.build(arguments.solver.solver, arguments.solver.options),
            time_limit=arguments.solver.time_limit,
            report=say,
        ):
            rows.append(row)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "dimension": arguments.dimension,
                "seed": arguments.seed,
                "metric": arguments.metric.model_dump(),
                "solver": arguments.solver.model_dump(),
            },
        )
