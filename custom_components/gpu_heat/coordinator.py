"""Polls one source: readings in, leases of paused jobs renewed."""

from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device import async_entity_id_to_device
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .agent.models import (
    Device,
    Job,
    JobState,
    Snapshot,
    SnapshotError,
    snapshot_from_json,
    to_json,
)
from .const import (
    CONF_ENERGY,
    CONF_KIND,
    CONF_METERS,
    CONF_POWER,
    DOMAIN,
    KIND_AGENT,
    LOGGER,
    POLL_INTERVAL,
)
from .holds import Hold, Holds
from .job_activity import Change, Memory, advance
from .job_power import JobPower
from .job_status import goes_on, is_group, listed
from .limits import Limits
from .orders import Orders
from .save import Saver
from .source_health import SourceHealth
from .source_kinds import find_source
from .sources import Source, SourceError

if TYPE_CHECKING:
    from .scheduler import ZoneScheduler
    from .zone import ZoneCoordinator

# What not every device tells.
TOLD = ("temperature_c", "memory_temperature_c", "utilization", "memory_used_bytes")

# Within how many seconds a change is on the disk: a wish for a job, or a meter's reading.
_AT_ONCE_S = 0.5
_SOON_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeData:
    """A loaded zone: its own coordinator, one for each source by subentry id, its scheduler.

    `saver` writes what the source coordinators' `to_json` says.
    """

    zone: ZoneCoordinator
    sources: Mapping[str, SourceCoordinator]
    scheduler: ZoneScheduler
    saver: Saver


type GpuHeatConfigEntry = ConfigEntry[RuntimeData]


