"""A browser that a user of the demo sits at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import shutil
from typing import Any

from playwright.sync_api import Locator, Page, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SLOW_MS = 60_000  # a poll is 10 s, and the machine may be a small one


@contextmanager
def logged_in(port: int) -> Iterator[Page]:
    """Open the page that the demo's login leads to."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser_path, "there is no browser; remedy: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(SLOW_MS)
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("input[name=username]").fill("demo")
        page.locator("input[name=password]").fill("demo")
        page.keyboard.press("Enter")
        expect(tile(page, "Season")).to_contain_text("Heating", timeout=SLOW_MS)
        yield page
        browser.close()


def tile(page: Page, name: str) -> Locator:
    """Return the first tile of this name."""
    return page.locator("hui-tile-card").filter(has=page.get_by_text(name, exact=True)).first


def shows(page: Page, name: str, text: str) -> None:
    """Fail if the tile does not come to show the text."""
    expect(tile(page, name)).to_contain_text(text, timeout=SLOW_MS)


def state(page: Page, entity_id: str) -> str:
    """Return the state of an entity as the page has it."""
    return str(_frontend(page, "hass.states[given.id].state", id=entity_id))


def started(page: Page) -> bool:
    """Return whether the page is connected to a Home Assistant that has set up all."""
    return bool(_frontend(page, "hass.connected && hass.config.state === 'RUNNING'"))


def act(page: Page, action: str, **data: Any) -> Any:
    """Perform an action by WebSocket and return its response, None if it gives none."""
    domain, _, service = action.partition(".")
    message = {
        "type": "call_service",
        "domain": domain,
        "service": service,
        "service_data": data,
        "return_response": domain == "gpu_heat",
    }
    return _frontend(page, "hass.callWS(given.message)", message=message).get("response")


def post(page: Page, path: str, body: Mapping[str, Any]) -> Any:
    """Send JSON to Home Assistant's API and return the JSON of the answer."""
    return _frontend(page, "hass.callApi('POST', given.path, given.body)", path=path, body=body)


def command(page: Page, kind: str, **arguments: Any) -> Any:
    """Return the result of a WebSocket command."""
    return _frontend(page, "hass.callWS(given)", type=kind, **arguments)


def _frontend(page: Page, expression: str, **given: Any) -> Any:
    """Evaluate JavaScript with the connection that the frontend has."""
    hass = "const hass = document.querySelector('home-assistant').hass"
    return page.evaluate(f"given => {{ {hass}; return {expression} }}", given)
