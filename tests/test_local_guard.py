"""A job of this machine whose Home Assistant is killed while it is paused."""

from pathlib import Path
import subprocess
import sys
import time

import psutil

from custom_components.gpu_heat.agent.file_lock import is_claimed
from custom_components.gpu_heat.agent.state_dir import StateDir

ROOT = Path(__file__).parents[1]

# What the integration does for a job in Home Assistant's own process, which then dies.
KILLED = """
import os, signal, sys
from pathlib import Path
from custom_components.gpu_heat.local_jobs import open_jobs
folder, pidfile = sys.argv[1:]
book = open_jobs(Path(folder), [{"id": "train", "name": "Training", "pidfile": pidfile}])
book.start()
book.pause("train", lease_s=2, reason="test")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_job_runs_on_when_its_lease_ends_although_home_assistant_was_killed(
    spawn, tmp_path: Path
) -> None:
    pid = spawn(sys.executable, "-c", "while True: pass").pid
    pidfile, folder = tmp_path / "train.pid", tmp_path / "jobs"
    pidfile.write_text(f"{pid}\n")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(pidfile)], cwd=ROOT, check=False
    )
    assert killed.returncode == -9
    pause = StateDir(folder).open_store().state.jobs["train"].pause
    assert pause is not None
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED

    deadline_s = time.monotonic() + 20
    while psutil.Process(pid).status() == psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)

    assert time.time() >= pause.expires_at_s
    while is_claimed(folder / "guard.lock"):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert StateDir(folder).open_store().state.jobs == {}
