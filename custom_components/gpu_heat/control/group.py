"""What is done to a group whose jobs are decided on one by one, with few commands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .reasons import Action

MOST_COMMANDS = 60
"""More single jobs of a group are not switched at a time; the others come next time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One job of a group, and whether it shall run; None where a person has said so.

    `at_work` is whether it runs now, `waiting` whether it waits because of us.
    """

    id: str
    shall_run: bool | None
    at_work: bool
    waiting: bool

    @property
    def disturbed(self) -> bool:
        """Whether a pause of the whole group would stop what shall go on."""
        return not self.waiting if self.shall_run is None else self.shall_run and self.at_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A job or group that is to be paused, or let go."""

    job_id: str
    action: Action


def commands(group_id: str, paused: bool, members: Sequence[Member]) -> Iterator[Command]:
    """Yield what has to be done so that those run that shall; `paused` tells that the group is.

    The group is paused as a whole only while that disturbs nobody. Then jobs that come later
    wait as well; else those that shall wait are paused one by one.
    """
    decided = [member for member in members if member.shall_run is not None]
    if paused and decided and all(member.shall_run for member in decided):
        yield Command(job_id=group_id, action=Action.RUN)
        return
    as_whole = (
        not paused
        and any(not member.shall_run for member in decided)
        and not any(member.disturbed for member in members)
    )
    if as_whole:
        yield Command(job_id=group_id, action=Action.PAUSE)
    singly = (
        Command(job_id=member.id, action=Action.RUN if member.shall_run else Action.PAUSE)
        for member in decided
        if member.shall_run is (member.waiting or as_whole)
    )
    for command, _ in zip(singly, range(MOST_COMMANDS), strict=False):
        yield command
