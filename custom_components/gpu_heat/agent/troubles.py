"""Failures that nobody waits for: tried again each second, and said once."""

from collections.abc import Callable
import logging

from .errors import AgentError

_LOGGER = logging.getLogger(__name__)


class Troubles:
    """What fails at present, by job and step."""

    def __init__(self) -> None:
        self._present: set[tuple[str, str]] = set()

    def attempt(self, key: str, step: str, act: Callable[[], None]) -> None:
        """Do something that may fail."""
        try:
            act()
        except AgentError as err:
            self.say(key, step, err)
        else:
            self.say(key, step, None)

    def say(self, key: str, step: str, err: AgentError | None) -> None:
        """Log a failure, unless the same step has failed ever since it was last logged."""
        trouble = (key, step)
        if err is None:
            self._present.discard(trouble)
        elif trouble not in self._present:
            self._present.add(trouble)
            _LOGGER.warning("Job %s: %s", key, err)
