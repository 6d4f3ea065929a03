"""Sources of each kind, set up in a browser by the forms that a user sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import re
import signal
import subprocess
import sys

from playwright.sync_api import Locator, Page, expect
import pytest

from .browser import SLOW_MS, post, state
from .exporter import exporter
from .harness import Sandbox, eventually

AGENT = "A GPU server with the GPU Heat agent"
PAGE = "An exporter or a Prometheus server"
ENTITIES = "Smart plugs, miners, UPSes: entities of Home Assistant"
LOCAL = "NVIDIA GPUs in this machine"


class SecureAgent:
    """The real agent with one simulated RTX 4090, over TLS with its own certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve, at the same port each time."""
        log = self.folder / "agent.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._command(
                    "run", "--simulate", "rtx_4090", "--listen", f"127.0.0.1:{self.port}"
                ),
                stderr=output,
            )
        try:
            eventually(lambda: "Listening on" in log.read_text(), "the agent does not listen")
            found = re.search(r"Listening on https://127\.0\.0\.1:(\d+)", log.read_text())
            assert found, log.read_text()
            self.port = int(found[1])
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)

    def secrets(self) -> list[str]:
        """Return the token and the fingerprint, as the command prints them."""
        answer = subprocess.run(
            self._command("token"), capture_output=True, check=True, text=True, timeout=20
        )
        return answer.stdout.split()

    def _command(self, *arguments: str) -> list[str]:
        agent = [sys.executable, "-m", "gpu_heat_agent"]
        return [*agent, *arguments, "--state-dir", str(self.folder / "state")]


@pytest.fixture
def secure(tmp_path: Path) -> SecureAgent:
    """An agent that is not started yet."""
    return SecureAgent(tmp_path)


def integration(demo: Sandbox, page: Page) -> None:
    """Open the page of the integration."""
    page.goto(f"http://127.0.0.1:{demo.port}/config/integrations/integration/gpu_heat")


def add_source(demo: Sandbox, page: Page, kind: str) -> None:
    """Open the form for a source of a kind."""
    integration(demo, page)
    page.get_by_text("Add source").first.click()
    page.get_by_text(kind, exact=True).click()


def submit(page: Page) -> None:
    """Submit the form."""
    button(page, "Submit").click()


def button(page: Page, text: str) -> Locator:
    """Return the last button with a text."""
    return page.locator("ha-button").filter(has_text=text).last


def finish(page: Page) -> None:
    """Close the note that it worked."""
    expect(page.get_by_text("Created configuration for")).to_be_visible(timeout=SLOW_MS)
    button(page, "Finish").click()


def watts(page: Page, entity_id: str, power: str) -> None:
    """Fail if the entity does not come to show a power."""
    eventually(lambda: state(page, entity_id) == power, f"{entity_id} does not show {power} W")


def test_an_agent_is_pinned_and_a_new_certificate_is_accepted_by_hand(
    demo: Sandbox, page: Page, secure: SecureAgent
) -> None:
    with secure.running():
        token, fingerprint = secure.secrets()
        add_source(demo, page, AGENT)
        page.locator("input[name=host]").fill("127.0.0.1")
        page.locator("ha-selector-number:visible input").first.fill(str(secure.port))
        page.locator("input[name=token]").fill(token)
        submit(page)
        shown = page.locator("dialog-data-entry-flow strong")
        expect(shown).to_be_visible(timeout=SLOW_MS)
        assert shown.inner_text().replace(" ", "") == fingerprint
        submit(page)
        finish(page)
        power = _power_of(page, "RTX 4090")
        watts(page, power, "20.0")  # at rest

    for file in ("certificate.pem", "key.pem"):
        (secure.folder / "state" / file).unlink()
    with secure.running():
        assert secure.secrets()[1] != fingerprint
        page.goto(f"http://127.0.0.1:{demo.port}/config/repairs")
        page.get_by_text("shows another certificate").first.click(timeout=SLOW_MS)
        dialog = page.locator("dialog-data-entry-flow")
        expect(dialog).to_contain_text(_grouped(secure.secrets()[1]), timeout=SLOW_MS)
        assert state(page, power) == "unavailable"
        submit(page)
        watts(page, power, "20.0")


def test_a_fleet_is_read_from_one_page(demo: Sandbox, page: Page) -> None:
    with exporter() as address:
        add_source(demo, page, PAGE)
        page.locator("input[name=url]").fill(f"{address}/login")
        submit(page)
        expect(page.locator("ha-alert").first).to_contain_text("an HTML page", timeout=SLOW_MS)
        page.locator("input[name=url]").fill(f"{address}/federate?match[]=DCGM_FI_DEV_POWER_USAGE")
        submit(page)
        finish(page)
        watts(page, "sensor.127_0_0_1_dcgm_exporter_power", "2062.0")
        watts(page, "sensor.node_2_gpu_1_nvidia_gpu_power", "521.0")


def test_an_entity_becomes_a_source(demo: Sandbox, page: Page) -> None:
    attributes = {"unit_of_measurement": "kW", "friendly_name": "Miner power"}
    post(page, "states/sensor.miner", {"state": "1.35", "attributes": attributes})
    add_source(demo, page, ENTITIES)
    page.locator("input[name=name]").fill("Miners")
    page.get_by_text("Add", exact=True).last.click()
    page.locator("ha-picker-field:visible").first.click()
    page.locator("ha-picker-combo-box input").last.fill("Miner power")
    page.locator("ha-combo-box-item").filter(has_text="Miner power").first.click()
    button(page, "Add").click()
    submit(page)
    finish(page)
    watts(page, "sensor.miners_power", "1350.0")


def test_where_there_is_no_nvidia_driver_the_agent_is_offered(demo: Sandbox, page: Page) -> None:
    add_source(demo, page, LOCAL)
    dialog = page.locator("dialog-data-entry-flow")
    expect(dialog).to_contain_text("Library Not Found", timeout=SLOW_MS)
    page.get_by_text(AGENT, exact=True).click()
    expect(page.locator("input[name=host]")).to_be_visible(timeout=SLOW_MS)


def _power_of(page: Page, name: str) -> str:
    """Return the power sensor of a GPU by its name, once it is there."""
    found: list[str] = []

    def look() -> bool:
        found[:] = page.evaluate(
            "name => Object.values(document.querySelector('home-assistant').hass.states)"
            ".filter(item => item.attributes.device_class === 'power'"
            " && item.attributes.friendly_name.includes(name)).map(item => item.entity_id)",
            name,
        )
        return bool(found)

    eventually(look, f"{name} has no power sensor")
    return found[0]


def _grouped(fingerprint: str) -> str:
    return " ".join(fingerprint[at : at + 4] for at in range(0, 64, 4))
