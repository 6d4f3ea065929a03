"""Follows entities that are renamed, wherever a zone's settings name them."""

from collections.abc import Collection, Mapping
from typing import Any

from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_entity_registry_updated_event

from .coordinator import GpuHeatConfigEntry
from .source_kinds import source_entities


@callback
def async_follow_renaming(
    hass: HomeAssistant, entry: GpuHeatConfigEntry, named: Collection[str]
) -> CALLBACK_TYPE:
    """Have the settings of a zone and its sources go along with entities; return what ends that."""

    @callback
    def entity_changed(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] != "update" or "entity_id" not in data["changes"]:
            return
        old, new = data["old_entity_id"], data["entity_id"]
        for subentry in list(entry.subentries.values()):
            if old in source_entities(subentry.data):
                hass.config_entries.async_update_subentry(
                    entry, subentry, data=_renamed(subentry.data, old, new)
                )
        hass.config_entries.async_update_entry(
            entry, options=_renamed(dict(entry.options), old, new)
        )

    return async_track_entity_registry_updated_event(hass, named, entity_changed)


def _renamed[T](value: T, old: str, new: str) -> Any:
    """Return a document with one text replaced by another, wherever it is a value."""
    match value:
        case str():
            return new if value == old else value
        case Mapping():
            return {key: _renamed(item, old, new) for key, item in value.items()}
        case list():
            return [_renamed(item, old, new) for item in value]
        case _:
            return value
