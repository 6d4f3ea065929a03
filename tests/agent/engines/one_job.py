"""An agent's job book with one job that is a process."""

from collections.abc import Callable
from pathlib import Path
import subprocess
import time
from typing import Any

from gpu_heat_agent.engines.cgroups import Cgroup, cgroup_from_json
from gpu_heat_agent.engines.process import ProcessDriver
from gpu_heat_agent.engines.process_spec import ProcessSpec
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import Job
from gpu_heat_agent.state_dir import StateDir, Store

from ..parts import Clock

SLEEP = ("sleep", "600")


class Run:
    """One run of an agent's job book over a folder, with one job."""

    def __init__(self, folder: Path, clock: Clock, spec: ProcessSpec) -> None:
        self.store: Store = StateDir(folder).open_store()
        memories = {job_id: record.memory for job_id, record in self.store.state.jobs.items()}
        self.driver = ProcessDriver({"job": spec}, memories, folder)
        config = JobConfig(id="job", name="Job", spec=spec)
        self.book = JobBook("process", [config], self.driver, self.store, clock)
        self.book.start()

    def job(self) -> Job:
        """Return the job as seen now."""
        self.book.tick()
        return self.book.jobs[0]

    def pause(self, lease_s: float = 600) -> Job:
        """Pause the job."""
        return self.book.pause("job", lease_s=lease_s, reason="test")

    @property
    def undo(self) -> Any:
        """The plan of the pause that holds."""
        pause = self.store.state.jobs["job"].pause
        return None if pause is None else pause.undo

    @property
    def memory(self) -> Any:
        """What is remembered of the job."""
        return self.store.state.jobs["job"].memory

    @property
    def cgroup(self) -> Cgroup:
        """The cgroup that the job was started in."""
        found = cgroup_from_json(self.memory["cgroup"])
        assert found is not None
        return found

    @property
    def pid(self) -> int:
        """The process that was started."""
        return int(self.memory["root"]["pid"])


def command(*argv: str, **keys: Any) -> ProcessSpec:
    """Return a job that the agent starts."""
    return ProcessSpec(command=argv or SLEEP, **keys)


def pidfile(folder: Path, pid: int) -> ProcessSpec:
    """Return a job that someone else has started."""
    path = folder / "job.pid"
    path.write_text(f"{pid}\n")
    return ProcessSpec(pidfile=path)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def inside(cgroup: Cgroup, process: "subprocess.Popen[bytes]") -> int:
    """Move a process into a cgroup; return its PID."""
    cgroup.take(process.pid)
    return process.pid
