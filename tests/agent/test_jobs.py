"""Pauses and leases, on real processes and a clock that the test moves."""

from collections.abc import Callable, Mapping
from dataclasses import replace
import errno
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from gpu_heat_agent.desk import make_books
from gpu_heat_agent.engines.driver import JobView
from gpu_heat_agent.engines.process import ProcessDriver, make_driver
from gpu_heat_agent.engines.process_spec import OnStop, PauseBy, ProcessSpec
from gpu_heat_agent.engines.processes import scan
from gpu_heat_agent.errors import ConflictError, UnknownError, UnreachableError
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.leases import grant, remaining_s
from gpu_heat_agent.models import Job, JobState
from gpu_heat_agent.state import JobRecord, JsonObject
from gpu_heat_agent.state_dir import StateDir, Store

from .parts import Clock

Spawn = Callable[..., "subprocess.Popen[bytes]"]

SLEEP = ("sleep", "600")


class Run:
    """One run of an agent's job book over a folder."""

    def __init__(self, folder: Path, clock: Clock, *jobs: JobConfig) -> None:
        self.store: Store = StateDir(folder).open_store()
        memories = {job_id: record.memory for job_id, record in self.store.state.jobs.items()}
        self.driver = make_driver(jobs, memories, folder)
        self.book = JobBook("process", jobs, self.driver, self.store, clock)
        self.book.start()

    def job(self) -> Job:
        """Return the first job as seen now."""
        self.book.tick()
        return self.book.jobs[0]

    def pause(self, lease_s: float = 600) -> Job:
        """Pause the first job."""
        return self.book.pause(self.book.jobs[0].id, lease_s=lease_s, reason="test")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sleeper(spawn: Spawn, tmp_path: Path) -> JobConfig:
    """A job that someone else started, known by its PID file."""
    process = spawn(*SLEEP)
    return pidfile_job(tmp_path, process.pid)


def process_job(job_id: str = "job", **keys: Any) -> JobConfig:
    spec = ProcessSpec(**({"pause": PauseBy.SIGNAL} | keys))
    return JobConfig(id=job_id, name=job_id.title(), spec=spec)


def pidfile_job(folder: Path, content: object) -> JobConfig:
    path = folder / "job.pid"
    path.write_text(f"{content}\n")
    return process_job(pidfile=path)


def pidfile_of(job: JobConfig) -> Path:
    assert isinstance(job.spec, ProcessSpec)
    assert job.spec.pidfile is not None
    return job.spec.pidfile


def pid_of(job: JobConfig) -> int:
    return int(pidfile_of(job).read_text())


def changed(job: JobConfig, **keys: Any) -> JobConfig:
    assert isinstance(job.spec, ProcessSpec)
    return replace(job, spec=replace(job.spec, **keys))


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def stopped(pid: int) -> bool:
    return scan()[pid].stopped


