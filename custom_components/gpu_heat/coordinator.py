"""Polls one source: readings in, leases of paused jobs renewed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .agent.models import Device, Job, Snapshot, SnapshotError, snapshot_from_json, to_json
from .const import CONF_TLS, DOMAIN, LOGGER, POLL_INTERVAL
from .holds import Hold, Holds
from .sources import SourceError
from .sources.agent import AgentSource

if TYPE_CHECKING:
    from .zone import ZoneCoordinator


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeData:
    """A loaded zone: its own coordinator, and one for each source by subentry id.

    `store` keeps what the source coordinators' `to_json` says.
    """

    zone: ZoneCoordinator
    sources: Mapping[str, SourceCoordinator]
    store: Store[dict[str, Any]]


type GpuHeatConfigEntry = ConfigEntry[RuntimeData]


def agent_source(hass: HomeAssistant, data: Mapping[str, Any]) -> AgentSource:
    """Return the client for the data of a source subentry."""
    return AgentSource(
        async_get_clientsession(hass),
        host=data[CONF_HOST],
        port=data[CONF_PORT],
        token=data[CONF_TOKEN],
        tls=data[CONF_TLS],
    )


def find_source(
    hass: HomeAssistant, agent_id: str
) -> tuple[GpuHeatConfigEntry, ConfigSubentry] | None:
    """Return the zone and the source that have an agent already."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for subentry in entry.subentries.values():
            if subentry.unique_id == agent_id:
                return entry, subentry
    return None


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
        stored: Mapping[str, Any],
        save: Callable[[], None],
    ) -> None:
        """Take up what `to_json` returned in an earlier run; `save` is called to keep it anew."""
        super().__init__(
            hass,
            LOGGER,
            config_entry=entry,
            name=f"source {subentry.title}",
            update_interval=POLL_INTERVAL,
            always_update=True,
        )
        self.subentry = subentry
        self._source = agent_source(hass, subentry.data)
        self._save = save
        self.holds = Holds(self._source, save, stored.get("holds"))
        self.profile = _read_profile(stored.get("profile"))

    @override
    async def _async_update_data(self) -> Snapshot:
        previous = self.data if self.last_update_success else None
        try:
            snapshot = await self._source.read()
        except SourceError as err:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="source_failed",
                translation_placeholders={"source": self.subentry.title, "error": str(err)},
            ) from err
        self._follow_agent(snapshot.agent.id)
        snapshot = await self.holds.keep(previous, snapshot, dt_util.utcnow())
        if self.profile is None or _identities(self.profile) != _identities(snapshot):
            self.profile = snapshot
            self._save()
        return snapshot

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
        devices = self.snapshot.devices if self.snapshot else ()
        return next((device for device in devices if device.id == device_id), None)

    def job(self, job_id: str) -> Job | None:
        """Return a job as it is now; None while that is not known."""
        jobs = self.snapshot.jobs if self.snapshot else ()
        return next((job for job in jobs if job.id == job_id), None)

    async def async_pause(self, job_id: str, hold: Hold) -> Job:
        """Pause a job. Raises HomeAssistantError."""
        return await self._command(job_id, self.holds.pause(job_id, dt_util.utcnow(), hold))

    async def async_resume(self, job_id: str, hold: Hold | None = None) -> Job:
        """Let a paused job run on. Raises HomeAssistantError."""
        return await self._command(job_id, self.holds.resume(job_id, dt_util.utcnow(), hold))

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
        """Return what must outlive a restart: the holds, and what devices and jobs there are."""
        return {
            "holds": self.holds.to_json(),
            "profile": to_json(self.profile) if self.profile else None,
        }


def _read_profile(document: object) -> Snapshot | None:
    """Read the last known snapshot; one of another version is as good as none."""
    try:
        return snapshot_from_json(document) if document else None
    except SnapshotError as err:
        LOGGER.debug("The stored profile is not read: %s", err)
        return None


def _identities(snapshot: Snapshot) -> object:
    return (
        snapshot.agent.version,
        [(device.id, device.name, device.index) for device in snapshot.devices],
        [(job.id, job.name) for job in snapshot.jobs],
    )
