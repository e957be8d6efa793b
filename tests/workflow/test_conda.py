"""Under `--sdm conda` each job runs the Python of its own environment, whatever is active already.

A stand-in makes the environments, for no channel is needed to see which Python runs. It activates
them as conda does: in the place that the active environment has in PATH, if there is one.
"""

import os
import sys
from collections import Counter

from tests.workflow.conftest import Project
from tests.workflow.tiny import write_embeddings, write_study

CONDA = f"""#!{sys.executable}
import pathlib, sys
base = pathlib.Path(__file__).parents[1]
match sys.argv[1:]:
    case ["info", "--json"]:
        print('{{"conda_prefix": "%s", "platform": "any"}}' % base)
    case ["--version"]:
        print("conda 25.1.0")
    case ["config", *_]:
        print('{{"get": {{"channel_priority": "strict"}}}}')
    case ["env", "create", *options]:
        file = pathlib.Path(options[options.index("--file") + 1])
        name = file.read_text().partition("[")[2].partition("]")[0]
        python = pathlib.Path(options[options.index("--prefix") + 1]) / "bin" / "python"
        python.parent.mkdir(parents=True)
        note, program = f"echo {{name}} >> {{base}}/used", 'exec {sys.executable} "$@"'
        python.write_text("\\n".join(["#!/bin/sh", note, program]))
        python.chmod(0o755)
"""
ACTIVATE = """
case ":$PATH:" in
    *":$CONDA_PREFIX/bin:"*) PATH=${PATH/"$CONDA_PREFIX"/"$1"};;
    *) PATH=$1/bin:$PATH;;
esac
"""


def test_jobs_run_in_their_environments_where_another_is_active(tmp_path, monkeypatch):
    folder = tmp_path / "conda" / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").write_text(ACTIVATE)
    (folder / "conda").write_text(CONDA)
    (folder / "conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CONDA_PREFIX", str(folder.parent))
    monkeypatch.setenv("CONDA_SHLVL", "1")
    project = Project(tmp_path)
    write_embeddings(project)
    kernel = "results/kernels/birds/euclidean/language/words.h5"
    project.build(kernel, *write_study(project), "--sdm", "conda")
    used = Counter((folder.parent / "used").read_text().split())
    # Classes and embeddings; the kernel.
    assert used == {"embed,demo,gurobi,pot,mpopt": 2, "gurobi,pot,mpopt": 1}
