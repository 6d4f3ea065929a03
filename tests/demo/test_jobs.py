"""A job in a browser: paused while its GPU works on, which people are told, and then at rest."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import re
import signal
import subprocess
import sys

from playwright.sync_api import Page, expect

from ..agent.nvml_state import NvmlState
from .browser import SLOW_MS, act, command, state
from .harness import Sandbox, eventually
from .test_sources import AGENT, add_source, finish, submit

SETTLES_S = 120
CONFIG = """
[[jobs]]
id = "tune"
name = "Tuning"
command = ["sleep", "900"]
devices = [0]
on_stop = "terminate"
"""


@contextmanager
def agent(folder: Path, library: Path, gpus: NvmlState) -> Iterator[tuple[int, str]]:
    """Run the real agent over the stand-in for NVML's library; give its port and its token."""
    (folder / "agent.toml").write_text(CONFIG)
    files = ("--config", str(folder / "agent.toml"), "--state-dir", str(folder / "state"))
    log = folder / "agent.log"
    command_line = [sys.executable, "-m", "gpu_heat_agent", "run", *files, "--tls", "off"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command_line, "--listen", "127.0.0.1:0"],
            env={
                **os.environ,
                "LD_LIBRARY_PATH": str(library.parent),
                "FAKE_NVML_STATE": str(gpus.path),
            },
            stderr=output,
        )
    try:
        eventually(lambda: "Listening on" in log.read_text(), "the agent does not listen")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert found
        yield int(found[1]), (folder / "state" / "token").read_text().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def entity(page: Page, ending: str) -> str | None:
    """Return the entity whose unique id ends so, if there is one."""
    for item in command(page, "config/entity_registry/list"):
        if item["platform"] == "gpu_heat" and item["unique_id"].endswith(ending):
            return str(item["entity_id"])
    return None


def test_gpu_that_works_on_although_its_job_is_paused_is_shown_in_repairs(
    demo: Sandbox, page: Page, nvml_library: Path, tmp_path: Path
) -> None:
    gpus = NvmlState(tmp_path / "nvml.txt")  # the first draws 691.5 W and is busy for 97 %
    with agent(tmp_path, nvml_library, gpus) as (port, token):
        add_source(demo, page, AGENT)
        page.locator("input[name=host]").fill("127.0.0.1")
        page.locator("ha-selector-number:visible input").first.fill(str(port))
        page.locator("input[name=token]").fill(token)
        page.locator("ha-selector-boolean:visible").last.click()  # no TLS
        submit(page)
        finish(page)
        eventually(lambda: entity(page, "_job_tune_status") is not None, "there is no job")
        status = entity(page, "_job_tune_status")
        assert status is not None

        act(page, "gpu_heat.pause_jobs", jobs=["tune"])
        eventually(lambda: state(page, status) == "paused", "the job is not paused")
        page.goto(f"http://127.0.0.1:{demo.port}/config/repairs")
        title = page.get_by_text("a GPU works on although its jobs are paused")
        expect(title.first).to_be_visible(timeout=SETTLES_S * 1000 + SLOW_MS)
        title.first.click()
        line = page.get_by_text("NVIDIA H100 80GB HBM3: 692 W (Tuning)")
        expect(line).to_be_visible(timeout=SLOW_MS)

        gpus.set(gpu0_power="121700", gpu0_utilization="0")  # what its context keeps awake
        page.goto(f"http://127.0.0.1:{demo.port}/config/repairs")
        expect(title).to_have_count(0, timeout=SLOW_MS)
        eventually(lambda: entity(page, "GPU-a_held_power") is not None, "nothing is held")
        held = entity(page, "GPU-a_held_power")
        assert held is not None
        eventually(lambda: state(page, held) == "121.7", "what is held is not shown")
