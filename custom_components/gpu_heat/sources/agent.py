"""The agent of a GPU server, over HTTP."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
import json
from typing import Any, override
from urllib.parse import quote

from aiohttp import (
    ClientError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    Fingerprint,
    ServerFingerprintMismatch,
)
from yarl import URL

from ..agent import __version__
from ..agent.models import (
    Device,
    Job,
    Snapshot,
    SnapshotError,
    device_from_json,
    job_from_json,
    snapshot_from_json,
)
from . import (
    AddressError,
    FingerprintError,
    NotASourceError,
    RefusedError,
    Source,
    TlsError,
    TokenError,
    UnreachableError,
    VersionError,
)
from .failures import what_failed

TIMEOUT_S = 8
MAX_BYTES = 8 * 1024 * 1024
API_TITLE = "gpu-heat-agent"

# An agent that is asked too often by many commands at once answers again after a second.
BUSY_S = 1.0
_BUSY_TIMES = 3


class AgentSource(Source):
    """A client of one agent.

    `session` is not closed here. The token goes into a header alone, and only to the
    certificate with the SHA-256 `fingerprint` in hex, or without one to a certificate that is
    trusted. Raises AddressError where `host` is neither a name nor an IP address.
    """

    def __init__(
        self,
        session: ClientSession,
        *,
        host: str,
        port: int,
        token: str,
        tls: bool,
        fingerprint: str | None = None,
    ) -> None:
        self._session = session
        self._ssl = Fingerprint(bytes.fromhex(fingerprint)) if fingerprint else True
        try:
            self._url = URL.build(
                scheme="https" if tls else "http", host=host.strip("[]"), port=port
            )
        except ValueError as err:
            raise AddressError(str(err)) from err
        self._headers = {"Authorization": f"Bearer {token}"}

    @override
    async def read(self) -> Snapshot:
        status, document = await self._call("GET", "/api/v1/snapshot")
        if status == HTTPStatus.NOT_FOUND:
            await self._explain_missing_api()
        if status != HTTPStatus.OK:
            raise UnreachableError(f"HTTP status {status}: {_message(document)}")
        try:
            return snapshot_from_json(document)
        except SnapshotError as err:
            version = _agent_version(document)
            if version and version != __version__:
                raise VersionError(version) from err
            raise NotASourceError(str(err)) from err

    @override
    async def pause(self, job_id: str, lease_s: int, reason: str) -> Job:
        body = {"lease_s": lease_s, "reason": reason}
        return await self._command("POST", _path("jobs", job_id, "pause"), body, job_from_json)

    @override
    async def resume(self, job_id: str) -> Job:
        return await self._command("POST", _path("jobs", job_id, "resume"), None, job_from_json)

    @override
    async def set_power_limit(self, device_id: str, watts: float, lease_s: int) -> Device:
        path, body = (
            _path("devices", device_id, "power_limit"),
            {"watts": watts, "lease_s": lease_s},
        )
        return await self._command("PUT", path, body, device_from_json)

    async def greet(self) -> None:
        """Look whether something answers, without the token. Raises SourceError."""
        await self._call("GET", "/healthz", secret=False)

    async def _command[T](
        self, method: str, path: str, body: dict[str, Any] | None, read: Callable[[object], T]
    ) -> T:
        status, document = await self._call(method, path, body)
        if status != HTTPStatus.OK:
            passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            passing |= status == HTTPStatus.TOO_MANY_REQUESTS
            error = UnreachableError if passing else RefusedError
            raise error(_message(document) or f"HTTP status {status}")
        try:
            return read(document)
        except SnapshotError as err:
            raise NotASourceError(str(err)) from err

    async def _explain_missing_api(self) -> None:
        """Tell an agent of another version from something else that answers 404."""
        _, document = await self._call("GET", "/openapi.json")
        info = document.get("info") if isinstance(document, dict) else None
        if isinstance(info, dict) and info.get("title") == API_TITLE:
            raise VersionError(str(info.get("version")))
        raise NotASourceError("HTTP status 404")

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, secret: bool = True
    ) -> tuple[int, object]:
        """Return the status and the JSON document of an answer. Raises a SourceError."""
        answer = await self._ask(method, path, body, secret=secret)
        for _ in range(_BUSY_TIMES):
            if answer[0] != HTTPStatus.TOO_MANY_REQUESTS:
                break
            await asyncio.sleep(BUSY_S)
            answer = await self._ask(method, path, body, secret=secret)
        return answer

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, *, secret: bool
    ) -> tuple[int, object]:
        try:
            async with self._session.request(
                method,
                self._url.with_path(path, encoded=True),
                json=body,
                headers=self._headers if secret else {},
                timeout=ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
                ssl=self._ssl,
            ) as response:
                raw = await response.content.read(MAX_BYTES)
                while not response.content.at_eof() and len(raw) < MAX_BYTES:
                    raw += await response.content.read(MAX_BYTES - len(raw))
                status = response.status
        except ServerFingerprintMismatch as err:
            raise FingerprintError(err.got.hex()) from err
        except ClientSSLError as err:
            raise TlsError(what_failed(err)) from err
        except TimeoutError as err:
            raise UnreachableError(f"no whole answer within {TIMEOUT_S} s") from err
        except (ClientError, OSError, ValueError) as err:
            raise UnreachableError(what_failed(err)) from err
        if status == HTTPStatus.UNAUTHORIZED:
            raise TokenError("the token is not accepted")
        try:
            return status, json.loads(raw)
        except (RecursionError, ValueError) as err:  # also a page cut at MAX_BYTES
            raise NotASourceError(f"HTTP status {status} without a JSON document") from err


async def unverified_fingerprint(session: ClientSession, *, host: str, port: int) -> str | None:
    """Return the SHA-256 in hex of a certificate that nothing vouches for, to show it to a person.

    No token is sent. None means that the certificate is trusted as it is. Raises SourceError.
    """
    agent = AgentSource(session, host=host, port=port, token="", tls=True)
    try:
        await agent.greet()
    except TlsError:
        no_certificate = "00" * 32
        agent = AgentSource(
            session, host=host, port=port, token="", tls=True, fingerprint=no_certificate
        )
        try:
            await agent.greet()
        except FingerprintError as err:
            return err.found
    return None


def grouped(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: in groups of four."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def _path(what: str, part_id: str, verb: str) -> str:
    return f"/api/v1/{what}/{quote(part_id, safe='')}/{verb}"


def _message(document: object) -> str:
    """Return the text of an error answer, if it is one."""
    error = document.get("error") if isinstance(document, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _agent_version(document: object) -> str | None:
    agent = document.get("agent") if isinstance(document, dict) else None
    version = agent.get("version") if isinstance(agent, dict) else None
    return version if isinstance(version, str) else None
