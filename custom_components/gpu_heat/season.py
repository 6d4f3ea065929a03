"""Tells the season of a zone, and follows the mean temperature outdoors for that."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from homeassistant.components.recorder import get_instance, history
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.recorder import DATA_INSTANCE

from .heat.seasons import DAY, RollingMean, Room, Season, season_of_rooms
from .inputs import known, read_celsius
from .settings import SeasonBy, ZoneSettings

_SAMPLED_EVERY = timedelta(minutes=5)


class SeasonTeller:
    """The season by hand, or as the zone's owner has said that it be told.

    None where it cannot be told so: then the months tell.
    """

    def __init__(self, settings: ZoneSettings, previous: Season | None) -> None:
        self._settings = settings
        self._mean = RollingMean()
        self.previous = previous
        self._sampled_at: datetime | None = None
        self._silent = True

    async def async_seed(self, hass: HomeAssistant, now: datetime) -> None:
        """Take the temperatures of the last day from the recorder, if there is one."""
        outdoor = self._settings.outdoor
        if self._settings.season_by is not SeasonBy.OUTDOOR or DATA_INSTANCE not in hass.data:
            return

        def read() -> list[State]:
            return history.state_changes_during_period(
                hass, now - DAY, now, outdoor, include_start_time_state=True
            ).get(outdoor or "", [])

        for state in await get_instance(hass).async_add_executor_job(read):
            self._mean.add(state.last_updated, read_celsius(state) if known(state) else None)

    def _sample(self, now: datetime, outdoor_c: Decimal | None) -> None:
        """Take a temperature in, of a sensor that says many only now and then."""
        silence = (outdoor_c is None) is not self._silent
        if silence or self._sampled_at is None or now - self._sampled_at >= _SAMPLED_EVERY:
            self._mean.add(now, outdoor_c)
            self._sampled_at, self._silent = now, outdoor_c is None

    def season(
        self, now: datetime, outdoor_c: Decimal | None, rooms: Sequence[Room]
    ) -> Season | None:
        """Return the season now, and remember it."""
        season = None
        match self._settings.season_by:
            case SeasonBy.OUTDOOR:
                self._sample(now, outdoor_c)
                if outdoor_c is not None and (mean := self._mean.mean(now)) is not None:
                    season = self._settings.outdoor_seasons.season(mean, self.previous)
            case SeasonBy.THERMOSTAT:
                season = season_of_rooms(rooms, self.previous)
        self.previous = season or self.previous
        return season
