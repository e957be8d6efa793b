"""A SLURM cluster of one node on this machine, with all its state in one folder."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PACKAGES = ("munge", "slurm-client", "slurmctld", "slurmd")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
HOST = socket.gethostname().split(".")[0]

# The node claims more than the machine may have, so that jobs of any size are accepted, and four
# GPUs that do not exist. Memory is watched every second, and who takes more than the job asked for
# is killed, as by the control groups of a real cluster. There is no accounting database.
SETTINGS = """
ClusterName=blindmatch
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,batch_sched_delay=1
MinJobAge=3600
KillWait=2
ReturnToService=2
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=64 RealMemory=1000000 Gres=gpu:4 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def find(program: str) -> str | None:
    """Where a program is; daemons lie in folders that not every PATH has."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


def require_slurm() -> None:
    """Install what is missing by Debian's packages; fail with a sentence where that cannot be."""
    missing = [program for program in PROGRAMS if not find(program)]
    if os.geteuid() != 0:
        pytest.fail("the tests of SLURM start its daemons, which takes root", pytrace=False)
    if not missing:
        return
    if not shutil.which("apt-get"):
        pytest.fail(f"{', '.join(missing)} not found, nor apt-get to install them", pytrace=False)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", *wait, *command], env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.fail(f"apt-get {' '.join(command)} failed: {done.stderr}", pytrace=False)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for port in sockets:
            port.bind(("127.0.0.1", 0))
        return [port.getsockname()[1] for port in sockets]


def wait_until(condition, what: str, seconds: float = 60) -> None:
    """Poll until a condition holds; fail with a sentence when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain: {what}", pytrace=False)
        time.sleep(0.3)


class Cluster:
    """munged, slurmctld and slurmd as children of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        }
        self.daemons = []

    def start(self) -> None:
        # munge wants a socket that everybody may reach, and a key that nobody else may read.
        self.folder.chmod(0o711)
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        # Snakemake's plugin takes SLURM_CONF away from the srun inside a job. On a cluster that one
        # finds /etc/slurm/slurm.conf, which these tests leave alone.
        srun = self.folder / "bin/srun"
        srun.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        )
        srun.chmod(0o755)
        key = self.folder / "munge.key"
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(1024))
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(
            SETTINGS.format(
                host=HOST,
                folder=self.folder,
                controller_port=controller_port,
                node_port=node_port,
            )
        )
        for device in ("gpu0", "gpu1", "gpu2", "gpu3"):
            (self.folder / device).touch()
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-3]\n")

        munge = self.folder / "munge.socket"
        files = {"key-file": key, "socket": munge, "pid-file": self.folder / "munged.pid"}
        files["seed-file"] = self.folder / "munge.seed"
        options = [f"--{option}={path}" for option, path in files.items()]
        self.daemon("munged", "--foreground", *options)
        wait_until(munge.exists, f"munged does not start; see {self.folder}/munged.log")
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D")
        wait_until(self.is_idle, f"the node is not idle; see {self.folder}/slurm*.log")

    def daemon(self, program: str, *arguments: str) -> None:
        with open(self.folder / f"{program}.log", "wb") as log:
            self.daemons.append(
                subprocess.Popen(
                    [find(program), *arguments],
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
            )

    def is_idle(self) -> bool:
        return "idle" in self.ask("sinfo", "--noheader", "--format=%T", check=False)

    def ask(self, *command: str, check: bool = True) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs of the cluster, finished ones too, as `scontrol show job` tells them."""
        lines = self.ask("scontrol", "--oneliner", "show", "job", check=False).splitlines()
        return [
            dict(field.split("=", 1) for field in line.split() if "=" in field)
            for line in lines
            if line.startswith("JobId=")
        ]

    def active(self, state: str = "RUNNING,PENDING,COMPLETING") -> list[str]:
        """The ids of the jobs that are in one of some states."""
        return self.ask("squeue", "--noheader", f"--states={state}", "--format=%i").split()

    def cancel_all(self) -> None:
        """Cancel every job and wait until its processes are gone."""
        if self.active():
            self.ask("scancel", *self.active(), check=False)
        wait_until(lambda: not self.active(), "jobs survive scancel")

    def stop(self) -> None:
        try:
            if all(daemon.poll() is None for daemon in self.daemons) and len(self.daemons) == 3:
                self.cancel_all()
        finally:
            for daemon in reversed(self.daemons):
                daemon.terminate()
            for daemon in reversed(self.daemons):
                daemon.wait(timeout=60)
