"""Solve planted problems of one size at one noise level."""

import argparse
from pathlib import Path

from blindmatch.metrics import metrics
from blindmatch.phase import solve_planted
from blindmatch.progress import Progress, say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import MetricSettings, SolverSettings
from blindmatch.solvers import solvers
from blindmatch.storage import write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--metric", required=True)
parser.add_argument("--metric-settings", type=settings(MetricSettings), required=True)
parser.add_argument("--solver", required=True)
parser.add_argument("--solver-settings", type=settings(SolverSettings), required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--noise", type=int, required=True)
parser.add_argument("--dimension", type=int, required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        progress = Progress("solved", "problems", arguments.asked["draws"])
        rows = []
        for row in solve_planted(
            arguments.size,
            arguments.noise,
            draws=arguments.asked["draws"],
            dimension=arguments.dimension,
            seed=arguments.seed,
            metric=metrics.build(
                arguments.metric_settings.metric, arguments.metric_settings.options
            ),
            solver=solvers.build(
                arguments.solver_settings.solver, arguments.solver_settings.options
            ),
            time_limit=arguments.solver_settings.time_limit,
            report=say,
        ):
            rows.append(row)
            progress.advance()
        write_table(
            arguments.output,
            rows,
            {
                "names": {
                    "metric": arguments.metric,
                    "solver": arguments.solver,
                    "dimension": arguments.dimension,
                    "size": arguments.size,
                    "noise": arguments.noise,
                    "time_limit": arguments.solver_settings.time_limit,
                },
                "metric": arguments.metric_settings.model_dump(),
                "solver": arguments.solver_settings.model_dump(),
                **record(
                    vars(arguments),
                    "pyarrow",
                    "scipy",
                    "numba",
                    *solvers[arguments.solver_settings.solver].requires,
                    seed=arguments.seed,
                ),
            },
        )
