"""Which GPUs still draw power although their jobs are paused, and how much of it is held."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .agent.models import Job, JobState, Snapshot
from .control.held_power import HeldPower, Use
from .job_status import is_group

_AT_REST = frozenset({JobState.PAUSED, JobState.QUEUED, JobState.FINISHED, JobState.FAILED})


class JobPower:
    """What is known of the GPUs of one source that jobs use, by device."""

    def __init__(self, document: Mapping[str, Mapping[str, float | None]] | None = None) -> None:
        """Take up what `to_json` returned in an earlier run."""
        self._known = {
            key: HeldPower(running_w=item.get("running_w"), held_w=item.get("held_w"))
            for key, item in (document or {}).items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return what has been learned, as a JSON document."""
        return {
            key: {"running_w": known.running_w, "held_w": known.held_w}
            for key, known in self._known.items()
        }

    @property
    def learned(self) -> frozenset[str]:
        """The devices of which it is known what they draw while their jobs are paused."""
        return frozenset(key for key, known in self._known.items() if known.held_w is not None)

    def running_w(self, device_id: str) -> float | None:
        """Return what a GPU draws while its jobs run, in W, as far as that is known."""
        known = self._known.get(device_id)
        return known.running_w if known else None

    def held_w(self, device_id: str) -> float | None:
        """Return what a GPU draws while its jobs are paused, in W, as far as that is known."""
        known = self._known.get(device_id)
        return known.held_w if known else None

    def advance(self, snapshot: Snapshot) -> Mapping[str, float]:
        """Take in a snapshot; return the W of the GPUs that should be at rest and are not."""
        at_s = snapshot.taken_at.timestamp()
        users = defaultdict[str, list[Job]](list)
        for job in snapshot.jobs:
            for device_id in () if is_group(job) else job.devices:
                users[device_id].append(job)
        for device in snapshot.devices:
            if device.id in users or device.id in self._known:
                self._known[device.id] = self._known.get(device.id, HeldPower()).advance(
                    at_s=at_s,
                    use=_use(users[device.id]),
                    power_w=device.power_w,
                    utilization=device.utilization,
                )
        return {
            key: known.still_w for key, known in self._known.items() if known.still_w is not None
        }


def _use(jobs: Sequence[Job]) -> Use:
    """Return what the jobs of a GPU are doing: paused if one of them is, by us, and holds it.

    A GPU that was let go is free for others.
    """
    states = {job.state for job in jobs}
    if JobState.RUNNING in states:
        return Use.RUNNING
    held = any(
        job.state is JobState.PAUSED and job.paused_by_us and not job.frees_gpu for job in jobs
    )
    return Use.PAUSED if held and states <= _AT_REST else Use.UNKNOWN
