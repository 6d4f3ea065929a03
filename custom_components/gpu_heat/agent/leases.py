"""How long a pause lasts. Pure."""

from dataclasses import replace

from .clock import Now
from .state import JsonObject, Pause

MIN_LEASE_S = 60.0
MAX_LEASE_S = 86_400.0


def grant(*, kind: str, now: Now, lease_s: float, reason: str, undo: JsonObject) -> Pause:
    """Return a pause that lasts for `lease_s` from now."""
    return Pause(
        kind=kind,
        reason=reason,
        lease_s=lease_s,
        expires_at_s=now.wall_s + lease_s,
        steady_deadline_s=now.steady_s + lease_s,
        boot_id=now.boot_id,
        undo=undo,
    )


def ended(pause: Pause) -> Pause:
    """Return the pause as one whose lease is over, whatever the clocks say."""
    return replace(pause, lease_s=0.0)


def remaining_s(pause: Pause, now: Now) -> float:
    """Return how long the pause still lasts in s; 0 or less is over.

    Of the two clocks the one that says "over" first is right: a wall clock that is set
    back must not leave a job paused, and one boot's steady clock says nothing in another.
    """
    left_s = min(pause.lease_s, pause.expires_at_s - now.wall_s)
    if now.boot_id == pause.boot_id:
        left_s = min(left_s, pause.steady_deadline_s - now.steady_s)
    return left_s
