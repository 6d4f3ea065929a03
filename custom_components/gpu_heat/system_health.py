"""How the sources fare, for Home Assistant's system information."""

from _ctypes import dlclose
from collections import Counter
from collections.abc import Iterable
import ctypes
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.loader import async_get_integration

from .const import CONF_KIND, DOMAIN, KIND_AGENT, KIND_NVML, SUBENTRY_SOURCE
from .coordinator import GpuHeatConfigEntry, SourceCoordinator

NVML_LIBRARY = "libnvidia-ml.so.1"

_NOT_THERE = "n/a"


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register what is shown."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the zones, and of each kind of source how many answer of how many there are."""
    integration = await async_get_integration(hass, DOMAIN)
    entries: list[GpuHeatConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    there = Counter(
        str(subentry.data[CONF_KIND])
        for entry in entries
        for subentry in entry.get_subentries_of_type(SUBENTRY_SOURCE)
    )
    sources = [
        source
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
        for source in entry.runtime_data.sources.values()
    ]
    answering = Counter(_kind(source) for source in sources if source.snapshot)
    return {
        "version": str(integration.version),
        "zones": len(entries),
        **{f"{kind}_sources": f"{answering[kind]} / {there[kind]}" for kind in sorted(there)},
        "oldest_agent": _oldest_agent(sources),
        "nvml": await _nvml(hass, there=there[KIND_NVML], answering=answering[KIND_NVML]),
    }


def _kind(source: SourceCoordinator) -> str:
    kind: str = source.subentry.data[CONF_KIND]
    return kind


def _oldest_agent(sources: Iterable[SourceCoordinator]) -> str:
    """Return the least version that an agent said last."""
    versions = [
        version
        for source in sources
        if source.profile and _kind(source) == KIND_AGENT
        for version in (AwesomeVersion(source.profile.agent.version),)
        if version.strategy is not AwesomeVersionStrategy.UNKNOWN
    ]
    return str(min(versions)) if versions else _NOT_THERE


async def _nvml(hass: HomeAssistant, *, there: int, answering: int) -> bool | str:
    """Return whether NVIDIA's library can be loaded, where there is a source that needs it."""
    if not there:
        return _NOT_THERE
    return answering > 0 or await hass.async_add_executor_job(_loadable)


def _loadable() -> bool:
    """Load the library and let go of it: it is another's to say how long it stays. Blocks."""
    try:
        library = ctypes.CDLL(NVML_LIBRARY)
    except OSError:
        return False
    dlclose(library._handle)
    return True
