"""The records of one kind's jobs in the state file: our pauses, and what drivers remember."""

from collections.abc import Mapping
from dataclasses import replace

from .errors import UnreachableError
from .state import JobRecord, JsonObject, Pause, State
from .state_dir import Store


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
        if not pauses:
            return
        records = self._store.state.jobs
        self._change(
            {
                key: replace(records.get(key, JobRecord()), pause=pause)
                for key, pause in pauses.items()
            }
        )

    def remember(self, key: str, memory: JsonObject) -> None:
        """Write down what the driver has to know of a job in its next run, if that is news."""
        record = self._store.state.jobs.get(key, JobRecord())
        if record.memory != memory:
            self._change({key: replace(record, memory=memory)})

    def _change(self, records: Mapping[str, JobRecord]) -> None:
        def changed(state: State) -> State:
            merged = {**state.jobs, **records}
            kept = {key: record for key, record in merged.items() if record != JobRecord()}
            return replace(state, jobs=kept)

        try:
            self._store.update(changed)
        except OSError as err:
            raise UnreachableError(f"the state file cannot be written: {err.strerror}") from err
