"""Drivers that fail as they never should: their leases end, and nobody else notices."""

from collections.abc import Mapping
import logging
from pathlib import Path

import pytest

from gpu_heat_agent.engines.driver import Failures, JobView
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject
from gpu_heat_agent.state_dir import StateDir

from .parts import Clock
from .scripted_engine import SINGLE, Engine, ScriptedDriver


class Surprise(ScriptedDriver):
    """Fails in the steps that are named, with the error that is given."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.fails: dict[str, Exception] = {}

    def _may_fail(self, step: str) -> None:
        if step in self.fails:
            raise self.fails[step]

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        self._may_fail("observe")
        return super().observe(ours)

    def pause(self, undo: Mapping[str, JsonObject]) -> Failures:
        failures = super().pause(undo)
        self._may_fail("pause")
        return failures

    def resume(self, undo: Mapping[str, JsonObject]) -> Failures:
        self._may_fail("resume")
        return super().resume(undo)

    def close(self) -> None:
        self._may_fail("close")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine() -> Engine:
    return Engine(running={"one"})


@pytest.fixture
def driver(engine: Engine) -> Surprise:
    return Surprise(engine)


@pytest.fixture
def book(tmp_path: Path, clock: Clock, driver: Surprise) -> JobBook:
    store = StateDir(tmp_path).open_store()
    book = JobBook("scripted", [SINGLE], driver, store, clock)
    book.start()
    return book


def pause(book: JobBook) -> None:
    book.pause("one", lease_s=60, reason="warm")


@pytest.mark.parametrize("error", [KeyError("state"), ConflictError("not so")])
def test_lease_ends_although_the_engine_says_what_nobody_foresaw(
    book: JobBook, driver: Surprise, engine: Engine, clock: Clock, error: Exception
) -> None:
    pause(book)
    driver.fails["observe"] = error
    book.tick()
    assert [job.state for job in book.jobs] == [JobState.UNKNOWN]
    clock.passes(60)
    book.tick()
    assert engine.waiting() == []


def test_pause_that_fails_half_way_is_undone_and_the_log_says_why(
    book: JobBook, driver: Surprise, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    driver.fails["pause"] = KeyError("token=secret")
    with pytest.raises(UnreachableError, match="KeyError") as caught:
        pause(book)
    assert "secret" not in str(caught.value)
    assert engine.waiting() == []
    assert "Traceback" in caplog.text


def test_resume_that_fails_is_tried_until_it_does_not_and_said_once(
    book: JobBook,
    driver: Surprise,
    engine: Engine,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pause(book)
    driver.fails["resume"] = IndexError()
    clock.passes(60)
    for _ in range(3):
        book.tick()
    assert engine.waiting() == ["one"]
    assert len([it for it in caplog.records if it.levelno == logging.ERROR]) == 1
    driver.fails.clear()
    book.tick()
    assert engine.waiting() == []


def test_book_stops_although_the_driver_cannot_be_closed(
    book: JobBook, driver: Surprise, engine: Engine
) -> None:
    pause(book)
    driver.fails["close"] = RuntimeError("loop is closed")
    book.stop()
    assert engine.waiting() == []
