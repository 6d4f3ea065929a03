"""When something is asked about an entity: at first, as it comes up, and every so often."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import (
    CALLBACK_TYPE,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers.event import async_call_later, async_track_state_change_event

from .inputs import known

_SOON = timedelta(minutes=1)


class Asking:
    """Asks about an entity, given its state: now, then every so often and not more often.

    While the entity says nothing nobody is asked; once it does, at once. `ask` returns whether it
    was answered. If not, it is asked again after a minute, then after two and so on.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entity_id: str,
        every: timedelta,
        ask: Callable[[State], Awaitable[bool]],
    ) -> None:
        self._hass = hass
        self._entity_id = entity_id
        self._every = every
        self._ask = ask
        self._asked = False
        self._again = _SOON
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def async_follow(self, entry: ConfigEntry) -> None:
        """Ask now and from now on, as long as the entry is loaded."""
        entry.async_on_unload(self._stop)
        entry.async_on_unload(
            async_track_state_change_event(self._hass, self._entity_id, self._came_up)
        )
        entry.async_create_background_task(
            self._hass, self._turn(), f"first question about {self._entity_id}"
        )

    @callback
    def _stop(self) -> None:
        if self._cancel:
            self._cancel()
            self._cancel = None

    async def _came_up(self, event: Event[EventStateChangedData]) -> None:
        if not self._asked and known(event.data["new_state"]):
            await self._turn()

    async def _turn(self, _now: datetime | None = None) -> None:
        self._next(self._every)
        state = known(self._hass.states.get(self._entity_id))
        self._asked = state is not None
        if state is None:
            return
        if await self._ask(state):
            self._again = _SOON
        elif self._cancel:  # it is still followed
            self._next(self._again)
            self._again = min(2 * self._again, self._every)

    def _next(self, after: timedelta) -> None:
        self._stop()
        self._cancel = async_call_later(self._hass, after, self._turn)