class SourceCoordinator(DataUpdateCoordinator[Snapshot | None]):
    """Reads one source every 10 s.

    Listeners are called at each poll (`always_update`): energy moves even where no
    other value does, and the zone books it as a listener.
    """

    config_entry: GpuHeatConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: GpuHeatConfigEntry,
        subentry: ConfigSubentry,
        source: Source,
        stored: Mapping[str, Any],
        saver: Saver,
    ) -> None:
        """Take up what `to_json` returned in an earlier run; `saver` keeps it anew."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"source {subentry.title}",
            update_interval=POLL_INTERVAL,
            always_update=True,
        )
        self.subentry = subentry
        self._source = source
        self._saver = saver
        self.holds = Holds(source, partial(saver.within, _AT_ONCE_S), stored.get("holds"))
        self.limits = Limits(source, partial(saver.within, _AT_ONCE_S), stored.get("limits"))
        self.automatic = False  # whether the schedule acts on the jobs by itself
        self.orders = Orders(saver.within, stored.get("orders"))
        self.job_power = JobPower(stored.get("job_power"))
        self.profile = _read_profile(stored.get("profile"))
        self._listed = _ids(self.profile)
        self._shown: object = None
        self.failure: SourceError | None = None
        self._devices: dict[str, Device] = {}
        self._jobs: dict[str, Job] = {}
        self._members: dict[str, list[Job]] = {}
        self._memory: Memory | None = None
        self.changes: Sequence[Change] = ()  # another object at each poll
        self.health = SourceHealth(hass, entry, subentry)

    @override
    async def _async_refresh(
        self,
        log_failures: bool = True,
        raise_on_auth_failed: bool = False,
        scheduled: bool = False,
        raise_on_entry_error: bool = False,
    ) -> None:
        # A server that is off is no fault: it is shown, not logged.
        await super()._async_refresh(False, raise_on_auth_failed, scheduled, raise_on_entry_error)

    @override
    async def _async_update_data(self) -> Snapshot:
        previous = self.data
        try:
            snapshot = await self._source.read()
        except SourceError as err:
            if self.last_update_success:
                LOGGER.info("%s does not answer: %s", self.subentry.title, err)
            self.failure = err
            self.health.failed(err)
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="source_failed",
                translation_placeholders={"source": self.subentry.title, "error": str(err)},
            ) from err
        finally:
            if self._source.metered:  # the plug moves also where something else has failed
                self._saver.within(_SOON_S)
        self.failure = None
        self.health.answered(snapshot)
        if self.subentry.data[CONF_KIND] == KIND_AGENT:
            self._follow_agent(snapshot.agent.id)
        snapshot = await self.holds.keep(previous, snapshot, dt_util.utcnow())
        snapshot = await self.limits.keep(previous, snapshot, dt_util.utcnow())
        self.orders.advance(previous, snapshot, dt_util.utcnow())
        self.health.paused(snapshot, self.job_power.advance(snapshot))
        self._memory, self.changes = advance(self._memory, snapshot, self.holds.resumed)
        self.holds.resumed.clear()
        profile = _with_told(self.profile, snapshot)
        shown = (_identities(profile), self.job_power.learned)
        if self._shown != shown:
            self.profile, self._shown = profile, shown
            self._listed = _ids(profile)
            self._saver.within(_AT_ONCE_S)
        return snapshot

    @override
    def _async_refresh_finished(self) -> None:
        self._devices = {device.id: device for device in self.data.devices} if self.data else {}
        self._jobs = {job.id: job for job in self.data.jobs} if self.data else {}
        self._members = defaultdict(list)
        for job in self._jobs.values():
            if job.group is not None:
                self._members[job.group].append(job)

    def _follow_agent(self, agent_id: str) -> None:
        """Take over the new id of an agent that lost its state, so that it stays one source.

        Raises UpdateFailed where another source has that id: its energy is counted there.
        """
        if agent_id == self.subentry.unique_id:
            return
        if known := find_source(self.hass, agent_id):
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="same_agent",
                translation_placeholders={
                    "source": self.subentry.title,
                    "other": known[1].title,
                },
            )
        self.hass.config_entries.async_update_subentry(
            self.config_entry, self.subentry, unique_id=agent_id
        )

    @property
    def snapshot(self) -> Snapshot | None:
        """The present readings; None while the source does not answer."""
        return self.data if self.last_update_success else None

    def device(self, device_id: str) -> Device | None:
        """Return a device's present readings; None while they are not known."""
        return self._devices.get(device_id) if self.last_update_success else None

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is now; None while that is not known."""
        return self._jobs.get(job_id) if self.last_update_success else None

    def lists(self, job_id: str) -> bool:
        """Return whether a job was listed when the source answered last."""
        return job_id in self._listed

    def members(self, group_id: str) -> Sequence[Job]:
        """Return the jobs of a group as they are now; none while they are not known."""
        return self._members.get(group_id, ()) if self.last_update_success else ()

    def linked_device(self, device_id: str) -> dr.AnyDeviceEntry | None:
        """Return the device of the entity that meters one of our own, if another has it."""
        for row in self.subentry.data.get(CONF_METERS, ()):
            if row[CONF_ID] == device_id:
                entity_id = row.get(CONF_POWER) or row[CONF_ENERGY]
                return async_entity_id_to_device(self.hass, entity_id)
        return None

    async def async_pause(self, job_id: str, hold: Hold) -> Job:
        """Pause a job. Raises HomeAssistantError.

        Where a person pauses a group that waits already, also its jobs that were let go alone.
        """
        now, before = dt_util.utcnow(), self.job(job_id)
        job = await self._command(job_id, self.holds.pause(job_id, now, hold))
        if hold.manual and before and before.paused_by_us:
            for member in self.members(job_id):
                if goes_on(member) and member.can_pause and not member.paused_by_us:
                    await self._command(member.id, self.holds.pause(member.id, now, hold))
        return job

    async def async_resume(self, job_id: str, hold: Hold | None = None) -> Job:
        """Let a paused job run on. Raises HomeAssistantError."""
        return await self._command(job_id, self.holds.resume(job_id, dt_util.utcnow(), hold))

    async def async_let_go(self, job_id: str, reason: str) -> Job:
        """Have the schedule let a job run on. Raises HomeAssistantError."""
        return await self._command(job_id, self.holds.let_go(job_id, dt_util.utcnow(), reason))

    async def async_limit_power(self, device_id: str, watts: float) -> Device:
        """Limit the power of a device, in W. Raises HomeAssistantError."""
        try:
            return await self.limits.set(device_id, watts, dt_util.utcnow())
        except SourceError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="limit_failed",
                translation_placeholders={"error": str(err)},
            ) from err

    async def async_close(self) -> None:
        """Finish what is under way, and let go of the source."""
        await self.holds.settle()
        await self._source.close()
        if self.config_entry.disabled_by:
            self.health.forget()

    async def _command(self, job_id: str, command: Awaitable[Job]) -> Job:
        try:
            return await command
        except SourceError as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="command_failed",
                translation_placeholders={"job": job_id, "error": str(err)},
            ) from err

    def to_json(self) -> dict[str, Any]:
        """Return what must outlive a restart: holds, orders, what devices and jobs there are."""
        return {
            "source": self._source.to_json(),
            "holds": self.holds.to_json(),
            "limits": self.limits.to_json(),
            "orders": self.orders.to_json(),
            "job_power": self.job_power.to_json(),
            "profile": to_json(self.profile) if self.profile else None,
        }


def _read_profile(document: object) -> Snapshot | None:
    """Read the last known snapshot; one of another version is as good as none."""
    try:
        return snapshot_from_json(document) if document else None
    except SnapshotError as err:
        LOGGER.debug("The stored profile is not read: %s", err)
        return None


def _ids(profile: Snapshot | None) -> frozenset[str]:
    """Return the ids of the jobs of a profile."""
    return frozenset(job.id for job in profile.jobs) if profile else frozenset()


def _with_told(profile: Snapshot | None, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot whose devices have, as of the profile, what they do not tell now.

    Of a group's jobs it has none, and a group is one also while its engine is silent.
    """
    known = {device.id: device for device in profile.devices} if profile else {}
    devices = [_filled(known.get(device.id), device) for device in snapshot.devices]
    groups = {job.id for job in profile.jobs if is_group(job)} if profile else set()
    jobs = [
        replace(
            job,
            members=0
            if is_group(job) or (job.id in groups and job.state is JobState.UNKNOWN)
            else None,
        )
        for job in listed(snapshot.jobs)
    ]
    return replace(snapshot, devices=tuple(devices), jobs=tuple(jobs))


def _filled(known: Device | None, device: Device) -> Device:
    if known is None:
        return device
    told = {
        name: value
        for name in TOLD
        if getattr(device, name) is None and (value := getattr(known, name)) is not None
    }
    return replace(device, **told) if told else device


def _identities(snapshot: Snapshot) -> object:
    return (
        snapshot.agent.version,
        [
            (
                *(device.id, device.name, device.index, device.power_limit_settable),
                [getattr(device, n) is None for n in TOLD],
            )
            for device in snapshot.devices
        ],
        [(job.id, job.name, is_group(job)) for job in snapshot.jobs],
    )
