"""Jobs of a real Slurm, paused and resumed through the book as the agent does."""

from collections.abc import Callable, Mapping
import os
from pathlib import Path
import signal
import time
from typing import Any

import pytest

from gpu_heat_agent.engines.driver import STANDS_STILL, Failures
from gpu_heat_agent.engines.slurm import make_driver, read_spec
from gpu_heat_agent.engines.slurm_commands import Commands
from gpu_heat_agent.engines.slurm_spec import SlurmSpec
from gpu_heat_agent.engines.slurm_view import WAITS
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.job_config import AfterMaxPause, JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import Job, JobState
from gpu_heat_agent.state import JsonObject
from gpu_heat_agent.state_dir import StateDir, Store
from gpu_heat_agent.toml_table import Table

from ..parts import Clock
from .slurm_cluster import NOBODY, Cluster

WORK = "sleep 600 & sleep 601"
STEPS = "srun --overlap --ntasks=2 sleep 600"
FLEX = "--comment=gpu_heat:flex"


def spec(**keys: object) -> SlurmSpec:
    table = Table(keys, "jobs[0]")
    found = read_spec(table, "flex", Path("/"))
    table.finish()
    return found


class Agent:
    """One run of an agent with one group of jobs."""

    def __init__(self, folder: Path, clock: Clock, *configs: JobConfig) -> None:
        self.store: Store = StateDir(folder).open_store()
        self.driver = make_driver(configs, {}, folder)
        self.book = JobBook("slurm", configs, self.driver, self.store, clock)
        self.clock = clock
        self.book.start()

    def jobs(self) -> dict[str, Job]:
        """Return all jobs as Slurm tells them now."""
        self.clock.passes(5)
        self.book.tick()
        return {job.id: job for job in self.book.jobs}

    def state(self, member: str) -> JobState | None:
        """Return the state of one job of the group, None if it is not listed."""
        job = self.jobs().get(f"flex:{member}")
        return None if job is None else job.state

    def pause(self, member: str | None = None, lease_s: float = 600) -> Job:
        """Pause the group, or one of its jobs."""
        key = "flex" if member is None else f"flex:{member}"
        return self.book.pause(key, lease_s=lease_s, reason="warm")

    def resume(self, member: str | None = None) -> Job:
        """Resume the group, or one of its jobs."""
        return self.book.resume("flex" if member is None else f"flex:{member}")


