"""Jobs that are paused by the freezer, on the real one of this machine."""

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.engines.cgroups import Cgroup, cgroup_at, cgroup_from_json
from gpu_heat_agent.engines.freezer import Freezer
from gpu_heat_agent.engines.launch import cgroup_name
from gpu_heat_agent.engines.process import ProcessDriver
from gpu_heat_agent.engines.process_pause import PausePlan
from gpu_heat_agent.engines.process_spec import OnStop, PauseBy
from gpu_heat_agent.engines.processes import scan
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject

from ..cgroups import end_cgroup, own_cgroup, stands_still
from ..parts import Clock
from .one_job import SLEEP, Run, command, inside, pidfile, wait_for

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """A state folder whose job is gone at the end."""
    yield tmp_path / "state"
    own = Freezer().folder_of()
    assert own is not None
    end_cgroup(own / cgroup_name(tmp_path / "state", "job"))


@pytest.fixture
def cgroup() -> Generator[Cgroup]:
    with own_cgroup() as made:
        yield made


def ticks(pid: int) -> int:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def names(pids: Iterable[int]) -> list[str]:
    """Return what processes are called, those that have just ended left out."""
    found = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


def test_command_has_a_cgroup_of_its_own_and_is_frozen_in_it(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command(sys.executable, "-c", "while True: pass"))
    own = Freezer().folder_of()
    assert own is not None
    assert run.cgroup.path == own / cgroup_name(folder, "job")
    wait_for(lambda: ticks(run.pid) > 0)

    assert run.pause().state is JobState.PAUSED

    assert (run.undo["by"], len(run.undo["cgroups"])) == ("freezer", 1)
    assert run.cgroup.frozen()
    assert not scan()[run.pid].stopped
    used = ticks(run.pid)
    time.sleep(0.1)
    assert ticks(run.pid) == used

    assert run.book.resume("job").state is JobState.RUNNING

    assert not run.cgroup.frozen()
    wait_for(lambda: ticks(run.pid) > used)


def test_lease_that_runs_out_thaws(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command())
    run.pause(lease_s=60)
    clock.passes(60)
    assert (run.job().state, run.undo) == (JobState.RUNNING, None)
    assert not stands_still(run.pid)


def test_children_that_are_older_than_the_cgroup_are_moved_with_their_parent(
    folder: Path, clock: Clock
) -> None:
    run = Run(folder, clock, command("sh", "-c", "sleep 600 & sleep 601 & sleep 602"))
    wait_for(lambda: len(run.cgroup.pids() or ()) == 4)
    assert run.pause().state is JobState.PAUSED
    assert all(stands_still(pid) for pid in run.cgroup.pids() or ())


DAEMON = """
import os, time
time.sleep(1)  # by then it is in its cgroup, also on a busy machine
if os.fork():
    os.wait()
    os.execvpe("sleep", ["sleep", "600"], os.environ)
os.setsid()
if os.fork():
    os._exit(0)
os.execve("/bin/sleep", ["sleep", "602"], {})
"""


def test_daemon_that_has_left_everything_but_the_cgroup_is_of_the_job(
    folder: Path, clock: Clock
) -> None:
    run = Run(folder, clock, command(sys.executable, "-c", DAEMON, on_stop=OnStop.TERMINATE))
    wait_for(lambda: names(run.cgroup.pids() or ()) == ["sleep", "sleep"])
    [daemon] = (run.cgroup.pids() or set()) - {run.pid}
    assert Path(f"/proc/{daemon}/environ").read_bytes() == b""
    assert scan()[daemon].session != run.pid
    assert run.pause().state is JobState.PAUSED
    assert run.undo["by"] == "freezer"
    assert stands_still(daemon)
    cgroup = run.cgroup
    run.book.stop()
    wait_for(lambda: daemon not in scan() or scan()[daemon].zombie)
    assert cgroup_at(cgroup.path) is None


def test_agent_that_has_come_into_the_cgroup_of_its_job_does_not_take_itself_for_it(
    folder: Path, clock: Clock
) -> None:
    run = Run(folder, clock, command())
    run.cgroup.take(os.getpid())
    try:
        again = Run(folder, clock, command())
        assert again.pause().state is JobState.PAUSED
        assert (again.undo["by"], [it["pid"] for it in again.undo["members"]]) == (
            "signals",
            [run.pid],
        )
        again.book.resume("job")
    finally:
        own = Freezer().folder_of()
        assert own is not None
        (own.parent / "cgroup.procs").write_text(str(os.getpid()))


def test_cgroup_is_removed_when_the_job_has_ended(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command())
    cgroup = run.cgroup
    os.kill(run.pid, signal.SIGKILL)
    wait_for(lambda: run.job().state is JobState.FAILED)
    assert cgroup_at(cgroup.path) is None
    assert run.memory["cgroup"] is None


