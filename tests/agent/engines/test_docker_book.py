"""Containers as the book of jobs pauses them, with its record on the disk."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from gpu_heat_agent.engines import docker
from gpu_heat_agent.engines.docker import DockerDriver
from gpu_heat_agent.engines.docker_spec import DockerSpec, Verb
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.job_config import AfterMaxPause, JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state_dir import StateDir

from ..parts import Clock
from .docker_parts import Drive, drive, engine, group, impatient, single, unix_sockets, until
from .fake_docker import FakeContainer, FakeDocker

__all__ = ["drive", "engine", "impatient", "unix_sockets"]


class Run:
    """One run of the agent."""

    def __init__(self, folder: Path, clock: Clock, driver: DockerDriver, *jobs: JobConfig) -> None:
        self.clock = clock
        self.driver = driver
        self.store = StateDir(folder).open_store()
        self.book = JobBook("docker", jobs, driver, self.store, clock)
        self.book.start()

    def pause(self, job_id: str = "train") -> JobState:
        return self.book.pause(job_id, lease_s=600, reason="test").state

    def look(self, job_id: str = "train") -> JobState:
        """Return the state of a job a while later."""
        self.clock.passes(3)
        self.book.tick()
        return next(job.state for job in self.book.jobs if job.id == job_id)

    def held(self) -> set[str]:
        return {key for key, record in self.store.state.jobs.items() if record.pause is not None}


Begin = Callable[..., Run]


@pytest.fixture
def begin(engine: FakeDocker, drive: Drive, tmp_path: Path) -> Generator[Begin]:
    """Begin runs over one folder."""
    clock = Clock()

    def run(spec: DockerSpec, **more: object) -> Run:
        job = JobConfig(id="train", name="Train", kind="docker", spec=spec, **more)  # type: ignore[arg-type]
        return Run(tmp_path / "state", clock, drive(train=spec), job)

    return run


@pytest.mark.parametrize("verb", list(Verb))
def test_lease_that_runs_out_lets_it_go_on(engine: FakeDocker, begin: Begin, verb: Verb) -> None:
    box = engine.add("train")
    run = begin(single(engine, verb=verb))
    assert run.pause() is JobState.PAUSED
    assert run.look() is JobState.PAUSED
    run.clock.passes(600)
    assert run.look() is JobState.RUNNING
    assert box.state == "running"
    assert run.held() == set()


def test_what_someone_else_paused_in_the_same_moment_stays(
    engine: FakeDocker, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = engine.add("train")
    run = begin(single(engine))
    meanwhile(run, monkeypatch, lambda: freeze(box))
    with pytest.raises(ConflictError, match="already paused"):
        run.pause()
    assert (box.state, run.held()) == ("paused", set())


def test_what_ended_in_the_same_moment_is_not_started(
    engine: FakeDocker, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = engine.add("train")
    run = begin(single(engine, verb=Verb.STOP))
    meanwhile(run, monkeypatch, lambda: engine.end(box, 0))
    with pytest.raises(ConflictError, match="had ended"):
        run.pause()
    assert run.look() is JobState.FINISHED
    assert (box.starts, run.held()) == (1, set())


@pytest.mark.parametrize("verb", list(Verb))
def test_run_that_was_killed_is_followed_by_one_that_knows(
    engine: FakeDocker, begin: Begin, verb: Verb
) -> None:
    box = engine.add("train")
    assert begin(single(engine, verb=verb)).pause() is JobState.PAUSED
    later = begin(single(engine, verb=verb))
    assert later.look() is JobState.PAUSED
    assert later.book.resume("train").state is JobState.RUNNING
    assert box.state == "running"


@pytest.mark.parametrize("verb", list(Verb))
def test_job_that_is_no_longer_configured_goes_on(
    engine: FakeDocker, begin: Begin, drive: Drive, tmp_path: Path, verb: Verb
) -> None:
    box = engine.add("train")
    run = begin(single(engine, verb=verb))
    run.pause()
    Run(tmp_path / "state", run.clock, drive())
    assert box.state == "running"


@pytest.mark.parametrize("verb", list(Verb))
def test_end_of_the_agent_lets_it_go_on_and_the_next_pauses_again(
    engine: FakeDocker, begin: Begin, verb: Verb
) -> None:
    box = engine.add("train")
    run = begin(single(engine, verb=verb))
    run.pause()
    run.book.stop()
    assert box.state == "running"
    assert begin(single(engine, verb=verb)).look() is JobState.PAUSED


def test_group_takes_along_what_comes_to_it(engine: FakeDocker, begin: Begin) -> None:
    first = engine.add("a", labels={"flex": ""})
    run = begin(group(engine, "flex"))
    assert run.pause() is JobState.PAUSED
    second = engine.add("b", labels={"flex": ""})
    assert run.look() is JobState.PAUSED
    assert (first.state, second.state) == ("paused", "paused")
    assert run.held() == {"train", "train:a", "train:b"}
    run.book.resume("train")
    assert (first.state, second.state, run.held()) == ("running", "running", set())


def test_pause_that_is_long_lets_go_of_the_gpu(engine: FakeDocker, begin: Begin) -> None:
    box = engine.add("train")
    run = begin(single(engine), max_pause_s=60.0, after_max_pause=AfterMaxPause.FREE)
    run.pause()
    run.clock.passes(60)
    run.look()
    assert box.state == "exited"
    assert run.look() is JobState.PAUSED
    assert run.book.resume("train").state is JobState.RUNNING
    assert box.starts == 2


@pytest.mark.usefixtures("impatient")
def test_container_that_takes_its_time_is_neither_paused_nor_lost(
    engine: FakeDocker, begin: Begin
) -> None:
    box = engine.add("train", ends_on_stop=False)
    run = begin(single(engine, verb=Verb.STOP))
    assert run.pause() is JobState.RUNNING
    with pytest.raises(UnreachableError, match="still stopping"):
        run.book.resume("train")
    engine.release()
    until(lambda: run.look() is JobState.RUNNING and run.held() == set())
    assert (box.state, box.starts) == ("running", 2)


@pytest.mark.usefixtures("impatient")
def test_pause_that_the_engine_did_not_answer_is_not_left_behind(
    engine: FakeDocker, begin: Begin
) -> None:
    box = engine.add("train")
    run = begin(single(engine))
    engine.hold.add("pause")
    with pytest.raises(UnreachableError):
        run.pause()
    assert run.held() == {"train"}
    engine.release()
    until(lambda: run.look() is JobState.RUNNING and run.held() == set())
    assert box.state == "running"


def test_container_that_was_recreated_is_left_to_run(engine: FakeDocker, begin: Begin) -> None:
    box = engine.add("train")
    run = begin(single(engine))
    run.pause()
    del engine.containers[box.id]
    other = engine.add("train")
    assert run.look() is JobState.RUNNING
    assert (other.state, run.held()) == ("running", set())


def meanwhile(run: Run, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have something happen after a pause is planned and before the engine is asked."""
    pause = run.driver.pause

    def late(undo: "dict[str, docker.JsonObject]") -> object:
        act()
        return pause(undo)

    monkeypatch.setattr(run.driver, "pause", late)


def freeze(box: FakeContainer) -> None:
    box.state = "paused"
