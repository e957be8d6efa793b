import pkgutil
import subprocess
import sys

import pytest

import blindmatch

HEAVY = {"torch", "torchvision", "pandas", "matplotlib", "seaborn", "sklearn", "umap", "joblib"}
HEAVY |= {"ot", "gurobipy", "pylibmgm", "snakemake", "numba"}
#: Where drawing happens, and compiled kernels that solvers import when they solve.
EXEMPT = ("blindmatch.plotting.",)

MODULES = [
    module.name
    for module in pkgutil.walk_packages(blindmatch.__path__, "blindmatch.")
    if not module.name.startswith(EXEMPT) and not module.name.rpartition(".")[2].startswith("_")
]


def test_no_module_below_the_drawings_imports_anything_heavy():
    program = (
        "import importlib, sys\n"
        f"for name in {MODULES!r}:\n"
        "    importlib.import_module(name)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", list(blindmatch.__all__))
def test_every_public_name_is_there(name):
    assert getattr(blindmatch, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'mtach'"):
        blindmatch.mtach  # noqa: B018
