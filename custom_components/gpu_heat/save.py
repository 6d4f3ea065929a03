"""Writes a file soon, however often that is asked for."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store


class Saver:
    """Writes what `document` returns.

    `Store.async_delay_save` alone puts the writing off at each call: for ever, if calls come
    often.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        store: Store[dict[str, Any]],
        document: Callable[[], dict[str, Any]],
    ) -> None:
        self._hass = hass
        self._store = store
        self._document = document
        self._due_s: float | None = None
        self._closed = False

    @callback
    def within(self, delay_s: float) -> None:
        """Have it written within a time in s."""
        if self._closed:
            return
        due_s = self._hass.loop.time() + delay_s
        if self._due_s is None or due_s < self._due_s:
            self._due_s = due_s
            self._store.async_delay_save(self._written, delay_s)

    async def now(self) -> None:
        """Have it written when this returns."""
        await self._store.async_save(self._written())

    async def close(self) -> None:
        """Have it written when this returns, and not again: another has the file then."""
        self._closed = True
        await self.now()

    def _written(self) -> dict[str, Any]:
        self._due_s = None
        return self._document()
