"""The jobs of the machine that Home Assistant runs on: processes that its owner has listed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homeassistant.const import CONF_ID, CONF_NAME
from homeassistant.core import HomeAssistant

from .agent.clock import read_clock
from .agent.engines.process_spec import ProcessSpec
from .agent.job_config import JobConfig
from .agent.jobs import JobBook
from .agent.state_dir import StateDir
from .const import CONF_PIDFILE, DOMAIN


def jobs_folder(hass: HomeAssistant, key: str) -> Path:
    """Return where the pauses of a source's jobs are written down."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{key}.jobs"))


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
    store = StateDir(folder).open_store()
    memories = {job_id: record.memory for job_id, record in store.state.jobs.items()}
    driver = make_driver("process", configs, memories, folder)
    return JobBook("process", configs, driver, store, read_clock)
