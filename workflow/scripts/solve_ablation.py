"""Solve problems between random vectors of one size with one solver."""

import argparse
from pathlib import Path

from blindmatch.ablation import solve_ablation
from blindmatch.metrics import metrics
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
parser.add_argument("--dimension", type=int, required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        metric, solver = arguments.metric_settings, arguments.solver_settings
        progress = Progress("solved", "problems", arguments.asked["draws"])
        rows = []
        for row in solve_ablation(
            arguments.size,
            dimension=arguments.dimension,
            draws=arguments.asked["draws"],
            seed=arguments.seed,
            metric=metrics.build(metric.metric, metric.options),
            solver=solvers.build(solver.solver, solver.options),
            time_limit=solver.time_limit,
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
                    "time_limit": solver.time_limit,
                },
                "metric": metric.model_dump(),
                "solver": solver.model_dump(),
                **record(
                    vars(arguments),
                    "pyarrow",
                    "scipy",
                    "numba",
                    "torch",
                    *solvers[solver.solver].requires,
                    seed=arguments.seed,
                ),
            },
        )
