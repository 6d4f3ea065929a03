"""A real Slurm of Debian's packages, all its own: munged, slurmctld and slurmd in one folder.

Nothing of it touches a Slurm that the machine may have: sockets, ports, keys and state are its
own, so several may run at once. It needs root, as slurmd does to start jobs for other users.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NOBODY = 65534
"""A user without rights, for what a plain user may do."""

_PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "scontrol", "scancel", "sbatch", "setpriv")
_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PATIENCE_S = 60.0
_STEP_S = 0.02

_CONF = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmdPort={slurmd_port}
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,default_queue_depth=1000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=2
MaxArraySize=10001
MaxJobCount=20000
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=2000 Gres=gpu:1 State=UNKNOWN
PartitionName=heat Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=other Nodes={host} MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class Cluster:
    """One controller and one node with `cpus` CPUs, whatever the machine has.

    Its partitions are "heat" (the default) and "other". `env` is for the client commands.
    """

    def __init__(self, cpus: int = 64) -> None:
        """Write the config. Raises RuntimeError where a program is missing, or without root."""
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)  # jobs of other users are to reach the socket
        self.conf = self.folder / "slurm.conf"
        self.env: Mapping[str, str] = {
            "PATH": os.pathsep.join(_FOLDERS),
            "LC_ALL": "C",
            "SLURM_CONF": str(self.conf),
        }
        self._cpus = cpus
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start all daemons and wait for the node."""
        missing = [name for name in _PROGRAMS if shutil.which(name, path=self.env["PATH"]) is None]
        if missing:
            raise RuntimeError(
                f"a real Slurm is needed, but there is no {', '.join(missing)}; "
                "apt-get install --no-install-recommends slurm-wlm munge"
            )
        if os.geteuid() != 0:
            raise RuntimeError("a real Slurm is needed, and its slurmd needs root")
        self._write_config()
        self._start("munged", "--foreground", "--force", *self._munge_options())
        _wait(lambda: (self.folder / "munge.socket").is_socket(), "munged")
        self.start_controller()
        self.start_slurmd()
        _wait(lambda: self.run("sinfo", "-h", "-o", "%T").strip() == "idle", "an idle node")

    def stop(self) -> None:
        """End all jobs, then all daemons, and remove the folder."""
        for name in ("slurmctld", "slurmd"):  # no controller that starts a job meanwhile
            self._end(name, signal.SIGKILL)
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end("munged", signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_controller(self) -> None:
        """Start slurmctld, with the state that it has on the disk, and wait until it answers."""
        self._start("slurmctld", "-D", "-f", str(self.conf))
        _wait(lambda: "UP" in self.run("scontrol", "ping"), "slurmctld")

    def kill_controller(self) -> None:
        """Kill slurmctld; clients get no answer from now on, and jobs go on.

        What changed in the last 5 s it may not have written down: a job that was started then
        is queued again, one that was stopped or suspended then is shown as running.
        """
        self._end("slurmctld", signal.SIGKILL)

    def start_slurmd(self) -> None:
        """Start the node's daemon."""
        self._start("slurmd", "-D", "-f", str(self.conf), "-N", socket.gethostname().split(".")[0])

    def restart_slurmd(self) -> None:
        """End the node's daemon, which leaves the jobs running, and start it anew."""
        self._end("slurmd", signal.SIGTERM)
        self.start_slurmd()
        _wait(lambda: "NOT_RESPONDING" not in self._node(), "slurmd")

    def run(self, *argv: str, user: int = 0) -> str:
        """Return what a client command writes, run as a user. Raises RuntimeError if it fails."""
        done = self.try_run(*argv, user=user)
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def try_run(self, *argv: str, user: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a client command as a user, whether it succeeds or not."""
        command = [*_as(user), *argv]
        return subprocess.run(
            command, env=self.env, cwd="/", capture_output=True, text=True, check=False, timeout=60
        )

    def submit(self, script: str, *options: str, user: int = 0) -> str:
        """Queue a shell script, without its "#!" line; return the job's id."""
        command = ["sbatch", "--parsable", "--chdir=/", "--output=/dev/null", *options]
        done = subprocess.run(
            [*_as(user), *command],
            input=f"#!/bin/bash\n{script}\n",
            env=self.env,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"sbatch: {done.stderr.strip()}")
        return done.stdout.strip()

    def state(self, job_id: str) -> str:
        """Return "RUNNING" and the like, of a job or a task such as "10_3"; "" if it is over."""
        done = self.try_run("squeue", "-h", "-r", "-j", job_id, "-o", "%T")
        return done.stdout.strip()

    def held(self, job_id: str) -> bool:
        """Return whether a job that waits is held."""
        done = self.try_run("squeue", "-h", "-r", "-j", job_id, "-o", "%T %Q")
        return bool(done.stdout) and all(line == "PENDING 0" for line in done.stdout.splitlines())

    def wait_state(self, job_id: str, *states: str) -> None:
        """Wait until a job is in one of these states."""
        _wait(lambda: self.state(job_id) in states, f"job {job_id} to be {' or '.join(states)}")

    def wait_running(self, *job_ids: str, age_s: int = 3) -> None:
        """Wait until jobs have run for as long as it takes to be stopped."""

        def old_enough() -> bool:
            page = self.try_run("squeue", "-h", "-r", "-j", ",".join(job_ids), "-o", "%T %M").stdout
            rows = [line.split() for line in page.splitlines()]
            return len(rows) >= len(job_ids) and all(
                state == "RUNNING" and _seconds(age) >= age_s for state, age in rows
            )

        _wait(old_enough, f"jobs {job_ids} to run for {age_s} s")

    def pids(self, job_id: str) -> list[int]:
        """Return the processes of a job or of a task such as "10_3"; Slurm's own are not among."""
        array, _, task = job_id.partition("_")
        wanted = (
            {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task}
            if task
            else {"SLURM_JOB_ID": job_id}
        )
        return sorted(
            pid
            for pid, environment in self._processes().items()
            if wanted.items() <= environment.items() and not _comm(pid).startswith("slurmstepd")
        )

    def stopped(self, job_id: str) -> bool:
        """Return whether a job has processes and all of them stand still."""
        states = [_process_state(pid) for pid in self.pids(job_id)]
        return bool(states) and set(states) <= {"T"}

    def going(self, job_id: str) -> bool:
        """Return whether a job has processes and none of them stands still."""
        states = [_process_state(pid) for pid in self.pids(job_id)]
        return bool(states) and "T" not in states

    def cancel_all(self) -> None:
        """End all jobs and open the partitions, for the next test."""
        self.try_run("scontrol", "update", "PartitionName=heat", "State=UP")
        page = self.run("squeue", "-h", "-o", "%F %T")
        jobs = {line.split()[0] for line in page.splitlines()}
        if jobs:
            self.try_run("scancel", *jobs)
        _wait(lambda: not self.run("squeue", "-h", "-o", "%i"), "all jobs to end")

    def _write_config(self) -> None:
        host = socket.gethostname().split(".")[0]
        controller_port, slurmd_port = _free_ports()
        self.conf.write_text(
            _CONF.format(
                name=self.folder.name.replace("-", "").lower(),
                host=host,
                folder=self.folder,
                controller_port=controller_port,
                slurmd_port=slurmd_port,
                cpus=self._cpus,
            )
        )
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        for name in ("controller", "slurmd"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(64))

    def _munge_options(self) -> list[str]:
        return [
            f"--socket={self.folder}/munge.socket",
            f"--key-file={self.folder}/munge.key",
            f"--pid-file={self.folder}/munged.pid",
            f"--seed-file={self.folder}/munge.seed",
        ]

    def _start(self, name: str, *options: str) -> None:
        program = shutil.which(name, path=self.env["PATH"])
        assert program is not None
        with (self.folder / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [program, *options], env=self.env, stdout=log, stderr=log, start_new_session=True
            )

    def _end(self, name: str, signum: signal.Signals) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.send_signal(signum)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(10)

    def _node(self) -> str:
        return self.run("scontrol", "show", "node")

    def _processes(self) -> dict[int, dict[str, str]]:
        """Return the environments of jobs' and Slurm's processes, which have our config in it."""
        found: dict[int, dict[str, str]] = {}
        daemons = {daemon.pid for daemon in self._daemons.values()}
        for name in os.listdir("/proc"):
            if not name.isdecimal() or int(name) in daemons:
                continue
            with suppress(OSError):
                pairs = Path("/proc", name, "environ").read_bytes().decode("utf-8", "replace")
                environment = dict(pair.split("=", 1) for pair in pairs.split("\0") if "=" in pair)
                of_a_job = "SLURM_JOB_ID" in environment or _comm(int(name)) == "slurmstepd"
                if environment.get("SLURM_CONF") == str(self.conf) and of_a_job:
                    found[int(name)] = environment
        return found


@contextmanager
def running_cluster(cpus: int = 64) -> Iterator[Cluster]:
    """Run a cluster, and end what was started of it whatever happens."""
    cluster = Cluster(cpus)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _as(user: int) -> Sequence[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        with suppress(RuntimeError):  # a client that gets no answer yet
            if condition():
                return
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"waited {_PATIENCE_S:g} s in vain for {what}")
        time.sleep(_STEP_S)


def _free_ports() -> tuple[int, int]:
    """Return two ports; found by a process of its own, as tests may not open sockets as yet."""
    done = subprocess.run(
        [sys.executable, "-c", _TWO_PORTS], capture_output=True, text=True, check=True
    )
    one, other = done.stdout.split()
    return int(one), int(other)


_TWO_PORTS = """
import socket
sockets = [socket.socket(), socket.socket()]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
"""


def _seconds(age: str) -> int:
    parts = age.replace("-", ":").split(":")
    return sum(int(part) * 60**place for place, part in enumerate(reversed(parts[-2:])))


def _comm(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _process_state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "gone"
