"""The demo's page in a browser: what a user sees, and what the jobs' processes do."""

from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Page
import psutil

from ..agent.cgroups import stands_still
from .browser import post, shows, started, state, tile
from .harness import Sandbox, eventually

STATUS = "sensor.basement_server_fine_tuning_status"
TIME_LAPSE = "input_boolean.time_lapse"
TIME_OF_DAY = "input_datetime.time_of_day"


def test_a_job_that_is_switched_off_on_the_page_stops(demo: Sandbox, page: Page) -> None:
    job = worker(demo, "fine-tune")
    shows(page, "Power", "700 W")
    assert not stands_still(job.pid)

    tile(page, "Fine-tuning").get_by_role("switch").click()

    eventually(lambda: stands_still(job.pid), "the job is not stopped")
    shows(page, "Power", "370 W")  # of a GPU at rest, 20 W are left
    shows(page, "Status", "Paused")
    assert not stands_still(worker(demo, "embeddings").pid)

    tile(page, "Fine-tuning").get_by_role("switch").click()

    eventually(lambda: not stands_still(job.pid), "the job does not go on")
    shows(page, "Power", "700 W")


def test_the_zone_decides_from_the_page(demo: Sandbox, page: Page) -> None:
    jobs = [worker(demo, "fine-tune"), worker(demo, "embeddings")]

    page.get_by_text("Decide as in July").click()

    eventually(lambda: all(stands_still(job.pid) for job in jobs), "the jobs still run")
    shows(page, "Power", "40 W")

    page.get_by_text("Decide now").click()

    eventually(lambda: all(not stands_still(job.pid) for job in jobs), "the jobs still wait")
    shows(page, "Power", "700 W")


def test_all_goes_on_after_home_assistant_was_restarted(demo: Sandbox, page: Page) -> None:
    job = worker(demo, "fine-tune")
    began = homes(demo)

    post(page, "services/homeassistant/restart", {})

    eventually(lambda: homes(demo).isdisjoint(began) and bool(homes(demo)), "it runs on")
    eventually(lambda: started(page), "it does not come back", 60)
    page.reload()
    shows(page, "Power", "700 W")
    assert worker(demo, "fine-tune").pid == job.pid
    # An automation can be made on the page with the integration's triggers.
    config = {
        "alias": "Told",
        "triggers": [{"trigger": "gpu_heat.job_paused", "target": {"entity_id": STATUS}}],
        "actions": [{"action": "input_boolean.turn_on", "target": {"entity_id": TIME_LAPSE}}],
    }
    post(page, "config/automation/config/told", config)
    tile(page, "Fine-tuning").get_by_role("switch").click()
    eventually(lambda: state(page, TIME_LAPSE) == "on", "the automation does not run")
    eventually(lambda: state(page, TIME_OF_DAY) != "09:00:00", "no time passes")
    tile(page, "Fine-tuning").get_by_role("switch").click()
    shows(page, "Power", "700 W")


def homes(demo: Sandbox) -> set[int]:
    """Return the process of Home Assistant; none while one has ended and the next is to begin."""
    found = set[int]()
    for process in demo.processes():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "homeassistant" in process.cmdline():
                found.add(process.pid)
    return found


def worker(demo: Sandbox, job_id: str) -> psutil.Process:
    """Return the process that does a job's work."""
    count = str(Path(demo.folder) / "server" / f"{job_id}.count")
    (process,) = (process for process in demo.processes() if count in process.cmdline())
    return process
