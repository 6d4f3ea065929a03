"""Watches what a source says at each poll, and tells its owner what has to be mended."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
import re
from typing import Any

from awesomeversion import AwesomeVersion
from awesomeversion.exceptions import AwesomeVersionException
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .agent import __version__
from .agent.models import Device, EnergyOrigin, Job, Snapshot, Vendor
from .const import CONF_FINGERPRINT, CONF_SUBENTRY
from .issues import (
    AGENT_TOO_NEW,
    AGENT_TOO_OLD,
    COUNTED_TWICE,
    COUNTER_OFF,
    DRIVER_LOST,
    FINGERPRINT_CHANGED,
    POWER_ALWAYS_ZERO,
    SOURCE_ENTITY_GONE,
    STILL_DRAWING,
    SourceIssues,
)
from .source_kinds import counted_by, meter_entities
from .sources import FingerprintError, NotASourceError, SourceError, TokenError, VersionError
from .sources.agent import grouped
from .sources.plausibility import CounterCheck, LostPower, ZeroPower

# An entity may be gone for so long, as at a start, until its integration has made it.
_COMES_UP = timedelta(minutes=10)

_TWINS_EVERY_S = 300.0

_ABOUT_DEVICES = (POWER_ALWAYS_ZERO, COUNTER_OFF, DRIVER_LOST, STILL_DRAWING)
_KWH_J = 3_600_000
_VERSION = re.compile(r"[\w.+-]{1,40}")


class SourceHealth:
    """Told of each poll of a source; opens and closes its issues and its reauthentication."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, subentry: ConfigSubentry) -> None:
        self._hass = hass
        self._entry = entry
        self._subentry = subentry
        self._issues = SourceIssues(hass, entry, subentry)
        self._entities = meter_entities(subentry.data)
        self._gone_since: dict[str, datetime] = {}
        self._rejected = False
        self._agent_id: str | None = None
        self._watches: dict[str, _Watch] = {}
        self._twins_at_s = float("-inf")

    def failed(self, err: SourceError) -> None:
        """Take in that a poll failed."""
        self._look_for_entities()
        match err:
            case TokenError():
                self._rejected = True
                self._entry.async_start_reauth(
                    self._hass,
                    context={"title_placeholders": {"name": self._subentry.title}},
                    data={CONF_SUBENTRY: self._subentry.subentry_id},
                )
            case FingerprintError(found=found):
                self._report_certificate(found)
            case VersionError(version=version):
                self._report_version(version)
        if isinstance(err, NotASourceError | TokenError | VersionError):
            self._issues.settle(FINGERPRINT_CHANGED)  # it has the certificate that it had

    def answered(self, snapshot: Snapshot) -> None:
        """Take in what a poll has read."""
        self._look_for_entities()
        self._issues.settle(FINGERPRINT_CHANGED, AGENT_TOO_OLD, AGENT_TOO_NEW)
        if self._rejected:
            self._rejected = False
            self._end_reauth()
        if snapshot.agent.id != self._agent_id:  # its counters are others
            self._agent_id = snapshot.agent.id
            self._watches = {}
        at_s = snapshot.taken_at.timestamp()
        for device in snapshot.devices:
            if (watch := self._watches.get(device.id)) is None:
                watch = self._watches[device.id] = _Watch(device)
            watch.look(device, at_s, self._issues)
        self._spare_removed({device.id for device in snapshot.devices})
        self._look_for_twins(at_s)

    def paused(self, snapshot: Snapshot, still_w: Mapping[str, float]) -> None:
        """Take in which GPUs draw power, in W, although the jobs that use them are paused."""
        for device in snapshot.devices:
            if device.id not in still_w:
                self._issues.spare(STILL_DRAWING, device.id)
            elif device.id not in self._issues.about(STILL_DRAWING):
                jobs = ", ".join(job.name for job in snapshot.jobs if _uses(job, device))
                line = f"{_name(device)}: {still_w[device.id]:.0f} W ({jobs})"
                self._issues.name(STILL_DRAWING, device.id, line)

    def forget(self) -> None:
        """Delete all issues."""
        self._issues.forget()

    def figures(self) -> Mapping[str, Any]:
        """Return what counters and powers were compared to, by device."""
        return {key: watch.figures() for key, watch in self._watches.items()}

    def _end_reauth(self) -> None:
        """Take back that somebody is asked for other credentials: these are accepted again."""
        flows = self._hass.config_entries.flow
        key = self._subentry.subentry_id
        for flow in flows.async_progress_by_init_data_type(
            dict, lambda data: data.get(CONF_SUBENTRY) == key
        ):
            if flow["context"]["source"] == SOURCE_REAUTH:
                flows.async_abort(flow["flow_id"])

    def _report_certificate(self, found: str) -> None:
        pinned: str = self._subentry.data[CONF_FINGERPRINT]
        self._issues.report(
            FINGERPRINT_CHANGED,
            {
                "entry": self._entry.entry_id,
                "subentry": self._subentry.subentry_id,
                "pinned": pinned,
                "found": found,
            },
            pinned=grouped(pinned),
            found=grouped(found),
        )

    def _report_version(self, version: str) -> None:
        shown = version if _VERSION.fullmatch(version) else "?"
        try:
            newer = AwesomeVersion(shown) > AwesomeVersion(__version__)
        except AwesomeVersionException:
            newer = False
        kind, other = (AGENT_TOO_NEW, AGENT_TOO_OLD) if newer else (AGENT_TOO_OLD, AGENT_TOO_NEW)
        self._issues.settle(other)
        self._issues.report(kind, {"version": shown}, version=shown, ours=__version__)

    def _look_for_entities(self) -> None:
        """Report entities that meter the source and have been nowhere for some minutes."""
        now = dt_util.utcnow()
        for entity_id in self._entities:
            if self._hass.states.get(entity_id) or er.async_get(self._hass).async_get(entity_id):
                self._gone_since.pop(entity_id, None)
                self._issues.spare(SOURCE_ENTITY_GONE, entity_id)
            elif now - self._gone_since.setdefault(entity_id, now) >= _COMES_UP:
                self._issues.name(SOURCE_ENTITY_GONE, entity_id, entity_id)
        for entity_id in set(self._issues.about(SOURCE_ENTITY_GONE)) - self._entities:
            self._issues.spare(SOURCE_ENTITY_GONE, entity_id)

    def _look_for_twins(self, at_s: float) -> None:
        """Report another source that reads one of the devices: it may have come to do so."""
        if at_s - self._twins_at_s < _TWINS_EVERY_S:
            return
        self._twins_at_s = at_s
        if other := counted_by(self._hass, self._watches, but=self._subentry.subentry_id):
            self._issues.report(COUNTED_TWICE, {"other": other}, other=other)
        else:
            self._issues.settle(COUNTED_TWICE)

    def _spare_removed(self, present: set[str]) -> None:
        """Forget devices that the source has no longer."""
        for key in self._watches.keys() - present:
            del self._watches[key]
        for kind in _ABOUT_DEVICES:
            for key in set(self._issues.about(kind)) - present:
                self._issues.spare(kind, key)


