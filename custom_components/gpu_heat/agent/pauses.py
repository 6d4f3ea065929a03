"""The records of one kind's jobs in the state file: our pauses, and what drivers remember."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from .errors import UnreachableError
from .state import JobRecord, JsonObject, Pause, State
from .state_dir import Store

_T = TypeVar("_T")


class Pauses:
    """Reads and writes records. Writing raises UnreachableError; then nothing has changed."""

    def __init__(self, kind: str, store: Store) -> None:
        self._kind = kind
        self._store = store

    def held(self) -> dict[str, Pause]:
        """Return our pauses by the job's key, also those of jobs that are no longer configured."""
        return {
            key: record.pause
            for key, record in self._store.state.jobs.items()
            if record.pause is not None and record.pause.kind == self._kind
        }

    def write(self, pauses: Mapping[str, Pause | None]) -> None:
        """Write pauses down, all at once; None is one that has ended."""
        if pauses:
            self._change(pauses, self._with_pause)

    def remember(self, key: str, memory: JsonObject) -> None:
        """Write down what the driver has to know of a job in its next run, if that is news."""
        if self._store.state.jobs.get(key, JobRecord()).memory != memory:
            self._change({key: memory}, lambda record, it: replace(record, memory=it))

    def _with_pause(self, record: JobRecord, pause: Pause | None) -> JobRecord:
        """Put a pause down, though not over one of another kind: nobody could end that then."""
        other = None if record.pause is None else record.pause.kind
        if other not in {None, self._kind}:
            raise UnreachableError(f'it is paused still as a job of kind "{other}"')
        return replace(record, pause=pause)

    def _change(
        self, news: Mapping[str, _T], with_news: Callable[[JobRecord, _T], JobRecord]
    ) -> None:
        def changed(state: State) -> State:
            records = {
                key: with_news(state.jobs.get(key, JobRecord()), it) for key, it in news.items()
            }
            merged = {**state.jobs, **records}
            kept = {key: record for key, record in merged.items() if record != JobRecord()}
            return replace(state, jobs=kept)

        try:
            self._store.update(changed)
        except OSError as err:
            raise UnreachableError(f"the state file cannot be written: {err.strerror}") from err
