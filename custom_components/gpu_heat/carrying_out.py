"""Has done what was decided on the jobs of one source."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from homeassistant.exceptions import HomeAssistantError

from .agent.models import JobState
from .control.group import Command, Member, commands
from .control.reasons import Action, Decision, Reason
from .coordinator import SourceCoordinator
from .decided import BY_HAND, Decided, shall_run
from .flexible import Unit, key_of
from .holds import Hold

# How long a pause stands when nobody decides anew: an automation that no longer runs
# must not leave work waiting.
DECISION_STANDS = timedelta(hours=2)

# What a pause is not prolonged for: it ends in its own time, or is not the schedule's.
_RUNS_ON = BY_HAND | {Reason.DEMAND_UNKNOWN, Reason.NOT_CONTROLLABLE}


async def async_carry_out(
    source: SourceCoordinator, decided: Decided, now: datetime
) -> Mapping[str, str]:
    """Pause and let go what was decided on, and have what waits wait on.

    Returns what failed, by key; it is tried again at the next decision.
    """
    units = [unit for unit in decided.units.values() if unit.source is source]
    groups = {
        unit.job.group: [item for item in units if item.job.group == unit.job.group]
        for unit in units
        if unit.job.group
    }
    wanted: list[tuple[Command, Reason]] = []
    for unit in units:
        decision = decided.verdict.decisions[unit.key]
        if unit.job.group is None and decision.action is not Action.KEEP:
            command = Command(job_id=unit.job.id, action=decision.action)
            wanted.append((command, decision.reason))
    for group_id, members in groups.items():
        wanted += _of_group(source, group_id, members, decided)
    until = now + DECISION_STANDS
    for unit in units:
        decision = decided.verdict.decisions[unit.key]
        if not shall_run(decided.units, decision) and decision.reason not in _RUNS_ON:
            source.holds.prolong(unit.job.id, until)
            source.holds.prolong(unit.job.group or unit.job.id, until)
    failures = await asyncio.gather(*(_do(source, *item, until) for item in wanted))
    if wanted:
        await source.async_refresh()
    return {
        key_of(source, command.job_id): failure
        for (command, _), failure in zip(wanted, failures, strict=True)
        if failure is not None
    }


def _of_group(
    source: SourceCoordinator, group_id: str, units: Sequence[Unit], decided: Decided
) -> list[tuple[Command, Reason]]:
    """Return the commands for the jobs of a group, each with its reason."""
    decisions = {unit.job.id: decided.verdict.decisions[unit.key] for unit in units}
    members = [
        Member(
            id=unit.job.id,
            shall_run=_wish(decided, decisions[unit.job.id]),
            at_work=unit.job.state is JobState.RUNNING,
            waiting=unit.job.paused_by_us,
        )
        for unit in units
        if decisions[unit.job.id].reason is not Reason.NOT_CONTROLLABLE
    ]
    group = source.job(group_id)
    paused = group is not None and group.paused_by_us
    reasons = {
        action: next(
            (
                decisions[member.id].reason
                for member in members
                if member.shall_run is (action is Action.RUN)
            ),
            Reason.WANTED_HEAT,
        )
        for action in (Action.RUN, Action.PAUSE)
    }
    return [
        (
            command,
            decisions[command.job_id].reason
            if command.job_id in decisions
            else reasons[command.action],
        )
        for command in commands(group_id, paused, members)
    ]


def _wish(decided: Decided, decision: Decision) -> bool | None:
    return None if decision.reason in BY_HAND else shall_run(decided.units, decision)


async def _do(
    source: SourceCoordinator, command: Command, reason: Reason, until: datetime
) -> str | None:
    """Carry out a command; return what went wrong, None if nothing did."""
    try:
        if command.action is Action.PAUSE:
            hold = Hold(paused=True, manual=False, reason=reason, until=until)
            await source.async_pause(command.job_id, hold)
        else:
            await source.async_let_go(command.job_id, reason)
    except HomeAssistantError as err:
        return str(err)
    return None
