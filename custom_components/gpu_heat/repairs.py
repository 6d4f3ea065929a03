"""Repairs that a user confirms."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import voluptuous as vol

from .const import CONF_FINGERPRINT, DOMAIN
from .issues import FINGERPRINT_CHANGED
from .sources.agent import grouped


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow of a changed certificate, or of a notice that is done with once read."""
    if data and issue_id.startswith(FINGERPRINT_CHANGED):
        return FingerprintFlow({key: str(value) for key, value in data.items()})
    return ConfirmRepairFlow()


class FingerprintFlow(RepairsFlow):
    """Pins the certificate that is shown, whatever others are seen after that."""

    def __init__(self, change: Mapping[str, str]) -> None:
        self._change = change

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> RepairsFlowResult:
        """Show both fingerprints, and take over the new one."""
        entry = self.hass.config_entries.async_get_entry(self._change["entry"])
        source = entry.subentries.get(self._change["subentry"]) if entry else None
        pinned, found = self._change["pinned"], self._change["found"]
        open_still = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        if (
            entry is None
            or source is None
            or open_still is None
            or source.data.get(CONF_FINGERPRINT) != pinned
        ):
            return self.async_abort(reason="settled")
        if user_input is not None:
            self.hass.config_entries.async_update_subentry(
                entry, source, data={**source.data, CONF_FINGERPRINT: found}
            )
            return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders={
                "zone": entry.title,
                "source": source.title,
                "pinned": grouped(pinned),
                "found": grouped(found),
            },
        )
