"""The jobs of the machine that Home Assistant runs on: processes that its owner has listed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, override

from homeassistant.const import CONF_ID, CONF_NAME
from homeassistant.core import HomeAssistant

from .agent.clock import read_clock
from .agent.engines.driver import JobDriver
from .agent.engines.process_spec import ProcessSpec
from .agent.job_config import JobConfig
from .agent.jobs import JobBook
from .agent.start_guard import GuardStarter
from .agent.state_dir import StateDir, Store
from .const import CONF_PIDFILE, DOMAIN


def jobs_folder(hass: HomeAssistant, key: str) -> Path:
    """Return where the pauses of a source's jobs are written down."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{key}.jobs"))


class LocalBook(JobBook):
    """A book with a folder that is its own until it stops, as that of an agent is.

    By that a guard knows that Home Assistant was killed, and lets jobs go on in its place.
    """

    def __init__(
        self, configs: Sequence[JobConfig], driver: JobDriver, folder: StateDir, store: Store
    ) -> None:
        super().__init__("process", configs, driver, store, read_clock)
        self._folder = folder

    @override
    def stop(self) -> None:
        try:
            super().stop()
        finally:
            self._folder.unlock()


def open_jobs(folder: Path, rows: Sequence[Mapping[str, Any]]) -> JobBook:
    """Return the book of some processes. Blocks. Raises AgentError."""
    from .agent.engines.kinds import make_driver  # noqa: PLC0415 - few need it here

    configs = [
        JobConfig(
            id=row[CONF_ID],
            name=row[CONF_NAME],
            spec=ProcessSpec(pidfile=Path(row[CONF_PIDFILE])),
        )
        for row in rows
    ]
    state_dir = StateDir(folder)
    state_dir.lock()
    try:
        store = state_dir.open_store()
        memories = {job_id: record.memory for job_id, record in store.state.jobs.items()}
        driver = make_driver("process", configs, memories, folder)
    except BaseException:
        state_dir.unlock()
        raise
    store.watch(GuardStarter(folder))
    return LocalBook(configs, driver, state_dir, store)