def test_cgroup_of_a_job_that_ended_without_an_agent_is_removed_at_the_next_start(
    folder: Path, clock: Clock
) -> None:
    run = Run(folder, clock, command())
    cgroup = run.cgroup
    run.pause()
    os.kill(run.pid, signal.SIGKILL)
    os.waitpid(run.pid, 0)
    assert cgroup.frozen()  # nobody is left in it
    again = Run(folder, clock, command())
    assert again.job().state is JobState.UNKNOWN
    assert cgroup_at(cgroup.path) is None


def test_new_command_begins_in_a_cgroup_that_is_not_frozen(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command())
    run.pause()
    first = run.cgroup
    os.kill(run.pid, signal.SIGKILL)
    os.waitpid(run.pid, 0)
    again = Run(folder, clock, command("sleep", "601"))
    assert again.job().state is JobState.RUNNING
    assert (again.cgroup.path, again.cgroup.frozen()) == (first.path, False)
    assert again.cgroup != first


def test_config_can_ask_for_signals(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command(pause=PauseBy.SIGNAL, on_stop=OnStop.TERMINATE))
    assert run.memory["cgroup"] is None
    assert run.pause().state is JobState.PAUSED
    assert (run.undo["by"], scan()[run.pid].stopped) == ("signals", True)
    run.book.resume("job")
    wait_for(lambda: not scan()[run.pid].stopped)
    run.book.stop()