class _Watch:
    """One device of a source.

    Only NVIDIA's GPUs are missed where they have no power: others may be asleep.
    """

    __slots__ = ("_counter", "_lost", "_zero")

    def __init__(self, device: Device) -> None:
        self._counter = CounterCheck()
        self._zero = None if device.vendor is Vendor.OTHER else ZeroPower()
        self._lost = LostPower() if device.vendor is Vendor.NVIDIA else None

    def look(self, device: Device, at_s: float, issues: SourceIssues) -> None:
        power_w, energy_j = device.power_w, device.energy_j
        for kind, test in ((POWER_ALWAYS_ZERO, self._zero), (DRIVER_LOST, self._lost)):
            if test is None:
                continue
            match test.advance(at_s=at_s, power_w=power_w, energy_j=energy_j):
                case True:
                    issues.name(kind, device.id, _name(device))
                case False:
                    issues.spare(kind, device.id)
        counted = device.energy_origin is EnergyOrigin.COUNTER
        compared = self._counter.advance(
            at_s=at_s, power_w=power_w, counter_j=energy_j if counted else None
        )
        if compared is None:
            return
        if compared.off:
            counter_kwh, power_kwh = compared.counter_j / _KWH_J, compared.power_j / _KWH_J
            line = f"{_name(device)}: {counter_kwh:.3f} kWh / {power_kwh:.3f} kWh"
            issues.name(COUNTER_OFF, device.id, f"{line} ({compared.span_s / 3600:.1f} h)")
        else:
            issues.spare(COUNTER_OFF, device.id)

    def figures(self) -> Mapping[str, Any]:
        last, running = self._counter.last, self._counter.running
        return {
            "compared": {**asdict(last), "off": last.off} if last else None,
            "since": asdict(running) if running else None,
        }


def _uses(job: Job, device: Device) -> bool:
    return job.group is None and device.id in job.devices


def _name(device: Device) -> str:
    """Return what a device is called elsewhere."""
    if device.vendor is Vendor.OTHER:
        return device.name
    name = f"GPU {device.index} {device.name}"
    return f"{name} ({device.host})" if device.host else name
