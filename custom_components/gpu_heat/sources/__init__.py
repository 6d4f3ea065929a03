"""Readers, one a kind of source; each returns the one Snapshot."""

from typing import Protocol

from ..agent.models import Job, Snapshot


class SourceError(Exception):
    """A source cannot be read or told what to do."""


class AddressError(SourceError):
    """What was given as a host is none."""


class UnreachableError(SourceError):
    """The source does not answer, or not in time."""


class TlsError(SourceError):
    """The connection cannot be secured: no TLS there, or a certificate that is not trusted."""


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


class Source(Protocol):
    """What the integration needs of a source."""

    async def read(self) -> Snapshot:
        """Return all that the source knows now. Raises SourceError."""

    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        """Pause a job, or renew its pause, for `lease_s` seconds. Raises SourceError."""

    async def resume(self, job_id: str) -> Job:
        """Let a job that we paused run on. Raises SourceError."""
