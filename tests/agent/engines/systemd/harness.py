"""A driver as the agent holds it."""

from pathlib import Path
import time
from typing import Any

from gpu_heat_agent.engines.driver import JobDriver, JobView
from gpu_heat_agent.engines.systemd import make_driver
from gpu_heat_agent.engines.systemd_spec import ServiceSpec, SystemdSpec
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject

TRAIN = "train.service"


class Agent:
    """A driver, and the pauses that the agent holds; `restart` forgets all but those."""

    def __init__(self, **specs: SystemdSpec) -> None:
        self._jobs = [
            JobConfig(id=key, name=key, kind="systemd", spec=spec) for key, spec in specs.items()
        ]
        self.plans: dict[str, JsonObject] = {}
        self.driver = self._make()

    def _make(self) -> JobDriver:
        return make_driver(self._jobs, {}, Path("/nonexistent"))

    def restart(self, *, configured: bool = True) -> None:
        """End the driver and make another, perhaps of a config without jobs."""
        self.driver.close()
        if not configured:
            self._jobs = []
        self.driver = self._make()

    def look(self) -> dict[str, JobView]:
        """Return all views."""
        return dict(self.driver.observe(self.plans))

    def state(self, key: str = "job") -> JobState:
        """Return a job's state."""
        return self.look()[key].state

    def plan(self, key: str = "job", *, free: bool = False) -> None:
        """Plan a pause, as if the agent ended before it came to it."""
        self.look()
        self.plans[key] = self.driver.plan_pause(key, {}, free=free)

    def pause(self, key: str = "job", *, free: bool = False) -> None:
        """Pause a job, and have it as it was if that fails, as the job book does."""
        self.plan(key, free=free)
        for failure in self.driver.pause({key: self.plans[key]}).values():
            self.driver.resume({key: self.plans.pop(key)})
            raise failure

    def resume(self, key: str = "job") -> None:
        """Resume a job and forget the pause."""
        for failure in self.driver.resume({key: self.plans[key]}).values():
            raise failure
        del self.plans[key]

    def comes_to(self, state: JobState, key: str = "job") -> None:
        """Look until a job has a state."""
        deadline_s = time.monotonic() + 20
        while (now := self.state(key)) is not state:
            assert time.monotonic() < deadline_s, now
            time.sleep(0.01)


def single(agents: list[Agent], name: str, **keys: Any) -> Agent:
    kind = ServiceSpec if name.endswith(".service") else SystemdSpec
    agents.append(Agent(job=kind(unit=name, **keys)))
    return agents[-1]