def test_lease_that_runs_out_ends_the_pause(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    assert run.pause(lease_s=60).state is JobState.PAUSED
    clock.passes(59)
    assert run.job().state is JobState.PAUSED
    clock.passes(1)
    job = run.job()
    assert (job.state, job.paused_by_us, job.lease_expires_at) == (JobState.RUNNING, False, None)


def test_renewed_lease_counts_from_its_renewal(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause(lease_s=60)
    clock.passes(50)
    run.pause(lease_s=60)
    clock.passes(50)
    assert run.job().paused_by_us
    clock.passes(10)
    assert not run.job().paused_by_us


def test_wall_clock_set_back_does_not_make_a_lease_longer(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause(lease_s=60)
    clock.jumps(-86400)
    clock.passes(59)
    assert run.job().paused_by_us
    clock.passes(1)
    assert not run.job().paused_by_us


def test_lease_after_a_reboot_follows_the_wall_clock_and_never_exceeds_its_length() -> None:
    now = Clock().now
    pause = grant(kind="process", now=now, lease_s=600, reason="")
    rebooted = replace(now, boot_id="other", steady_s=5.0)
    assert remaining_s(pause, replace(rebooted, wall_s=now.wall_s + 100)) == 500
    assert remaining_s(pause, replace(rebooted, wall_s=now.wall_s - 9999)) == 600
    assert remaining_s(pause, replace(now, wall_s=now.wall_s + 9999)) < 0


def test_new_run_keeps_a_pause_that_holds_and_ends_one_that_is_over(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    Run(tmp_path, clock, sleeper).pause(lease_s=60)
    clock.passes(30)
    assert Run(tmp_path, clock, sleeper).job().paused_by_us
    clock.passes(30)
    assert not Run(tmp_path, clock, sleeper).job().paused_by_us
    assert not stopped(pid_of(sleeper))


def test_pause_of_a_job_that_left_the_config_is_ended(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    Run(tmp_path, clock, sleeper).pause()
    Run(tmp_path, clock)
    wait_for(lambda: not stopped(pid_of(sleeper)))


def test_pause_of_a_kind_that_is_not_known_is_forgotten(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    pause = grant(kind="quantum", now=clock.now, lease_s=600, reason="")
    run.store.update(lambda state: replace(state, jobs={"old": JobRecord(pause=pause)}))
    make_books([sleeper], run.store, tmp_path, clock, dict)
    assert run.store.state.jobs["old"].pause is None


def test_stop_lets_the_job_go_on_and_the_next_run_pauses_it_again(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause(lease_s=60)
    run.book.stop()
    wait_for(lambda: not stopped(pid_of(sleeper)))
    clock.passes(30)
    assert Run(tmp_path, clock, sleeper).job().state is JobState.PAUSED


def test_pause_cut_short_by_a_crash_is_completed_by_the_next_run(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run = Run(tmp_path, clock, sleeper)
    undo = run.driver.plan_pause("job", {})
    pause = replace(grant(kind="process", now=clock.now, lease_s=60, reason=""), undo=undo)
    run.store.update(lambda state: replace(state, jobs={"job": JobRecord(pause=pause)}))
    assert Run(tmp_path, clock, sleeper).job().state is JobState.PAUSED
    assert stopped(pid_of(sleeper))


def test_member_that_was_stopped_already_stays_stopped(
    tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    process = spawn("sh", "-c", "sleep 600 & sleep 601; true")
    wait_for(lambda: len([row for row in scan().values() if row.session == process.pid]) == 3)
    one, other = (row.pid for row in scan().values() if row.parent == process.pid)
    os.kill(one, signal.SIGSTOP)
    wait_for(lambda: stopped(one))
    run = Run(tmp_path, clock, pidfile_job(tmp_path, process.pid))
    assert run.pause().state is JobState.PAUSED

    run.book.resume("job")

    wait_for(lambda: not stopped(other) and not stopped(process.pid))
    assert stopped(one)


def test_what_is_left_of_a_pause_that_others_ended_goes_on_too(
    tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    process = spawn("sh", "-c", "sleep 600; true")
    wait_for(lambda: len([row for row in scan().values() if row.session == process.pid]) == 2)
    [child] = (row.pid for row in scan().values() if row.parent == process.pid)
    run = Run(tmp_path, clock, pidfile_job(tmp_path, process.pid))
    run.pause()
    os.kill(process.pid, signal.SIGCONT)
    wait_for(lambda: not stopped(process.pid))
    assert not run.job().paused_by_us
    wait_for(lambda: not stopped(child))


def test_job_that_ends_while_paused_is_not_paused_any_more(tmp_path: Path, clock: Clock) -> None:
    config = process_job(command=SLEEP, on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    run.pause()
    [root] = (row.pid for row in scan().values() if row.parent == os.getpid() and row.stopped)
    os.kill(root, signal.SIGKILL)
    wait_for(lambda: run.job().state is JobState.FAILED)
    assert not run.job().paused_by_us
    assert run.book.resume("job").state is JobState.FAILED


def test_pid_file_that_names_no_job_leaves_its_state_unknown(
    tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    gone = spawn("true")
    gone.wait(10)
    for content in ("", "x", "-5", "1", os.getpid(), os.getppid(), gone.pid, "9" * 100):
        run = Run(tmp_path / "state", clock, pidfile_job(tmp_path, content))
        job = run.job()
        assert (job.state, job.can_pause) == (JobState.UNKNOWN, False), content
        with pytest.raises(ConflictError):
            run.pause()
    assert not run.driver.memory("job")


def test_pid_that_a_stranger_has_got_is_not_the_job(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    os.utime(pidfile_of(sleeper), (0, time.time() - 3600))  # written before the process began
    assert Run(tmp_path, clock, sleeper).job().state is JobState.UNKNOWN


def test_pid_file_that_is_gone_does_not_keep_a_job_paused(
    tmp_path: Path, clock: Clock, sleeper: JobConfig
) -> None:
    run, pid = Run(tmp_path, clock, sleeper), pid_of(sleeper)
    run.pause(lease_s=60)
    pidfile_of(sleeper).unlink()
    clock.passes(61)
    run.book.tick()
    wait_for(lambda: not stopped(pid))


def test_unknown_job(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(UnknownError):
        Run(tmp_path, clock).book.resume("x")


def test_process_that_does_not_stop_is_left_running(
    tmp_path: Path, clock: Clock, sleeper: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, clock, sleeper)
    monkeypatch.setattr("gpu_heat_agent.engines.process_pause._PATIENCE_S", -1.0)
    monkeypatch.setattr(signal, "SIGSTOP", signal.SIGCONT)  # as if it took none
    with pytest.raises(UnreachableError, match="does not stop"):
        run.pause()
    monkeypatch.undo()
    assert not run.job().paused_by_us
    wait_for(lambda: not stopped(pid_of(sleeper)))


def test_process_of_another_user_cannot_be_paused(
    tmp_path: Path, clock: Clock, sleeper: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, clock, sleeper)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    with pytest.raises(ConflictError, match="another user"):
        run.pause()
    monkeypatch.setattr(os, "kill", refuse)
    assert not run.job().can_pause


def test_command_that_vanishes_before_its_start_has_failed(tmp_path: Path, clock: Clock) -> None:
    config = process_job(command=(str(tmp_path / "nothing"),))
    run = Run(tmp_path, clock, config)
    assert run.job().state is JobState.FAILED


def test_command_that_changed_is_started_although_the_old_one_has_ended_well(
    tmp_path: Path, clock: Clock
) -> None:
    config = process_job(command=("true",))
    run = Run(tmp_path, clock, config)
    wait_for(lambda: run.job().state is JobState.FINISHED)
    other = changed(config, command=("sh", "-c", "echo again"))
    run = Run(tmp_path, clock, other)
    wait_for(lambda: run.job().state is JobState.FINISHED)
    assert (tmp_path / "jobs" / "job.log").read_text() == "again\n"


def test_command_that_ended_while_no_agent_watched_is_unknown_and_not_started_again(
    tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    config = process_job(command=("sh", "-c", "read x < go; echo done"))
    os.mkfifo(tmp_path / "go")
    config = changed(config, cwd=tmp_path)
    Run(tmp_path, clock, config)
    (tmp_path / "go").write_text("\n")
    log = tmp_path / "jobs" / "job.log"
    wait_for(lambda: log.read_text() == "done\n")
    [pid] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    os.waitpid(pid, 0)
    run = Run(tmp_path, clock, config)
    assert run.job().state is JobState.UNKNOWN
    assert log.read_text() == "done\n"


def records(folder: Path) -> Mapping[str, JobRecord]:
    return StateDir(folder).open_store().state.jobs


def test_command_cut_off_by_a_reboot_is_started_again(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: JsonObject = {"root": {"pid": 99999, "start": "1", "boot_id": "earlier"}}
    run = Run(tmp_path, clock)
    run.store.update(lambda state: replace(state, jobs={"job": JobRecord(memory=memory)}))
    config = process_job(command=SLEEP, on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    assert run.job().state is JobState.RUNNING
    run.book.stop()
    assert records(tmp_path)["job"].memory["root"] is None


def test_session_goes_on_as_the_job_after_its_leader_has_ended(
    tmp_path: Path, clock: Clock
) -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '600'])"
    config = process_job(command=(sys.executable, "-c", script), on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    [pid] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    wait_for(lambda: run.job() and (pid not in scan() or scan()[pid].zombie))
    assert run.job().state is JobState.RUNNING
    assert run.pause().state is JobState.PAUSED
    run.book.resume("job")
    run.book.stop()
    assert not [row for row in scan().values() if row.session == pid and not row.zombie]


def test_command_is_found_again_by_the_next_run_with_and_without_its_state(
    tmp_path: Path, clock: Clock
) -> None:
    config = process_job(command=SLEEP, on_stop=OnStop.TERMINATE)
    Run(tmp_path, clock, config)
    [pid] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    for lost in (False, True):
        if lost:
            (tmp_path / "state.json").unlink()
        run = Run(tmp_path, clock, config)
        assert run.job().state is JobState.RUNNING
        assert [record.memory["root"]["pid"] for record in records(tmp_path).values()] == [pid]
    run.book.stop()


def test_agent_that_stops_leaves_a_job_alone_unless_told_otherwise(
    tmp_path: Path, clock: Clock
) -> None:
    config = process_job(command=SLEEP)
    run = Run(tmp_path, clock, config)
    run.book.stop()
    assert run.job().state is JobState.RUNNING
    run = Run(tmp_path, clock, changed(config, on_stop=OnStop.TERMINATE))
    run.book.stop()


def test_stubborn_command_is_killed_when_the_agent_stops(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_heat_agent.engines.process._PATIENCE_S", 0.3)
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    config = process_job(command=("sh", "-c", script), on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    wait_for(lambda: "ready" in (tmp_path / "jobs" / "job.log").read_text())
    [pid] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    run.book.stop()
    wait_for(lambda: all(row.zombie for row in scan().values() if row.session == pid))


def test_long_log_is_started_anew(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_heat_agent.engines.launch.MAX_LOG_BYTES", 4)
    config = process_job(command=("sh", "-c", "echo much to say; sleep 600"))
    config = changed(config, on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    log, old = tmp_path / "jobs" / "job.log", tmp_path / "jobs" / "job.log.1"
    wait_for(lambda: run.job() and old.exists() and old.read_text() == "much to say\n")
    assert log.read_text() == ""
    log.unlink()
    assert run.job().state is JobState.RUNNING
    run.book.stop()


class SilentDriver(ProcessDriver):
    """An engine that does not answer."""

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        raise UnreachableError("no answer")


def test_engine_that_does_not_answer_leaves_its_jobs_unknown(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    config = process_job(command=SLEEP)
    store = StateDir(tmp_path).open_store()
    driver = SilentDriver({"job": ProcessSpec(command=SLEEP)}, {}, tmp_path)
    book = JobBook("process", [config], driver, store, clock)
    for _ in range(2):
        book.tick()
    assert book.jobs[0].state is JobState.UNKNOWN
    assert caplog.text.count("no answer") == 1


def test_stop_lets_jobs_go_on_even_if_nothing_can_be_written(
    tmp_path: Path, clock: Clock, sleeper: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.store, "update", full)
    run.book.stop()
    wait_for(lambda: not stopped(pid_of(sleeper)))


def test_tick_goes_on_where_a_pause_cannot_be_ended(
    tmp_path: Path, clock: Clock, sleeper: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause(lease_s=60)
    clock.passes(60)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run.store, "update", full)
    run.book.tick()
    wait_for(lambda: not stopped(pid_of(sleeper)))  # the record waits, the job does not
    monkeypatch.undo()
    assert not run.job().paused_by_us


class FullDisk:
    """Makes a store fail to write for as long as it is set."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run.store, "update", self._update)

    def _update(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_lease_of_one_job_ends_although_news_of_another_cannot_be_written(
    tmp_path: Path,
    clock: Clock,
    sleeper: JobConfig,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    short = process_job("short", command=("sh", "-c", "read x < go"), cwd=tmp_path)
    os.mkfifo(tmp_path / "go")
    run = Run(tmp_path, clock, sleeper, short)
    run.pause(lease_s=60)
    FullDisk(run, monkeypatch)
    (tmp_path / "go").write_text("\n")
    wait_for(lambda: run.job() and run.book.jobs[1].state is JobState.FINISHED)
    clock.passes(60)
    for _ in range(3):
        run.book.tick()
    wait_for(lambda: not stopped(pid_of(sleeper)))
    assert run.job().state is JobState.RUNNING
    assert caplog.text.count("Job short: the state file cannot be written") == 1


@pytest.mark.parametrize("which", ["copyfile", "truncate"])
def test_long_log_on_a_full_disk_does_not_end_the_watch(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    which: str,
) -> None:
    def full(*_: object) -> None:
        (tmp_path / "jobs" / "job.log.1").write_text("mu")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gpu_heat_agent.engines.launch.MAX_LOG_BYTES", 4)
    monkeypatch.setattr(shutil if which == "copyfile" else os, which, full)
    config = process_job(command=("sh", "-c", "echo much to say; sleep 600"))
    run = Run(tmp_path, clock, changed(config, on_stop=OnStop.TERMINATE))
    wait_for(lambda: run.job().state is JobState.RUNNING and "No space" in caplog.text)
    for _ in range(3):
        run.book.tick()
    assert caplog.text.count("No space") == 1
    if which == "copyfile":
        assert (tmp_path / "jobs" / "job.log").read_text() == ""
        assert not (tmp_path / "jobs" / "job.log.1").exists()
    run.book.stop()


def test_renewing_a_pause_that_others_ended_in_part_takes_nothing_of_ours_for_theirs(
    tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    process = spawn("sh", "-c", "sleep 600; true")
    wait_for(lambda: len([row for row in scan().values() if row.session == process.pid]) == 2)
    [child] = (row.pid for row in scan().values() if row.parent == process.pid)
    run = Run(tmp_path, clock, pidfile_job(tmp_path, process.pid))
    run.pause()
    os.kill(process.pid, signal.SIGCONT)
    wait_for(lambda: not stopped(process.pid))
    assert run.pause().state is JobState.PAUSED
    run.book.resume("job")
    wait_for(lambda: not stopped(process.pid) and not stopped(child))


def test_stop_that_cannot_resume_keeps_the_way_to(
    tmp_path: Path, clock: Clock, sleeper: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path, clock, sleeper)
    run.pause()

    def refuse(*_: object) -> None:
        raise UnreachableError("not now")

    monkeypatch.setattr("gpu_heat_agent.engines.process.send_all", refuse)
    run.book.stop()
    monkeypatch.undo()
    Run(tmp_path, clock, sleeper).book.resume("job")
    wait_for(lambda: not stopped(pid_of(sleeper)))


def test_command_that_no_command_line_can_hold_has_failed(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    config = process_job(command=("echo", "a\0b"))
    assert Run(tmp_path, clock, config).job().state is JobState.FAILED
    assert "Job job: cannot be started" in caplog.text


def test_job_that_cannot_be_looked_for_at_the_start_is_started_later(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UnreachableError("the processes cannot be seen: Too many open files")

    config = process_job(command=SLEEP, on_stop=OnStop.TERMINATE)
    monkeypatch.setattr("gpu_heat_agent.engines.process.scan", refuse)
    run = Run(tmp_path, clock, config)
    assert run.job().state is JobState.UNKNOWN
    monkeypatch.undo()
    assert run.job().state is JobState.RUNNING
    run.book.stop()


WORKER = """
import os, sys, time
leave = sys.argv[1] == "daemon"
if os.fork():
    time.sleep(0 if sys.argv[2] == "ends" else 600)
    os._exit(0)
if leave:
    os.setsid()
    if os.fork():
        os._exit(0)
print(os.getpid(), flush=True)
time.sleep(600)
"""


class Worker:
    """A job whose work is done by a process that outlives the one that was started."""

    def __init__(self, folder: Path, kind: str, leader: str) -> None:
        self._folder = folder
        command = (sys.executable, "-c", WORKER, kind, leader)
        self.config = process_job(command=command, on_stop=OnStop.TERMINATE)

    def pid(self) -> int:
        """Return the worker, once it is there and the first process gone if it is to go."""
        log = self._folder / "jobs" / "job.log"
        wait_for(lambda: log.read_text().endswith("\n"))
        pid = int(log.read_text())
        wait_for(lambda: scan()[pid].parent != os.getpid())
        return pid


def gone(pid: int) -> bool:
    row = scan().get(pid)
    return row is None or row.zombie


@pytest.mark.parametrize("kind", ["orphan", "daemon"])
def test_worker_whose_leader_has_ended_is_the_job_also_for_the_next_run(
    tmp_path: Path, clock: Clock, kind: str
) -> None:
    worker = Worker(tmp_path, kind, "ends")
    first = Run(tmp_path, clock, worker.config)
    pid = worker.pid()
    [leader] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    wait_for(lambda: first.job() and gone(leader))
    assert first.job().state is JobState.RUNNING

    other = changed(worker.config, env={"A": "changed"})
    for config in (worker.config, other):
        run = Run(tmp_path, clock, config)
        assert run.job().state is JobState.RUNNING
        assert run.pause().state is JobState.PAUSED
        assert stopped(pid)
        run.book.resume("job")
        wait_for(lambda: not stopped(pid))
    run.book.stop()
    wait_for(lambda: gone(pid))
    assert (tmp_path / "jobs" / "job.log").read_text() == f"{pid}\n"


def test_daemon_of_a_job_does_not_escape_its_pause(tmp_path: Path, clock: Clock) -> None:
    worker = Worker(tmp_path, "daemon", "stays")
    run = Run(tmp_path, clock, worker.config)
    pid = worker.pid()
    assert run.pause().state is JobState.PAUSED
    assert stopped(pid)
    run.book.resume("job")
    wait_for(lambda: not stopped(pid))
    run.book.stop()
    wait_for(lambda: gone(pid))


@pytest.mark.parametrize("lost", [True, False])
def test_command_found_stopped_goes_on_where_it_is_not_known_who_stopped_it(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, lost: bool
) -> None:
    config = process_job(command=SLEEP, on_stop=OnStop.TERMINATE)
    run = Run(tmp_path, clock, config)
    [pid] = [record.memory["root"]["pid"] for record in records(tmp_path).values()]
    if lost:
        run.pause()
        (tmp_path / "state.json").unlink()
    else:
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: stopped(pid))
    run = Run(tmp_path, clock, config)
    assert run.job().state is (JobState.RUNNING if lost else JobState.PAUSED)
    assert ("found stopped" in caplog.text) is lost
    os.kill(pid, signal.SIGCONT)
    run.book.stop()
