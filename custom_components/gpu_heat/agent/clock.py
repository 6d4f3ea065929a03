"""The clocks: wall time for people, boot time for durations."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
import sys
import time

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment on two clocks.

    `wall_s` is seconds since 1970 and may jump. `steady_s` never jumps, goes on while
    the machine sleeps where the system has such a clock, and is comparable with other
    moments of the same `boot_id` only, also between two runs of the agent.
    """

    wall_s: float
    steady_s: float
    boot_id: str


def read_clock() -> Now:
    """Return the present moment."""
    return Now(wall_s=time.time(), steady_s=_steady_s(), boot_id=boot_id())


def boot_id() -> str:
    """Return what tells this boot of the machine from all others."""
    return _read_boot_id(_BOOT_ID)


@cache  # it never changes, and a look at the clock must not want for a file descriptor
def _read_boot_id(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:  # not Linux
        import psutil  # noqa: PLC0415 - Home Assistant, which uses parts of the agent, may lack it

        return f"{psutil.boot_time():.0f}"


def as_datetime(wall_s: float) -> datetime:
    """Return seconds since 1970 as an aware moment, to the millisecond."""
    return datetime.fromtimestamp(round(wall_s, 3), UTC)


def _steady_s() -> float:
    if sys.platform == "win32":
        return time.monotonic()
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
