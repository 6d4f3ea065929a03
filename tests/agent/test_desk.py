"""Commands while an engine hangs: none waits for ever, and none is carried out long after."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
import threading

import pytest

from gpu_heat_agent import desk as desk_module
from gpu_heat_agent.desk import JobDesk
from gpu_heat_agent.engines.driver import JobView
from gpu_heat_agent.errors import UnreachableError
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.state import JsonObject
from gpu_heat_agent.state_dir import StateDir

from .parts import Clock
from .scripted_engine import SINGLE, Engine, ScriptedDriver


class HangingDriver(ScriptedDriver):
    """Does not come back from a look while `answers` is not set."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()

    def observe(self, ours: Mapping[str, JsonObject]) -> Mapping[str, JobView]:
        self.asked.set()
        self.answers.wait()
        return super().observe(ours)


async def test_command_that_an_engine_keeps_waiting_is_refused_and_not_carried_out_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "_PATIENCE_S", 0.1)
    engine = Engine(running={"one"})
    driver = HangingDriver(engine)
    store = StateDir(tmp_path).open_store()
    desk = JobDesk([SINGLE], {"scripted": JobBook("scripted", [SINGLE], driver, store, Clock())})
    await desk.start()
    driver.asked.clear()
    driver.answers.clear()
    watching = asyncio.create_task(desk.watch())
    try:
        await asyncio.to_thread(driver.asked.wait)
        pauses = [desk.pause("one", lease_s=600, reason="warm") for _ in range(100)]
        outcomes = await asyncio.wait_for(asyncio.gather(*pauses, return_exceptions=True), 20)
        assert {type(outcome) for outcome in outcomes} == {UnreachableError}
        driver.answers.set()
        assert not (await desk.resume("one")).paused_by_us
        assert engine.calls == []
        assert (await desk.pause("one", lease_s=600, reason="warm")).paused_by_us
    finally:
        driver.answers.set()
        watching.cancel()
        await desk.stop()
    assert engine.waiting() == []
