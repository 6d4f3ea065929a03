"""Cgroups of this machine for tests, and what stands still in them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import signal
import time
import uuid

from gpu_heat_agent.engines.cgroups import Cgroup, cgroup_at
from gpu_heat_agent.engines.freezer import Freezer

PATIENCE_S = 20.0


@contextmanager
def own_cgroup(name: str | None = None) -> Iterator[Cgroup]:
    """Make a cgroup below the test's own, and remove it with all that is in it at the end."""
    own = Freezer().folder_of()
    assert own is not None, "this machine has no cgroups of version 2"
    folder = own / (name or f"test-{uuid.uuid4().hex}")
    folder.mkdir()
    try:
        made = cgroup_at(folder)
        assert made is not None
        yield made
    finally:
        end_cgroup(folder)


def end_cgroup(folder: Path) -> None:
    """Kill all that is in a cgroup, and remove it."""
    cgroup = cgroup_at(folder)
    if cgroup is None:
        return
    deadline_s = time.monotonic() + PATIENCE_S
    while not cgroup.remove():
        for pid in cgroup.pids() or ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def stands_still(pid: int) -> bool:
    """Return whether a process is stopped, or in a frozen cgroup."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    if state == "T":
        return True
    folder = Freezer().folder_of(pid)
    cgroup = None if folder is None else cgroup_at(folder)
    return cgroup is not None and cgroup.frozen()
