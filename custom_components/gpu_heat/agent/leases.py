"""How long a pause lasts. Pure."""

from dataclasses import replace

from .clock import Now
from .state import Pause, Stage

MIN_LEASE_S = 60.0
MAX_LEASE_S = 86_400.0


def grant(*, kind: str, now: Now, lease_s: float, reason: str) -> Pause:
    """Return a pause that begins now and lasts for `lease_s`."""
    return Pause(
        kind=kind,
        reason=reason,
        lease_s=lease_s,
        expires_at_s=now.wall_s + lease_s,
        steady_deadline_s=now.steady_s + lease_s,
        boot_id=now.boot_id,
        began_at_s=now.wall_s,
        began_steady_s=now.steady_s,
        undo={},
        stage=Stage.ASKED,
    )


def renewed(pause: Pause, *, now: Now, lease_s: float, reason: str) -> Pause:
    """Return the same pause with a lease that counts from now.

    One of an earlier boot keeps how long it has lasted, on the clock of this one.
    """
    fresh = grant(kind=pause.kind, now=now, lease_s=lease_s, reason=reason)
    return replace(
        fresh,
        began_at_s=pause.began_at_s,
        began_steady_s=now.steady_s - lasted_s(pause, now),
        undo=pause.undo,
        stage=pause.stage,
        of_group=pause.of_group,
        free=pause.free,
        exempt=pause.exempt,
    )


def of_this_boot(pause: Pause, now: Now) -> Pause:
    """Return the pause with what is left of it on the steady clock of this boot.

    A wall clock that a reboot has set back must not hold it up for longer than its lease.
    """
    if pause.boot_id == now.boot_id:
        return pause
    return replace(
        pause,
        boot_id=now.boot_id,
        steady_deadline_s=now.steady_s + remaining_s(pause, now),
        began_steady_s=now.steady_s - lasted_s(pause, now),
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


def lasted_s(pause: Pause, now: Now) -> float:
    """Return for how long a job has been paused, in s: by the steady clock where it can tell."""
    if now.boot_id == pause.boot_id:
        return max(now.steady_s - pause.began_steady_s, 0.0)
    return max(now.wall_s - pause.began_at_s, 0.0)
