"""Readers, one a kind of source; each returns the one Snapshot."""

from abc import ABC, abstractmethod
from typing import Any

from ..agent.models import Device, Job, Snapshot


class SourceError(Exception):
    """A source cannot be read or told what to do."""


class AddressError(SourceError):
    """What was given as a host is none."""


class UnreachableError(SourceError):
    """The source does not answer, or not in time."""


class TlsError(SourceError):
    """The connection cannot be secured: no TLS there, or a certificate that is not trusted."""


class FingerprintError(TlsError):
    """The certificate is another than the one that was pinned; `found` is its SHA-256 in hex."""

    def __init__(self, found: str) -> None:
        super().__init__(f"the certificate has the fingerprint {found}")
        self.found = found


class TokenError(SourceError):
    """The source rejects the token."""


class NotASourceError(SourceError):
    """Something answers, but it is not what this source should be."""


class VersionError(SourceError):
    """The source speaks a version that this integration does not."""

    def __init__(self, version: str) -> None:
        super().__init__(f"version {version} is not supported")
        self.version = version


class RefusedError(SourceError):
    """The source understood a command and refused it; the message says why."""


class Source(ABC):
    """What the integration needs of a source; most have no jobs.

    `metered` tells that `to_json` has meters to keep, which move with each reading.
    """

    metered = False

    @abstractmethod
    async def read(self) -> Snapshot:
        """Return all that the source knows now. Raises SourceError."""

    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        """Pause a job, or renew its pause, for `lease_s` seconds. Raises SourceError."""
        raise RefusedError("this source has no jobs")

    async def resume(self, job_id: str) -> Job:
        """Let a job that we paused run on. Raises SourceError."""
        raise RefusedError("this source has no jobs")

    async def set_power_limit(self, device_id: str, watts: float, lease_s: int) -> Device:
        """Limit a device's power for `lease_s` seconds. Raises SourceError."""
        raise RefusedError("this source sets no power limits")

    async def close(self) -> None:  # noqa: B027 - most open nothing
        """Let go of what was opened; no call follows."""

    def to_json(self) -> dict[str, Any]:
        """Return what a later run of the source has to know, as a JSON document."""
        return {}
