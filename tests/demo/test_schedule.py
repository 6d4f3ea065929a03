"""The schedule on the demo's page: jobs that follow a room, one that is planned, hours that fly."""

from collections.abc import Iterator
import re

from playwright.sync_api import Page, expect
import pytest

from ..agent.cgroups import stands_still
from .browser import SLOW_MS, act, shows, state, tile
from .harness import Sandbox, eventually
from .test_page import worker

ROOM = "input_number.room_temperature"
OUTDOORS = "input_number.outdoor_temperature"
TIME_OF_DAY = "input_datetime.time_of_day"
WORK_LEFT = "number.basement_server_embeddings_remaining_work"
REASON = "sensor.basement_server_fine_tuning_reason"
DECIDES_S = 60
MEASURES_S = 150  # a minute of running, seen every ten seconds

PRICE = 0.0718
HEAT_PRICE = 1.30 / (0.85 * 10.6)  # CAD for a kWh of the furnace's heat


@pytest.fixture
def automatic(page: Page) -> Iterator[Page]:
    """The page while the schedule acts by itself; afterwards a room on its target, and all run."""
    control = tile(page, "Automatic control").get_by_role("switch")
    control.click()
    yield page
    control.click()
    act(page, "input_number.set_value", entity_id=ROOM, value=20)


def test_a_job_waits_in_a_warm_room_and_runs_in_a_cold_one(demo: Sandbox, automatic: Page) -> None:
    job = worker(demo, "fine-tune")

    act(automatic, "input_number.set_value", entity_id=ROOM, value=22)

    eventually(lambda: stands_still(job.pid), "it still runs", DECIDES_S)
    shows(automatic, "Status", "Paused")
    shows(automatic, "Heat demand", "0%")
    shows(automatic, "Reason", "Rooms are too warm")

    act(automatic, "input_number.set_value", entity_id=ROOM, value=18)

    eventually(lambda: not stands_still(job.pid), "it still waits", DECIDES_S)
    shows(automatic, "Status", "Running")
    shows(automatic, "Heat demand", "100%")
    shows(automatic, "Reason", "Heat is wanted")


def test_a_job_that_waits_goes_on_when_automatic_control_is_switched_off(
    demo: Sandbox, page: Page
) -> None:
    job = worker(demo, "fine-tune")
    control = tile(page, "Automatic control").get_by_role("switch")
    act(page, "input_number.set_value", entity_id=ROOM, value=22)
    control.click()
    eventually(lambda: stands_still(job.pid), "it still runs", DECIDES_S)

    control.click()

    eventually(lambda: not stands_still(job.pid), "it still waits", DECIDES_S)
    act(page, "input_number.set_value", entity_id=ROOM, value=20)


def test_the_calendar_tells_when_a_job_will_run_and_what_that_comes_to(
    demo: Sandbox, page: Page
) -> None:
    eventually(lambda: state(page, WORK_LEFT) != "unknown", "nobody knows its work", MEASURES_S)
    act(page, "input_number.set_value", entity_id=ROOM, value=18)  # all its heat is wanted
    plan = act(page, "gpu_heat.schedule_jobs", dry_run=True)["plan"]
    heat_kwh = sum(window["heat_kwh"] for window in plan)
    assert {window["job_id"] for window in plan} == {"embeddings"}
    assert heat_kwh == pytest.approx(0.35 * float(state(page, WORK_LEFT)), rel=0.05)
    # The last of its heat is what is told: some of it may come when the house needs no more.
    cost = sum(window["cost"] for window in plan)
    assert heat_kwh * (PRICE - HEAT_PRICE) * 1.01 <= cost < heat_kwh * PRICE
    page.get_by_text("Decide now").click()

    event = page.locator("hui-calendar-card").get_by_text("Embeddings").first
    event.click(timeout=SLOW_MS)

    told = page.locator("ha-dialog, dialog-calendar-event-detail").last
    expect(told).to_contain_text("Heat is wanted", timeout=SLOW_MS)
    expect(told).to_contain_text(re.compile(r"Net cost: -?0\.0\d CAD"))
    heat = re.search(r"Heat: (\d\.\d) kWh", told.inner_text())
    assert heat is not None
    # How much work is left is an estimate of the job's first minutes, made anew meanwhile.
    assert float(heat[1]) == pytest.approx(heat_kwh, abs=0.15)
    page.keyboard.press("Escape")
    act(page, "input_number.set_value", entity_id=ROOM, value=20)


def test_an_hour_of_weather_passes_in_a_minute(page: Page) -> None:
    act(page, "input_datetime.set_datetime", entity_id=TIME_OF_DAY, time="01:50:00")
    lapse = tile(page, "An hour of weather in a minute").get_by_role("switch")

    lapse.click()

    eventually(lambda: "02:00:00" <= state(page, TIME_OF_DAY) < "03", "no time passes", DECIDES_S)
    assert float(state(page, OUTDOORS)) == pytest.approx(-4, abs=0.1)  # the coldest hour
    # 24 K * 0.055 kW/K are lost, and 0.7 kW come from the GPUs.
    eventually(lambda: float(state(page, ROOM)) < 20, "the room does not cool down")
    lapse.click()
    act(page, "input_number.set_value", entity_id=ROOM, value=20)
