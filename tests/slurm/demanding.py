"""A study with a solver that takes the memory it is told to take, and as long as it is told to."""

from tests.workflow.tiny import PAIR, write_study

SOLVER = '''
"""A solver that takes memory and time."""

import dataclasses
import time
from pathlib import Path

import numpy as np

from blindmatch.solvers import Solver, solvers
from blindmatch.solvers.random import Random


@solvers.register("demanding")
@dataclasses.dataclass(frozen=True)
class Demanding(Solver):
    modules = ("blindmatch.solvers.demanding",)

    megabytes: int = 0  # of memory, for five seconds
    waits: bool = False  # until there is a file `awake` in the working folder

    def solve(self, problem, *, seed=0, time_limit=None, progress=None):
        if self.megabytes:
            taken = np.ones(self.megabytes * 2**17)
            time.sleep(5)
            del taken
        while self.waits and not Path("awake").exists():
            time.sleep(0.1)
        return Random().solve(problem, seed=seed)
'''
DEMANDS = {"hungry": {"megabytes": 1500}, "sleepy": {"waits": True}}
TABLE = "results/tables/solvers.csv"


def ask_for(project, *solvers: str) -> tuple[str, str, str]:
    """Write the study with some of the solvers; the arguments that build its table."""

    def change(study):
        for name in solvers:
            study["solvers"][name] = {"solver": "demanding", "options": DEMANDS[name]}
        pair = {**PAIR, "vision": ["near"]}
        study["experiments"]["all"] = {**pair, "solvers": list(solvers), "draws": 1}
        study["build"] = ["solvers"]
        study["figures"] = {"solvers": study["figures"]["solvers"]}

    return (TABLE, *write_study(project, change=change))


def wake(project) -> None:
    """Let the sleepy solver finish, now and from now on."""
    (project.root / "awake").touch()
