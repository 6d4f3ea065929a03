"""What a user may attach to a bug report: no token, no address, no GPU's serial."""

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.core import HomeAssistant

from .agent.models import to_json
from .coordinator import GpuHeatConfigEntry

_SOURCE_SECRETS = {CONF_HOST, CONF_TOKEN}
_SNAPSHOT_SECRETS = {"id"}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: GpuHeatConfigEntry
) -> dict[str, Any]:
    """Return the settings, totals and last readings of a zone."""
    zone = entry.runtime_data.zone
    return {
        "options": dict(entry.options),
        "season": zone.data.season,
        "useful_share": str(zone.data.useful_share),
        "conditions": zone.book.conditions.to_json(),
        "totals": zone.book.ledger.to_json()["totals"],
        "closed_books": zone.book.ledger.to_json()["closed"],
        "sources": [
            {
                "data": async_redact_data(source.subentry.data, _SOURCE_SECRETS),
                "online": source.last_update_success,
                "last": async_redact_data(to_json(last), _SNAPSHOT_SECRETS) if last else None,
            }
            for source in entry.runtime_data.sources.values()
            for last in (source.data or source.profile,)
        ],
    }
