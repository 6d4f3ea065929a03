"""Pauses and leases of units, in the job book."""

from pathlib import Path
import time

import pytest

from gpu_heat_agent.engines.systemd import make_driver
from gpu_heat_agent.engines.systemd_spec import ServiceSpec, SystemdSpec, Verb
from gpu_heat_agent.errors import ConflictError
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state_dir import StateDir

from ...parts import Clock
from .harness import TRAIN
from .private_bus import PrivateBus

DENIED = "org.freedesktop.DBus.Error.AccessDenied"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def open_book(folder: Path, clock: Clock, spec: SystemdSpec) -> JobBook:
    config = JobConfig(id="job", name="Job", kind="systemd", spec=spec)
    driver = make_driver([config], {}, folder)
    book = JobBook("systemd", [config], driver, StateDir(folder).open_store(), clock)
    book.start()
    return book


def test_pause_ends_with_its_lease(bus: PrivateBus, tmp_path: Path, clock: Clock) -> None:
    book = open_book(tmp_path, clock, ServiceSpec(unit=TRAIN))
    job = book.pause("job", lease_s=60, reason="test")
    assert (job.state, job.paused_by_us, job.keeps_work) == (JobState.PAUSED, True, True)
    clock.passes(60)
    book.tick()
    assert (book.jobs[0].state, book.jobs[0].paused_by_us) == (JobState.RUNNING, False)
    book.stop()


@pytest.mark.parametrize("verb", list(Verb))
def test_unit_runs_while_there_is_no_agent_and_waits_again_afterwards(
    bus: PrivateBus, tmp_path: Path, clock: Clock, verb: Verb
) -> None:
    spec = ServiceSpec(unit=TRAIN, pause=verb)
    first = open_book(tmp_path, clock, spec)
    first.pause("job", lease_s=600, reason="test")
    settle(first, clock, JobState.PAUSED)
    first.stop()
    shown = bus.systemd("show", TRAIN)
    assert (shown["active"], shown["freezer"]) == ("active", "running")
    second = open_book(tmp_path, clock, spec)
    settle(second, clock, JobState.PAUSED)
    assert second.jobs[0].paused_by_us
    second.resume("job")
    assert second.jobs[0].state is JobState.RUNNING
    second.stop()


def test_denied_stop_leaves_no_pause_on_record(
    bus: PrivateBus, tmp_path: Path, clock: Clock
) -> None:
    book = open_book(tmp_path, clock, ServiceSpec(unit=TRAIN, pause=Verb.STOP))
    bus.systemd("mode", denied={"stop": DENIED, "start": DENIED})
    with pytest.raises(ConflictError):
        book.pause("job", lease_s=60, reason="test")
    assert (book.jobs[0].state, book.jobs[0].paused_by_us) == (JobState.RUNNING, False)
    book.stop()


def test_unit_that_ends_while_it_is_frozen_is_not_started(
    bus: PrivateBus, tmp_path: Path, clock: Clock
) -> None:
    book = open_book(tmp_path, clock, ServiceSpec(unit=TRAIN))
    book.pause("job", lease_s=600, reason="test")
    bus.systemd("exit", TRAIN, failed=True)
    settle(book, clock, JobState.FAILED)
    assert not book.jobs[0].paused_by_us
    assert bus.calls() == [["FreezeUnit", TRAIN]]
    book.stop()


def settle(book: JobBook, clock: Clock, state: JobState) -> None:
    """Tick until the job has a state, no longer than the clock lets 100 looks pass."""
    for _ in range(100):
        clock.passes(2)
        book.tick()
        if book.jobs[0].state is state:
            return
        time.sleep(0.01)
    raise AssertionError(book.jobs[0])
