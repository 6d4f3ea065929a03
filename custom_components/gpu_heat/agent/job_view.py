"""A job as its engine tells it."""

from dataclasses import dataclass

from .models import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """The state of a job; `can_pause` is whether a pause could be planned now."""

    state: JobState
    can_pause: bool