def group(**keys: Any) -> JobConfig:
    common = {key: keys.pop(key) for key in ("max_pause_s", "after_max_pause") if key in keys}
    keys = keys or {"comment": "gpu_heat:flex"}
    return JobConfig(id="flex", name="Flex", kind="slurm", spec=spec(**keys), **common)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def wait_for(condition: Callable[[], object], within_s: float = 30) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_stop_and_continue_reach_scripts_and_steps_and_only_the_group(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    plain, steps, strange = (
        slurm.submit(WORK, FLEX),
        slurm.submit(STEPS, "--ntasks=2", FLEX),
        slurm.submit(WORK, "--comment=gpu_heat:flexible"),
    )
    waiting = slurm.submit(WORK, FLEX, "--exclusive")
    slurm.wait_running(plain, steps, strange)
    wait_for(lambda: len(slurm.pids(steps)) >= 5)  # script, two srun, two tasks
    agent = Agent(tmp_path, clock, group())
    before = agent.jobs()
    assert set(before) == {"flex", f"flex:{plain}", f"flex:{steps}", f"flex:{waiting}"}
    assert before[f"flex:{plain}"].name == f"{plain} sbatch"

    assert agent.pause().state is JobState.PAUSED

    wait_for(lambda: slurm.stopped(plain) and slurm.stopped(steps))
    assert (slurm.state(plain), slurm.state(steps)) == ("STOPPED", "STOPPED")
    assert slurm.held(waiting)
    assert slurm.going(strange)
    jobs = agent.jobs()
    assert (jobs[f"flex:{plain}"].frees_gpu, jobs[f"flex:{plain}"].keeps_work) == (False, True)
    assert (jobs[f"flex:{waiting}"].frees_gpu, jobs[f"flex:{waiting}"].keeps_work) == (True, True)

    agent.resume()

    wait_for(lambda: slurm.going(plain) and slurm.going(steps))
    assert not slurm.held(waiting)
    assert agent.state(plain) is JobState.RUNNING
    assert agent.state(waiting) is JobState.QUEUED
    assert not any(job.paused_by_us for job in agent.jobs().values())


def test_lease_that_ends_resumes_the_group_and_new_jobs_join_until_then(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    agent = Agent(tmp_path, clock, group())
    agent.pause(lease_s=3600)
    new = slurm.submit(WORK, FLEX)
    slurm.wait_running(new)
    assert agent.state(new) is JobState.PAUSED
    wait_for(lambda: slurm.stopped(new))
    late = slurm.submit(WORK, FLEX, "--begin=now+1hour")
    assert agent.state(late) is JobState.PAUSED
    assert slurm.held(late)

    clock.passes(3600)

    assert agent.state(new) is JobState.RUNNING
    wait_for(lambda: slurm.going(new))
    assert not slurm.held(late)
    assert not agent.jobs()["flex"].paused_by_us


def test_one_job_that_is_resumed_runs_on_while_its_group_waits(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    one, other = slurm.submit(WORK, FLEX), slurm.submit(WORK, FLEX)
    slurm.wait_running(one, other)
    agent = Agent(tmp_path, clock, group())
    agent.pause()
    agent.resume(one)
    assert agent.state(one) is JobState.RUNNING
    assert agent.state(other) is JobState.PAUSED
    wait_for(lambda: slurm.going(one) and slurm.stopped(other))
    agent.pause(one)
    wait_for(lambda: slurm.stopped(one))


def test_array_keeps_its_name_and_its_tasks_are_paused_one_by_one(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    array = slurm.submit(WORK, FLEX, "--array=1-40%2")
    slurm.wait_running(f"{array}_1", f"{array}_2")
    slurm.run("scontrol", "hold", f"{array}_7")  # by someone else
    agent = Agent(tmp_path, clock, group())
    names = {f"flex:{array}_{one}" for one in ("1", "2", "7", "rest")}
    assert agent.jobs().keys() == {"flex", *names}

    agent.pause()

    jobs = agent.jobs()
    assert jobs.keys() == {"flex", *names}
    assert {jobs[name].state for name in names} == {JobState.PAUSED}
    assert {name for name in names if jobs[name].paused_by_us} == names - {f"flex:{array}_7"}
    wait_for(lambda: slurm.stopped(f"{array}_1") and slurm.stopped(f"{array}_2"))
    slurm.run("scancel", f"{array}_9")

    agent.resume()

    wait_for(lambda: slurm.going(f"{array}_1") and slurm.going(f"{array}_2"))
    assert slurm.held(f"{array}_7")
    assert not slurm.held(f"{array}_8")
    slurm.run("scancel", f"{array}_1")
    slurm.wait_state(f"{array}_3", "RUNNING")
    assert agent.jobs().keys() >= {f"flex:{array}_3", f"flex:{array}_rest"}


def test_arrays_with_and_without_tasks_that_wait_are_paused_together(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    some, others = (
        slurm.submit(WORK, FLEX, "--array=1-3%2"),
        slurm.submit(WORK, FLEX, "--array=1-2"),
    )
    running = [f"{some}_1", f"{some}_2", f"{others}_1", f"{others}_2"]
    slurm.wait_running(*running)
    agent = Agent(tmp_path, clock, group())
    agent.pause()
    wait_for(lambda: all(slurm.stopped(one) for one in running))
    assert {job.error for job in agent.jobs().values()} == {None}
    agent.resume()
    wait_for(lambda: all(slurm.going(one) for one in running))
    assert not slurm.held(f"{some}_3")


def test_what_others_hold_stop_and_resume_is_theirs(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    held, stopped, ours = (
        slurm.submit(WORK, FLEX, "--hold"),
        slurm.submit(WORK, FLEX),
        slurm.submit(WORK, FLEX),
    )
    slurm.wait_running(stopped, ours)
    slurm.run("scancel", "--signal=STOP", "--full", stopped)
    slurm.wait_state(stopped, "STOPPED")  # once its node has said so
    agent = Agent(tmp_path, clock, group())
    with pytest.raises(ConflictError, match="someone else"):
        agent.pause(held)
    agent.pause()
    slurm.run("scancel", "--signal=CONT", "--full", ours)
    slurm.wait_state(ours, "RUNNING")
    assert not agent.jobs()[f"flex:{ours}"].paused_by_us
    agent.resume()
    assert slurm.held(held)
    assert slurm.state(stopped) == "STOPPED"
    assert slurm.state(ours) == "RUNNING"


def test_what_others_hold_and_stop_before_we_come_to_it_stays_so(
    slurm: Cluster, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, held = slurm.submit(WORK, FLEX), slurm.submit(WORK, FLEX, "--begin=now+1hour")
    slurm.wait_running(stopped)
    agent = Agent(tmp_path, clock, group())
    pause = agent.driver.pause

    def late(undo: Mapping[str, JsonObject]) -> Failures:
        if len(undo) == 2:  # the jobs, and not the group
            slurm.run("scancel", "--signal=STOP", "--full", stopped)
            slurm.wait_state(stopped, "STOPPED")
            slurm.run("scontrol", "hold", held)
        return pause(undo)

    monkeypatch.setattr(agent.driver, "pause", late)
    with pytest.raises(ConflictError):
        agent.pause()
    assert slurm.held(held)
    assert slurm.state(stopped) == "STOPPED"


def test_cluster_that_does_not_answer_keeps_no_job_of_another_paused(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK)
    slurm.wait_running(job)
    gone = tmp_path / "slurm.conf"
    gone.write_text("ClusterName=gone\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=1\n")
    driver = make_driver([], {}, tmp_path)
    other: JsonObject = {"cluster": {"slurm_conf": str(gone)}}
    mine: JsonObject = {"job": job, "running": "stop"}
    assert driver.pause({"flex:1": mine}) == {}
    undo = {"all": {"gate": "heat", **other}, "all:1": {"job": "1", **other}, "flex:1": mine}
    failures = driver.resume(undo)
    assert failures.keys() == {"all", "all:1"}
    wait_for(lambda: slurm.going(job))


def test_suspend_behind_a_gate_is_undone_by_resume(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job, other = slurm.submit(STEPS, "--ntasks=2"), slurm.submit(WORK, "--partition=other")
    slurm.wait_running(job, other)
    agent = Agent(tmp_path, clock, group(partition="heat", gate=True))
    agent.pause()
    assert Commands().partition_state("heat") == "DOWN"
    assert slurm.state(job) == "SUSPENDED"
    wait_for(lambda: slurm.stopped(job))
    new = slurm.submit(WORK)
    assert agent.state(new) is JobState.PAUSED
    assert slurm.going(other)

    agent.resume()

    assert Commands().partition_state("heat") == "UP"
    wait_for(lambda: slurm.going(job))
    slurm.wait_state(new, "RUNNING")


def test_job_that_is_resumed_right_after_its_suspension_goes_on(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    jobs = [slurm.submit(WORK) for _ in range(5)]
    slurm.wait_running(*jobs)
    agent = Agent(tmp_path, clock, group(partition="heat", pause="suspend"))
    agent.pause()
    agent.resume()
    assert all(slurm.state(job) == "RUNNING" for job in jobs)
    wait_for(lambda: all(slurm.going(job) for job in jobs))


def test_partition_that_was_closed_before_is_never_opened(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    slurm.run("scontrol", "update", "PartitionName=heat", "State=DOWN")
    agent = Agent(tmp_path, clock, group(partition="heat", gate=True))
    agent.pause()
    agent.resume()
    assert Commands().partition_state("heat") == "DOWN"


def test_gate_and_jobs_are_let_go_by_an_agent_that_no_longer_knows_the_group(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK)
    slurm.wait_running(job)
    keys = {"slurm_conf": str(slurm.conf), "bin_dir": "/usr/bin"}
    Agent(tmp_path, clock, group(partition="heat", gate=True, **keys)).pause()
    assert slurm.state(job) == "SUSPENDED"
    Agent(tmp_path, clock)
    assert slurm.state(job) == "RUNNING"
    wait_for(lambda: slurm.going(job))
    assert Commands().partition_state("heat") == "UP"


def test_requeue_frees_the_gpu_and_release_starts_the_job_anew(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, FLEX, "--gres=gpu:1")
    slurm.wait_running(job)
    agent = Agent(tmp_path, clock, group(comment="gpu_heat:flex", pause="requeue"))
    before = agent.jobs()[f"flex:{job}"]
    assert (before.frees_gpu, before.keeps_work) == (True, False)
    agent.pause()
    wait_for(lambda: slurm.held(job))
    assert not slurm.pids(job)
    after = agent.jobs()[f"flex:{job}"]
    assert (after.state, after.paused_by_us) == (JobState.PAUSED, True)
    assert (after.frees_gpu, after.keeps_work) == (True, False)
    agent.resume()
    assert not slurm.held(job)
    assert agent.state(job) is JobState.QUEUED  # Slurm lets it wait for two minutes


def test_pause_that_gets_too_long_lets_go_of_the_gpu(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, FLEX)
    slurm.wait_running(job)
    config = group(max_pause_s=60.0, after_max_pause=AfterMaxPause.FREE)
    agent = Agent(tmp_path, clock, config)
    agent.pause(job)
    wait_for(lambda: slurm.stopped(job))
    clock.passes(60)
    agent.jobs()
    wait_for(lambda: slurm.held(job))
    assert agent.state(job) is JobState.PAUSED


def test_stop_counts_against_the_time_limit_so_half_of_it_has_to_be_left(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, FLEX, "--time=10", "--deadline=now+2hours")
    slurm.wait_running(job)
    agent = Agent(tmp_path, clock, group())
    view = agent.driver.observe({})[f"flex:{job}"]
    assert view.can_pause
    assert view.effect is STANDS_STILL
    assert view.remaining_s is not None
    assert 500 < view.remaining_s < 600
    assert view.deadline is not None
    assert 7100 < view.deadline.timestamp() - time.time() <= 7200
    agent.pause(lease_s=86400)
    slurm.run("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    # Of one minute half is used up within 30 s.
    wait_for(lambda: not agent.jobs()[f"flex:{job}"].paused_by_us, within_s=60)
    slurm.wait_state(job, "RUNNING")
    wait_for(lambda: slurm.going(job))
    assert not agent.jobs()[f"flex:{job}"].can_pause
    with pytest.raises(ConflictError):
        agent.pause(job)


def test_owner_may_stop_hold_and_requeue_and_nobody_elses_jobs(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    own, foreign = slurm.submit(WORK, FLEX, user=NOBODY), slurm.submit(WORK, FLEX)
    own_waits = slurm.submit(WORK, FLEX, "--begin=now+1hour", user=NOBODY)
    foreign_waits = slurm.submit(WORK, FLEX, "--begin=now+1hour")
    slurm.wait_running(own, foreign)
    folder = commands_of_nobody(tmp_path)
    keys = {"comment": "gpu_heat:flex", "bin_dir": str(folder), "operator": False}
    agent = Agent(tmp_path / "state", clock, group(**keys))

    agent.pause()

    wait_for(lambda: slurm.stopped(own))
    assert slurm.held(own_waits)
    assert slurm.going(foreign)
    assert not slurm.held(foreign_waits)
    jobs = agent.jobs()
    for one in (foreign, foreign_waits):
        error = jobs[f"flex:{one}"].error
        assert error is not None
        assert "does not permit" in error
        assert not jobs[f"flex:{one}"].paused_by_us
    with pytest.raises(ConflictError, match="does not permit"):
        agent.pause(foreign)

    agent.resume()

    wait_for(lambda: slurm.going(own))
    assert not slurm.held(own_waits)


def test_suspend_and_gate_without_an_operators_rights_are_refused(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, user=NOBODY)
    slurm.wait_running(job)
    keys = {"partition": "heat", "bin_dir": str(commands_of_nobody(tmp_path)), "operator": True}
    gated = Agent(tmp_path / "gated", clock, group(gate=True, **keys))
    with pytest.raises(ConflictError, match="operator"):
        gated.pause()
    suspending = Agent(tmp_path / "suspending", clock, group(pause="suspend", **keys))
    with pytest.raises(ConflictError, match="does not permit"):
        suspending.pause()
    assert slurm.going(job)
    assert not any(job.paused_by_us for job in suspending.jobs().values())


def commands_of_nobody(folder: Path) -> Path:
    """Return a folder with commands that a user without rights runs."""
    found = folder / "bin"
    found.mkdir()
    for name in ("squeue", "scontrol", "scancel"):
        script = found / name
        drop = f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
        script.write_text(f'#!/bin/sh\ncd /\nexec {drop} /usr/bin/{name} "$@"\n')
        script.chmod(0o755)
    return found


def test_controller_that_is_down_is_unreachable_and_its_return_finds_all_as_it_was(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, FLEX)
    slurm.wait_running(job, age_s=8)  # by then it is in the controller's file
    agent = Agent(tmp_path, clock, group())
    agent.pause()
    slurm.kill_controller()
    try:
        assert agent.jobs()["flex"].state is JobState.UNKNOWN
        with pytest.raises(UnreachableError):
            agent.pause()
        with pytest.raises(UnreachableError):
            agent.resume()
        assert slurm.stopped(job)
    finally:
        slurm.start_controller()
    # What Slurm has forgotten of the last seconds may show it as running: then it is let go.
    wait_for(lambda: agent.state(job) in {JobState.PAUSED, JobState.RUNNING})
    slurm.restart_slurmd()
    agent.resume()
    assert agent.state(job) is JobState.RUNNING
    wait_for(lambda: slurm.going(job))


def test_suspension_that_a_killed_controller_forgot_is_undone(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    jobs = [slurm.submit(WORK, "--time=60") for _ in range(3)]
    slurm.wait_running(*jobs, age_s=8)
    agent = Agent(tmp_path, clock, group(partition="heat", pause="suspend"))
    agent.pause()
    slurm.kill_controller()
    slurm.start_controller()
    wait_for(lambda: all(slurm.stopped(job) for job in jobs))
    agent.resume()
    wait_for(lambda: all(slurm.going(job) for job in jobs))
    assert {slurm.state(job) for job in jobs} == {"RUNNING"}


def test_agent_that_crashed_takes_its_pause_up_and_job_that_ended_is_forgotten(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job, ending = slurm.submit(WORK, FLEX), slurm.submit(WORK, FLEX)
    slurm.wait_running(job, ending)
    Agent(tmp_path, clock, group()).pause()
    again = Agent(tmp_path, clock, group())
    assert again.jobs()[f"flex:{job}"].paused_by_us
    slurm.run("scancel", ending)
    wait_for(lambda: slurm.state(ending) == "")
    assert f"flex:{ending}" not in again.jobs()
    again.book.stop()
    wait_for(lambda: slurm.going(job))
    assert Agent(tmp_path, clock, group()).state(job) is JobState.PAUSED
    wait_for(lambda: slurm.stopped(job))


def test_job_that_was_started_since_it_was_seen_waiting_is_stopped_nevertheless(
    slurm: Cluster, tmp_path: Path, clock: Clock
) -> None:
    job = slurm.submit(WORK, FLEX, "--hold")
    agent = Agent(tmp_path, clock, group())
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now+1hour")
    slurm.run("scontrol", "release", job)
    view = agent.driver.observe({})[f"flex:{job}"]
    assert (view.state, view.effect) == (JobState.QUEUED, WAITS)
    plan = agent.driver.plan_pause(f"flex:{job}", {})
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now")
    slurm.wait_state(job, "RUNNING")
    assert agent.driver.pause({f"flex:{job}": plan}) == {}
    wait_for(lambda: slurm.stopped(job))
    assert agent.driver.resume({f"flex:{job}": plan}) == {}
    assert agent.driver.resume({f"flex:{job}": plan}) == {}
    wait_for(lambda: slurm.going(job))


def test_signal_reaches_the_script_alone(slurm: Cluster, tmp_path: Path, clock: Clock) -> None:
    work = "trap 'sleep 6000 & echo >&2' USR1; sleep 600 & while :; do wait; done"
    job = slurm.submit(work, FLEX)
    slurm.wait_running(job)
    wait_for(lambda: len(slurm.pids(job)) == 2)
    agent = Agent(tmp_path, clock, group())
    agent.driver.signal(f"flex:{job}", signal.SIGUSR1)
    wait_for(lambda: len(slurm.pids(job)) == 3)
    with pytest.raises(ConflictError):
        agent.driver.signal("flex:999", signal.SIGUSR1)


def test_jobs_that_are_gone_and_plans_of_other_forms_are_no_failure(slurm: Cluster) -> None:
    driver = make_driver([], {}, Path("/"))
    gone = {"job": "4000000", "pending": "hold", "running": "stop"}
    undo = {"flex:1": gone, "flex:2": {"job": "4000001_[1-9]"}, "flex": {}, "old": {"gate": "gone"}}
    assert driver.resume(undo) == {}
    failures = driver.pause({"flex:1": gone})
    assert isinstance(failures["flex:1"], ConflictError)


def test_command_that_hangs_or_writes_too_much_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_heat_agent.engines.slurm_commands.TIME_LIMIT_S", 0.2)
    monkeypatch.setattr("gpu_heat_agent.engines.slurm_commands.MAX_OUTPUT", 1000)
    for name, script in (("squeue", "sleep 60"), ("scontrol", "yes"), ("scancel", "exit 3")):
        (tmp_path / name).write_text(f"#!/bin/sh\nexec {script}\n".replace("exec exit", "exit"))
        (tmp_path / name).chmod(0o755)
    commands = Commands(bin_dir=os.fspath(tmp_path))
    with pytest.raises(UnreachableError, match="did not answer"):
        commands.run("squeue")
    with pytest.raises(UnreachableError, match="writes more"):
        commands.run("scontrol")
    assert commands.scancel(["1"]).keys() == {"1"}
    with pytest.raises(UnreachableError, match="there is no sacctmgr"):
        commands.run("sacctmgr")
