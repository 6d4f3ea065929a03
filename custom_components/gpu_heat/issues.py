"""What a user has to know or to mend, as repair issues of Home Assistant."""

from collections.abc import Collection, Mapping
from datetime import datetime

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .inputs import Inputs

AGENT_TOO_OLD = "agent_too_old"
AGENT_TOO_NEW = "agent_too_new"
FINGERPRINT_CHANGED = "fingerprint_changed"
SOURCE_ENTITY_GONE = "source_entity_gone"
POWER_ALWAYS_ZERO = "power_always_zero"
COUNTER_OFF = "counter_off"
DRIVER_LOST = "driver_lost"
COUNTED_TWICE = "counted_twice"
STILL_DRAWING = "still_drawing"

_OF_A_SOURCE = (
    AGENT_TOO_OLD,
    AGENT_TOO_NEW,
    FINGERPRINT_CHANGED,
    SOURCE_ENTITY_GONE,
    POWER_ALWAYS_ZERO,
    COUNTER_OFF,
    DRIVER_LOST,
    COUNTED_TWICE,
    STILL_DRAWING,
)
_ERRORS = (AGENT_TOO_OLD, AGENT_TOO_NEW, FINGERPRINT_CHANGED, COUNTED_TWICE)


class SourceIssues:
    """The issues of one source: at most one of each kind, which names all that it is about."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry) -> None:
        """Take up the issues that there are already, from before a reload."""
        self._hass = hass
        self._entry = entry
        self._subentry = subentry
        registry = ir.async_get(hass)
        issues = {
            kind: registry.async_get_issue(DOMAIN, self._issue_id(kind)) for kind in _OF_A_SOURCE
        }
        self._open = {
            kind: {key: str(line) for key, line in (issue.data or {}).items()}
            for kind, issue in issues.items()
            if issue and issue.active
        }
        self._told: set[str] = set()

    def report(self, kind: str, data: Mapping[str, str], **figures: str) -> None:
        """Report an issue, or what has changed of it; a fix flow is given the `data`."""
        if kind in self._told and self._open.get(kind) == data:
            return
        self._told.add(kind)
        self._open[kind] = dict(data)
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._issue_id(kind),
            data=dict(data),
            is_fixable=kind == FINGERPRINT_CHANGED,
            severity=ir.IssueSeverity.ERROR if kind in _ERRORS else ir.IssueSeverity.WARNING,
            translation_key=kind,
            translation_placeholders={
                "zone": self._entry.title,
                "source": self._subentry.title,
                **figures,
            },
        )

    def settle(self, *kinds: str) -> None:
        """Delete issues that there may be."""
        for kind in kinds:
            if self._open.pop(kind, None) is not None:
                ir.async_delete_issue(self._hass, DOMAIN, self._issue_id(kind))

    def about(self, kind: str) -> Collection[str]:
        """Return the ids of what an issue names."""
        return self._open.get(kind, ())

    def name(self, kind: str, key: str, line: str) -> None:
        """Have an issue name one more, in a line of its own."""
        self._name(kind, {**self._open.get(kind, {}), key: line})

    def spare(self, kind: str, key: str) -> None:
        """Have an issue name one less; the last one takes it away."""
        if key in (named := self._open.get(kind, {})):
            self._name(kind, {other: line for other, line in named.items() if other != key})

    def _name(self, kind: str, named: Mapping[str, str]) -> None:
        if named:
            self.report(kind, named, named="\n".join(f"- {line}" for line in named.values()))
        else:
            self.settle(kind)

    def forget(self) -> None:
        """Delete all issues of the source."""
        self.settle(*_OF_A_SOURCE)

    def _issue_id(self, kind: str) -> str:
        return f"{kind}_{self._entry.entry_id}_{self._subentry.subentry_id}"


def report_inputs(hass: HomeAssistant, entry: ConfigEntry, inputs: Inputs, now: datetime) -> None:
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


def _of_entry(hass: HomeAssistant, entry: ConfigEntry) -> list[str]:
    issues = ir.async_get(hass).issues
    return [key for domain, key in issues if domain == DOMAIN and entry.entry_id in key]


def report_book_set_aside(
    hass: HomeAssistant, entry: ConfigEntry, *, path: str, error: str, restored: int
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


def forget_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issues of a zone that is removed."""
    for issue_id in _of_entry(hass, entry):
        ir.async_delete_issue(hass, DOMAIN, issue_id)


def forget_removed_sources(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issues of sources that a zone no longer has."""
    for issue_id in _of_entry(hass, entry):
        kind, _, source = issue_id.partition(f"_{entry.entry_id}_")
        if kind in _OF_A_SOURCE and source not in entry.subentries:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _duration(seconds: float) -> str:
    """Return a duration in whole minutes, hours or days."""
    for unit, size in (("d", 86400), ("h", 3600)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds / 60:g} min"
