"""What the jobs of one source draw while they run, and while they wait."""

from collections import Counter
from collections.abc import Sequence

from .agent.models import Job, JobState
from .control.held_power import USUAL_W
from .coordinator import SourceCoordinator
from .job_status import is_group


class JobLoad:
    """What is known of the power of a source's jobs at a moment.

    `part_w` is an equal part of the source's power for each job that runs and says no GPU, None
    while none does; or what that was before.
    """

    def __init__(self, source: SourceCoordinator, part_w: float | None) -> None:
        self._source = source
        snapshot = source.snapshot
        jobs = [job for job in (snapshot.jobs if snapshot else ()) if not is_group(job)]
        self._devices = {device.id: device for device in (snapshot.devices if snapshot else ())}
        running = [job for job in jobs if job.state is JobState.RUNNING]
        there = [job for job in jobs if job.state in {JobState.RUNNING, JobState.PAUSED}]
        self._users = Counter(key for job in there for key in job.devices)
        power_w = snapshot.power_w if snapshot else None
        self.part_w = part_w if power_w is None or not running else power_w / len(running)

    def running_w(self, job: Job) -> float | None:
        """Return what a job draws while it runs, in W; None where nobody knows.

        By its GPUs, as learned. A GPU of several jobs, running or paused, counts in part.
        """
        if not job.devices:
            return self.part_w
        return _sum(
            [self._part_w(key, self._source.job_power.running_w(key)) for key in job.devices]
        )

    def most_w(self, job: Job) -> float | None:
        """Return what its GPUs may draw by their power limits, in W; None where nobody knows."""
        limits = [self._devices[key].power_limit_w for key in job.devices if key in self._devices]
        return _sum(limits) if limits else None

    def held_w(self, job: Job) -> float | None:
        """Return what its GPUs still draw while it waits, in W; None until that is learned."""
        if job.frees_gpu:
            return 0.0
        held = [self._part_w(key, self._source.job_power.held_w(key)) for key in job.devices]
        return _sum(held) if held else None

    def usual_held_w(self, job: Job) -> float:
        """Return what its GPUs usually draw while it waits, in W; of one that names none, one's."""
        return sum(self._part_w(key, USUAL_W) for key in job.devices) or USUAL_W

    def _part_w[W: (float, float | None)](self, device_id: str, power_w: W) -> W:
        """Return a job's part of what its GPU draws for all jobs on it."""
        return None if power_w is None else power_w / max(self._users[device_id], 1)


def _sum(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None if one of them is not known."""
    return None if None in parts else sum(part for part in parts if part is not None)
