"""What a user has to know or to mend, as repair issues of Home Assistant."""

from datetime import datetime

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .coordinator import GpuHeatConfigEntry
from .inputs import Inputs


def report_inputs(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, inputs: Inputs, now: datetime
) -> None:
    """Report the entities that have been silent for longer than their last word counts."""
    missing = {
        f"{item.issue}_{entry.entry_id}_{item.entity_id}": item
        for item in inputs
        if item.missing(now)
    }
    for issue_id, item in missing.items():
        ir.async_create_issue(
            hass,
            DOMAIN,
            issue_id,
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=item.issue,
            translation_placeholders={
                "zone": entry.title,
                "entity": item.entity_id,
                "stands": _duration(item.stands.total_seconds()),
            },
        )
    for issue_id in _of_entry(hass, entry):
        if f"_missing_{entry.entry_id}_" in issue_id and issue_id not in missing:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _of_entry(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> list[str]:
    issues = ir.async_get(hass).issues
    return [key for domain, key in issues if domain == DOMAIN and entry.entry_id in key]


def report_book_set_aside(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, *, path: str, error: str, restored: int
) -> None:
    """Report that the file of a zone's sums could not be read."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"book_set_aside_{entry.entry_id}",
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key="book_set_aside",
        translation_placeholders={
            "zone": entry.title,
            "path": path,
            "error": error,
            "restored": str(restored),
        },
    )


def forget_issues(hass: HomeAssistant, entry: GpuHeatConfigEntry) -> None:
    """Delete the issues of a zone that is removed."""
    for issue_id in _of_entry(hass, entry):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def _duration(seconds: float) -> str:
    """Return a duration in whole minutes, hours or days."""
    for unit, size in (("d", 86400), ("h", 3600)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds / 60:g} min"
