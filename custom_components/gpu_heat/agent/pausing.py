"""Carrying out pauses: from the checkpoint to the engine's word, and back."""

from collections.abc import Callable, Mapping, Set as AbstractSet
from dataclasses import replace
from functools import partial
import logging

from .checkpoints import Checkpoints
from .clock import Now
from .engines.driver import Failures, JobDriver, group_of
from .errors import AgentError, UnreachableError
from .job_config import Checkpoint
from .leases import ended
from .models import JobState
from .pauses import Pauses
from .sight import Sight
from .state import Pause, Stage
from .troubles import Troubles

_LOGGER = logging.getLogger(__name__)


class Pausing:
    """Pauses and resumes jobs, many at a time, each step on the disk before it is taken.

    `errors` is why the last thing that was asked of a job failed, by its key; `checkpoint_of`
    returns what a job is to do before a pause.
    """

    def __init__(
        self,
        driver: JobDriver,
        pauses: Pauses,
        sight: Sight,
        troubles: Troubles,
        checkpoint_of: Callable[[str], Checkpoint | None],
    ) -> None:
        self._driver = driver
        self._pauses = pauses
        self._sight = sight
        self._troubles = troubles
        self._checkpoint_of = checkpoint_of
        self._checkpoints = Checkpoints(driver.signal)
        self.errors: dict[str, str] = {}

    def begin(self, pauses: Mapping[str, Pause], now: Now) -> Failures:
        """Pause jobs, those with a checkpoint when that has been written."""
        checkpoints = {
            key: checkpoint
            for key in pauses
            if self._sight.view(key).state is JobState.RUNNING
            and (checkpoint := self._checkpoint_of(key)) is not None
        }
        first = {key: replace(pauses[key], stage=Stage.CHECKPOINT) for key in checkpoints}
        try:
            self._pauses.write(first)
        except UnreachableError as err:
            return self._failed(dict.fromkeys(pauses, err))
        failures: dict[str, AgentError] = {}
        for key, checkpoint in checkpoints.items():
            try:
                self._checkpoints.begin(key, checkpoint, now.steady_s)
            except AgentError as err:
                failures |= self._without_checkpoint(key, first[key], err)
        at_once = {key: pause for key, pause in pauses.items() if key not in first}
        return {**failures, **self.apply(at_once)}

    def finish_checkpoints(self, now: Now) -> bool:
        """Pause the jobs whose checkpoint has been written; return whether there were any."""
        held = self._pauses.held()
        outcomes = self._checkpoints.ended(now.steady_s)
        written = {key: held[key] for key, err in outcomes.items() if err is None and key in held}
        self.apply(written)
        for key, err in outcomes.items():
            if err is not None and key in held:
                self._without_checkpoint(key, held[key], err)
        return bool(outcomes)

    def apply(self, pauses: Mapping[str, Pause]) -> Failures:
        """Have jobs paused by their engine; those that it fails for go on."""
        failures: dict[str, AgentError] = {}
        planned: dict[str, Pause] = {}
        for key, pause in pauses.items():
            try:
                undo = self._driver.plan_pause(key, pause.undo, free=pause.free)
                planned[key] = replace(pause, undo=undo, stage=Stage.ASKED)
            except AgentError as err:
                failures[key] = err
        refused: Failures = {}
        try:
            self._pauses.write(planned)
            if planned:
                refused = self._driver.pause({key: pause.undo for key, pause in planned.items()})
        except UnreachableError as err:
            refused = dict.fromkeys(planned, err)
        # What is found to be impossible leaves no record, be it of an earlier pause or of this.
        self.end(dict.fromkeys([*failures, *refused], "pausing failed"), exempt=False)
        failures |= refused
        for key, pause in planned.items():
            if key not in failures:
                self.errors.pop(key, None)
                _LOGGER.info("Job %s: paused for %.0f s: %r", key, pause.lease_s, pause.reason)
        return self._failed(failures)

    def confirm(self, is_group: Callable[[str], bool]) -> None:
        """Take note of what the engine has agreed to. Raises UnreachableError."""
        self._pauses.write(
            {
                key: replace(pause, stage=Stage.HELD)
                for key, pause in self._pauses.held().items()
                if pause.stage is Stage.ASKED
                and (is_group(key) or self._sight.view(key).state is JobState.PAUSED)
            }
        )

    def end(self, over: Mapping[str, str], *, exempt: bool = True) -> Failures:
        """Resume and forget, and say why; after a crash in between the next run resumes again.

        Jobs that go on while their group waits are left alone by it from then on, if `exempt`.
        """
        held = self._pauses.held()
        ending = {key: held[key] for key in over if key in held}
        if not ending:
            return {}
        for key in ending:
            self._checkpoints.cancel(key)
        records = {key: ended(pause) for key, pause in ending.items()}
        if exempt:
            records |= self._exempting(held, ending)
        self._troubles.attempt("all", "write", partial(self._pauses.write, records))
        failures = dict(self.undo(ending))
        gone: dict[str, Pause | None] = {key: None for key in ending if key not in failures}
        try:
            self._pauses.write(gone)
        except UnreachableError as err:
            failures |= dict.fromkeys(gone, err)
        for key in ending:
            self._troubles.say(key, "end", failures.get(key))
            if key not in failures:
                self.errors.pop(key, None)
                _LOGGER.info("Job %s: pause ended, %s", key, over[key])
        return self._failed(failures)

    def let_go(self) -> None:
        """Let every job go on, keeping our pauses on record for the next run."""
        held = self._pauses.held()
        for key in held:
            self._checkpoints.cancel(key)
        failures = self.undo(held)
        let_go = {
            key: replace(pause, undo={}, stage=Stage.LET_GO)
            for key, pause in held.items()
            if key not in failures
        }
        self._troubles.attempt("all", "let go", partial(self._pauses.write, let_go))
        for key, err in failures.items():
            self._troubles.say(key, "let go", err)

    def forget(self, known: AbstractSet[str]) -> None:
        """Forget what failed for jobs that are neither known nor paused any more."""
        for key in self.errors.keys() - known - self._pauses.held().keys():
            del self.errors[key]

    def undo(self, pauses: Mapping[str, Pause]) -> Failures:
        """Have the engine resume jobs; their records stay as they are."""
        plans = {key: pause.undo for key, pause in pauses.items() if pause.undo}
        if not plans:
            return {}
        try:
            return self._driver.resume(plans)
        except UnreachableError as err:
            return dict.fromkeys(plans, err)

    def _without_checkpoint(self, key: str, pause: Pause, err: AgentError) -> Failures:
        """Pause a job that wrote no checkpoint, unless its work would be lost."""
        effect = self._sight.view(key).effect
        if not pause.free and effect is not None and effect.keeps_work:
            _LOGGER.warning("Job %s: %s; it keeps its work while it waits", key, err)
            return self.apply({key: pause})
        self.end({key: str(err)})
        return self._failed({key: err})

    def _exempting(
        self, held: Mapping[str, Pause], ending: Mapping[str, Pause]
    ) -> dict[str, Pause]:
        """Return the pauses of the groups that stay, with the jobs that are to run nevertheless."""
        groups: dict[str, Pause] = {}
        for key in ending:
            group_id = group_of(key)
            if group_id and group_id in held and group_id not in ending:
                group = groups.get(group_id, held[group_id])
                there = filter(self._sight.may_run, dict.fromkeys((*group.exempt, key)))
                groups[group_id] = replace(group, exempt=tuple(there))
        return groups

    def _failed(self, failures: Failures) -> Failures:
        self.errors |= {key: str(err) for key, err in failures.items()}
        return failures
