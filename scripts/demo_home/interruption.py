"""What Ctrl-C and the signals like it do to the demo."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
import signal


class Interruption:
    """Cancels the work at the first such signal; later ones do not disturb the tidying up."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._task: asyncio.Task[None] | None = None
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._interrupt)

    async def run(self, work: Coroutine[None, None, None]) -> None:
        """Do the work until it is done or cancelled."""
        self._task = asyncio.ensure_future(work)
        if self.signum is not None:
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def _interrupt(self, signum: int, _frame: object) -> None:
        if self.signum is None:
            self.signum = signum
            if self._task is not None:
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