def test_process_with_a_cgroup_of_its_own_is_frozen(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    pid = inside(cgroup, spawn(*SLEEP))
    run = Run(folder, clock, pidfile(tmp_path, pid))
    assert run.pause().state is JobState.PAUSED
    assert (cgroup.asked(), cgroup.frozen(), scan()[pid].stopped) == (True, True, False)
    run.book.resume("job")
    assert (cgroup.asked(), cgroup.frozen()) == (False, False)


def test_cgroups_below_one_are_frozen_together(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    process = spawn("sh", "-c", "sleep 600; true")
    wait_for(lambda: len([row for row in scan().values() if row.session == process.pid]) == 2)
    [child] = (row.pid for row in scan().values() if row.parent == process.pid)
    for name, pid in (("a", process.pid), ("b", child)):
        (cgroup.path / name).mkdir()
        (cgroup.path / name / "cgroup.procs").write_text(str(pid))
    run = Run(folder, clock, pidfile(tmp_path, process.pid))
    assert run.pause().state is JobState.PAUSED
    assert [it["path"] for it in run.undo["cgroups"]] == [str(cgroup.path)]
    assert stands_still(process.pid)
    assert stands_still(child)
    run.book.resume("job")


def test_cgroup_with_a_stranger_in_it_is_not_frozen(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    pid, stranger = inside(cgroup, spawn(*SLEEP)), inside(cgroup, spawn(*SLEEP))
    run = Run(folder, clock, pidfile(tmp_path, pid))
    assert run.pause().state is JobState.PAUSED
    assert run.undo["by"] == "signals"
    assert (stands_still(pid), stands_still(stranger)) == (True, False)
    run.book.resume("job")
    wait_for(lambda: not stands_still(pid))


def test_process_in_the_agents_own_cgroup_is_stopped_by_a_signal(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    process = spawn(*SLEEP)
    run = Run(folder, clock, pidfile(tmp_path, process.pid))
    assert run.pause().state is JobState.PAUSED
    assert (run.undo["by"], run.undo["cgroups"]) == ("signals", [])
    assert scan()[process.pid].stopped


@pytest.mark.parametrize("above", [False, True])
def test_what_someone_else_has_frozen_is_paused_and_not_ours(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup, above: bool
) -> None:
    (cgroup.path / "job").mkdir()
    lower = cgroup_at(cgroup.path / "job")
    assert lower is not None
    pid = inside(lower, spawn(*SLEEP))
    (cgroup if above else lower).freeze()
    run = Run(folder, clock, pidfile(tmp_path, pid))
    job = run.job()
    assert (job.state, job.paused_by_us) == (JobState.PAUSED, False)
    for act in (run.pause, lambda: run.book.resume("job")):
        with pytest.raises(ConflictError, match="stopped by someone else"):
            act()
    assert lower.frozen()


def test_job_that_someone_else_freezes_while_a_pause_is_planned_is_theirs(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    pid = inside(cgroup, spawn(*SLEEP))
    run = Run(folder, clock, pidfile(tmp_path, pid))
    cgroup.freeze()
    with pytest.raises(ConflictError, match="someone else has frozen"):
        run.driver.plan_pause("job", {})


def test_pause_that_someone_else_thaws_is_over(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    run = Run(folder, clock, pidfile(tmp_path, inside(cgroup, spawn(*SLEEP))))
    run.pause()
    cgroup.thaw()
    assert not run.job().paused_by_us


def test_member_that_was_stopped_before_stays_stopped_after_a_thaw(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    process = spawn("sh", "-c", "sleep 600 & sleep 601; true")
    wait_for(lambda: len([row for row in scan().values() if row.session == process.pid]) == 3)
    one, other = (row.pid for row in scan().values() if row.parent == process.pid)
    for pid in (process.pid, one, other):
        cgroup.take(pid)
    os.kill(one, signal.SIGSTOP)
    wait_for(lambda: scan()[one].stopped)
    run = Run(folder, clock, pidfile(tmp_path, process.pid))
    assert run.pause().state is JobState.PAUSED
    assert run.undo["by"] == "freezer"
    run.book.resume("job")
    wait_for(lambda: not stands_still(other))
    assert scan()[one].stopped


def test_member_that_ends_while_frozen_does_not_end_the_pause(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command("sh", "-c", "sleep 600 & sleep 601"))
    wait_for(lambda: len(run.cgroup.pids() or ()) == 3)
    run.pause()
    table = scan()  # a look at the table, after which a process of it ends
    [one, _] = (row for row in table.values() if row.parent == run.pid)
    os.kill(one.pid, signal.SIGKILL)
    wait_for(lambda: one.pid not in scan() or scan()[one.pid].zombie)
    assert list(Freezer().moving([table[run.pid], one])) == []
    assert run.job().paused_by_us


def test_next_run_knows_a_pause_by_the_freezer_and_ends_it(folder: Path, clock: Clock) -> None:
    Run(folder, clock, command()).pause(lease_s=60)
    again = Run(folder, clock, command())
    job = again.job()
    assert (job.state, job.paused_by_us) == (JobState.PAUSED, True)
    clock.passes(60)
    third = Run(folder, clock, command())
    assert third.job().state is JobState.RUNNING
    assert not third.cgroup.frozen()


@pytest.mark.parametrize("frozen", [False, True])
def test_crash_before_or_after_the_freeze_leaves_nothing_that_is_not_undone(
    folder: Path, clock: Clock, frozen: bool
) -> None:
    run = Run(folder, clock, command())
    cgroup = run.cgroup

    class Killed(BaseException):
        """The agent ends here."""

    def pause(undo: Any) -> Any:
        if frozen:
            ProcessDriver.pause(run.driver, undo)
        raise Killed

    run.driver.pause = pause  # type: ignore[method-assign]
    with pytest.raises(Killed):
        run.pause(lease_s=60)
    assert cgroup.frozen() is frozen

    again = Run(folder, clock, command())
    job = again.job()
    assert (job.state, job.paused_by_us, cgroup.frozen()) == (JobState.PAUSED, True, True)
    clock.passes(60)
    assert again.job().state is JobState.RUNNING
    assert not cgroup.frozen()


def test_lost_state_leaves_no_command_frozen(
    folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(folder, clock, command())
    run.pause()
    (folder / "state.json").unlink()
    again = Run(folder, clock, command())
    assert again.job().state is JobState.RUNNING
    assert not run.cgroup.frozen()
    assert "found stopped" in caplog.text
    assert again.pause().state is JobState.PAUSED
    assert again.undo["by"] == "freezer"


def test_state_of_an_agent_that_had_no_freezer_is_taken_over(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command(pause=PauseBy.SIGNAL))
    pid = run.pid
    run.pause(lease_s=60)
    path = folder / "state.json"
    document = json.loads(path.read_text())
    record = document["jobs"]["job"]
    del (
        record["memory"]["cgroup"],
        record["pause"]["undo"]["by"],
        record["pause"]["undo"]["cgroups"],
    )
    for key in ("began_at_s", "began_steady_s", "stage", "of_group", "free", "exempt"):
        del record["pause"][key]
    path.write_text(json.dumps(document))

    again = Run(folder, clock, command(on_stop=OnStop.TERMINATE))

    job = again.job()
    assert (job.state, job.paused_by_us, again.pid) == (JobState.PAUSED, True, pid)
    clock.passes(60)
    assert again.job().state is JobState.RUNNING
    wait_for(lambda: not scan()[pid].stopped)
    assert again.pause().state is JobState.PAUSED
    assert again.undo["by"] == "signals"  # it was started in the agent's cgroup
    again.book.resume("job")
    again.book.stop()


def test_pause_cut_short_that_had_stopped_by_signals_goes_on_with_signals(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    process = spawn(*SLEEP)
    run = Run(folder, clock, pidfile(tmp_path, process.pid))
    before = run.driver.plan_pause("job", {})
    run.driver.pause({"job": before})
    cgroup.take(process.pid)
    again = run.driver.plan_pause("job", before)
    assert again["by"] == "signals"
    run.driver.resume({"job": again})
    wait_for(lambda: not stands_still(process.pid))


def test_job_that_changed_its_cgroup_while_we_held_it_is_let_go_wholly(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    old, new = inside(cgroup, spawn(*SLEEP)), spawn(*SLEEP)
    run = Run(folder, clock, pidfile(tmp_path, old))
    before = run.driver.plan_pause("job", {})
    run.driver.pause({"job": before})
    with own_cgroup() as other:
        other.take(new.pid)
        pidfile(tmp_path, new.pid)
        again = run.driver.plan_pause("job", before)
        assert not run.driver.pause({"job": again})
        assert (cgroup.frozen(), other.frozen()) == (True, True)
        assert not run.driver.resume({"job": again})
        assert (cgroup.frozen(), other.frozen()) == (False, False)


def test_renewed_pause_is_of_the_same_cgroup(folder: Path, clock: Clock) -> None:
    run = Run(folder, clock, command())
    run.pause()
    before = run.undo
    assert run.driver.plan_pause("job", before)["cgroups"] == before["cgroups"]


@pytest.mark.parametrize("change", [{"inode": 1}, {"boot_id": "earlier"}, {"path": "/nowhere"}])
def test_cgroup_that_is_another_one_now_is_left_alone(
    cgroup: Cgroup, change: dict[str, Any]
) -> None:
    cgroup.freeze()
    document: JsonObject = {**cgroup.to_json(), **change}
    other = cgroup_from_json(document)
    assert other is not None
    other.thaw()
    assert not other.frozen()
    with pytest.raises(ConflictError, match="is gone"):
        other.freeze()
    assert cgroup.frozen()


def test_undo_is_harmless_when_nothing_is_left(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn
) -> None:
    with own_cgroup() as cgroup:
        run = Run(folder, clock, pidfile(tmp_path, inside(cgroup, spawn(*SLEEP))))
        run.pause()
        undo = run.undo
    for _ in range(2):
        assert not run.driver.resume({"job": undo})


def test_cgroup_that_does_not_freeze_is_thawed_again(
    folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(folder, clock, command())
    monkeypatch.setattr("gpu_heat_agent.engines.cgroups._PATIENCE_S", -1.0)
    monkeypatch.setattr(Cgroup, "frozen", lambda _: False)
    with pytest.raises(UnreachableError, match="does not freeze"):
        run.pause()
    monkeypatch.undo()
    assert not run.job().paused_by_us
    assert not run.cgroup.asked()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda it: st.dictionaries(
            st.sampled_from(["path", "inode", "boot_id", "cgroups", "root", "by"]),
            it | st.lists(it),
        ),
    )
)
def test_no_plan_is_made_of_rubbish(document: Any) -> None:
    assert cgroup_from_json(document) is None or isinstance(document, dict)
    if isinstance(document, dict):
        PausePlan.from_json(document)


def test_thaw_of_a_job_in_what_someone_else_has_frozen_does_not_wait_for_them(
    folder: Path, tmp_path: Path, clock: Clock, spawn: Spawn, cgroup: Cgroup
) -> None:
    (cgroup.path / "job").mkdir()
    lower = cgroup_at(cgroup.path / "job")
    assert lower is not None
    run = Run(folder, clock, pidfile(tmp_path, inside(lower, spawn(*SLEEP))))
    run.pause()
    cgroup.freeze()
    with pytest.raises(ConflictError, match="stopped by someone else"):
        run.book.resume("job")
    assert (lower.asked(), lower.frozen(), cgroup.asked()) == (False, True, True)


def test_checkpoint_is_asked_of_the_process_that_was_started(folder: Path, clock: Clock) -> None:
    ends = "import signal; signal.signal(signal.SIGUSR1, lambda *_: exit(3)); signal.pause()"
    run = Run(folder, clock, command(sys.executable, "-c", f"print(1, flush=True); {ends}"))
    log = folder / "jobs" / "job.log"
    wait_for(lambda: "SigCgt:\t0000000000000000" not in Path(f"/proc/{run.pid}/status").read_text())
    wait_for(lambda: log.read_text() == "1\n")
    run.driver.signal("job", signal.SIGUSR1)
    wait_for(lambda: run.job().state is JobState.FAILED)
    with pytest.raises(ConflictError, match="is gone"):
        run.driver.signal("job", signal.SIGUSR1)
