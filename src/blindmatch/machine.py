"""The machine and the versions that results were made with."""

import os
import platform
import subprocess
from pathlib import Path

from blindmatch.provenance import version_of

#: Whose versions may show in results.
_LIBRARIES = (
    "scipy",
    "numba",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "scikit-learn",
    "POT",
    "gurobipy",
    "h5py",
    "pyarrow",
    "pandas",
    "matplotlib",
)


def describe_machine(project: str | Path) -> dict[str, str]:
    """Processor, memory, GPU, system and versions, as text by name.

    Parameters
    ----------
    project : path-like
        Folder whose git commit is named, if it is the root of a repository.
    """
    versions = version_of("snakemake", "blindmatch", "numpy", *_LIBRARIES)
    return {
        "host": platform.node(),
        "processor": _processor(),
        "cores": f"{_usable_cores()} of {os.cpu_count()} usable",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "gpu": _gpu(),
        "system": _system(),
        "python": platform.python_version(),
        **versions,
        "numpy": f"{versions['numpy']} with {_blas()}",
        "commit": _commit(Path(project)),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    models = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return models[0] if models else platform.processor() or platform.machine()


def _usable_cores() -> int:
    # Not every system tells a process which cores it may use.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, kernel {platform.release()}"


def _gpu() -> str:
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    code, text = _output(query)
    if code is None:
        return "none"
    lines = text.splitlines()
    return "; ".join(lines) if code == 0 and lines else f"none ({' '.join(lines[:1])})"


def _blas() -> str:
    import numpy as np

    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found['name']} {found.get('version', '')}".strip()


def _commit(project: Path) -> str:
    git = ["git", "-C", str(project)]
    code, top = _output([*git, "rev-parse", "--show-toplevel"])
    if code != 0 or Path(top).resolve() != project.resolve():
        return "none"
    code, commit = _output([*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"])
    return commit if code == 0 else "none"


def _output(command: list[str]) -> tuple[int | None, str]:
    """Exit code and output of a program; no code where it is not installed."""
    try:
        run = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    return run.returncode, run.stdout.strip()
