"""The demo's page in a browser: what a user sees, and what the jobs' processes do."""

from collections.abc import Iterator
from pathlib import Path
import shutil

from playwright.sync_api import Locator, Page, expect, sync_playwright
import psutil
import pytest
from pytest_socket import enable_socket

from .harness import Sandbox, eventually, free_ports

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SLOW_MS = 60_000  # a poll is 10 s, and the machine may be a small one


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A demo that runs."""
    enable_socket()  # this is set up before the fixture that does it for a test
    port, agent_port = free_ports(2)
    folder = tmp_path_factory.mktemp("demo")
    sandbox = Sandbox(folder=folder, port=port, agent_port=agent_port)
    with sandbox.start("--dir", str(folder), until="Ctrl-C stops both"):
        yield sandbox


@pytest.fixture
def page(demo: Sandbox) -> Iterator[Page]:
    """The page that the demo's login leads to."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser_path, "there is no browser; remedy: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(SLOW_MS)
        page.goto(f"http://127.0.0.1:{demo.port}/")
        page.locator("input[name=username]").fill("demo")
        page.locator("input[name=password]").fill("demo")
        page.keyboard.press("Enter")
        expect(tile(page, "Season")).to_contain_text("Heating", timeout=SLOW_MS)
        yield page
        browser.close()


def test_a_job_that_is_switched_off_on_the_page_stops(demo: Sandbox, page: Page) -> None:
    job = worker(demo, "fine-tune")
    shows(page, "Power", "700 W")
    assert job.status() != psutil.STATUS_STOPPED

    tile(page, "Fine-tuning").get_by_role("switch").click()

    eventually(lambda: job.status() == psutil.STATUS_STOPPED, "the job is not stopped")
    shows(page, "Power", "370 W")  # of a GPU at rest, 20 W are left
    shows(page, "Status", "Paused")
    assert worker(demo, "embeddings").status() != psutil.STATUS_STOPPED

    tile(page, "Fine-tuning").get_by_role("switch").click()

    eventually(lambda: job.status() != psutil.STATUS_STOPPED, "the job does not go on")
    shows(page, "Power", "700 W")


def test_the_zone_decides_from_the_page(demo: Sandbox, page: Page) -> None:
    jobs = [worker(demo, "fine-tune"), worker(demo, "embeddings")]

    page.get_by_text("Decide as in July").click()

    eventually(
        lambda: all(job.status() == psutil.STATUS_STOPPED for job in jobs), "the jobs still run"
    )
    shows(page, "Power", "40 W")

    page.get_by_text("Decide now").click()

    eventually(
        lambda: all(job.status() != psutil.STATUS_STOPPED for job in jobs), "the jobs still wait"
    )
    shows(page, "Power", "700 W")


def tile(page: Page, name: str) -> Locator:
    """Return the first tile of this name."""
    return page.locator("hui-tile-card").filter(has=page.get_by_text(name, exact=True)).first


def shows(page: Page, name: str, text: str) -> None:
    """Fail if the tile does not come to show the text."""
    expect(tile(page, name)).to_contain_text(text, timeout=SLOW_MS)


def worker(demo: Sandbox, job_id: str) -> psutil.Process:
    """Return the process that does a job's work."""
    count = str(Path(demo.folder) / "server" / f"{job_id}.count")
    (process,) = (process for process in demo.processes() if count in process.cmdline())
    return process
