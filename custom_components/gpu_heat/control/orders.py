"""What the owner of a job has ordered."""

from enum import StrEnum


class Policy(StrEnum):
    """Who decides on a job: the schedule, or its owner once and for all."""

    FOLLOW_HEAT = "follow_heat"
    ALWAYS_RUN = "always_run"
    HOLD = "hold"
