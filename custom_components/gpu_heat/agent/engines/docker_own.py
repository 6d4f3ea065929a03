"""Which container the agent itself runs in: pausing that could be undone by nobody."""

from collections.abc import Collection
from pathlib import Path
import re
import socket

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SHORT = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")
_GIVEN = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"})
"""Files that an engine mounts into a container from a folder that has its id in its path."""


def own_ids(proc: Path = Path("/proc/self"), hostname: str | None = None) -> frozenset[str]:
    """Return the ids, whole or their first 12 digits, that may be this process's container's."""
    name = socket.gethostname() if hostname is None else hostname
    found = {name} if _SHORT.fullmatch(name) else set()
    found.update(_ID.findall(_read(proc / "cgroup")))
    for line in _read(proc / "mountinfo").splitlines():
        fields = line.split(" ")
        if len(fields) > 4 and fields[4] in _GIVEN:
            found.update(_ID.findall(fields[3]))
    return frozenset(found)


def is_own(container_id: str, own: Collection[str]) -> bool:
    """Return whether an id is one of `own`."""
    return any(container_id.startswith(known) for known in own)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
