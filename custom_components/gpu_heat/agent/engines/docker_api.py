"""The HTTP API that Docker and Podman serve on a Unix socket, as far as pausing needs it."""

from collections.abc import Mapping
import json
import os
from pathlib import Path
import re

import aiohttp

from ..errors import ConflictError, UnreachableError
from .docker_container import (
    AnswerError,
    Container,
    Details,
    read_details,
    read_list,
    read_versions,
)

_KNOWN = (1, 44)
"""The version that is spoken: Docker 25's and Podman 6's; others where the engine wants it."""

_MAX_BYTES = 16 * 1024 * 1024
_MAX_MESSAGE = 300
_PROXY_ERRORS = frozenset({502, 503, 504})
_FORBIDDEN = frozenset({401, 403, 405})
NOT_MODIFIED = 304


class RefusedError(ConflictError):
    """The engine, or a proxy before it, has said no; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One engine. All calls raise UnreachableError; none has a time limit of its own.

    Every request has a connection of its own: one that was kept open may have been closed
    by an engine that was restarted, and what was to be paused over it would not be.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._opened: aiohttp.ClientSession | None = None
        self._version: tuple[int, int] | None = None

    async def containers(self, filters: Mapping[str, list[str]]) -> tuple[Container, ...]:
        """Return all containers that pass the filters, also those that do not run."""
        query = {"all": "1", **({"filters": json.dumps(filters)} if filters else {})}
        try:
            return read_list(await self._get("/containers/json", query))
        except (AnswerError, RefusedError) as err:
            raise self._strange(str(err)) from err

    async def inspect(self, container_id: str) -> Details | None:
        """Return what is known of one container; None if it is gone. Raises RefusedError."""
        try:
            return read_details(await self._get(f"/containers/{container_id}/json"))
        except AnswerError as err:
            raise self._strange(str(err)) from err
        except RefusedError as err:
            if err.status == 404:
                return None
            raise

    async def post(self, container_id: str, verb: str, query: Mapping[str, str]) -> bool:
        """Have something done to a container; return False if it was so already.

        Raises RefusedError.
        """
        path = f"/containers/{container_id}/{verb}"
        status, _ = await self._versioned("POST", path, query)
        return status != NOT_MODIFIED

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> object:
        _, body = await self._versioned("GET", path, query or {})
        return self._json(body)

    async def _versioned(
        self, method: str, path: str, query: Mapping[str, str]
    ) -> tuple[int, bytes]:
        major, minor = await self._negotiated()
        try:
            return await self._ask(method, f"/v{major}.{minor}{path}", query)
        except RefusedError as err:
            if err.status == 400:  # such as an engine that was replaced by another version
                self._version = None
            raise

    async def _negotiated(self) -> tuple[int, int]:
        """Return the version to speak: the known one, or the nearest that the engine takes."""
        if self._version is None:
            try:
                _, body = await self._ask("GET", "/version", {})
                oldest, newest = read_versions(self._json(body))
            except (AnswerError, RefusedError) as err:
                raise self._strange(str(err)) from err
            self._version = min(max(_KNOWN, oldest), newest)
        return self._version

    async def _ask(self, method: str, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Send one request. Raises RefusedError, UnreachableError."""
        try:
            async with self._session().request(
                method, f"http://engine{path}", params=query, allow_redirects=False
            ) as response:
                status, body = response.status, await self._read(response)
        except aiohttp.ClientConnectorError as err:
            self._version = None
            raise UnreachableError(_why(self._socket, err.os_error)) from err
        except (aiohttp.ClientError, OSError) as err:
            self._version = None
            raise self._strange("the connection broke off") from err
        if 200 <= status < 300 or status == NOT_MODIFIED:
            return status, body
        if status in _PROXY_ERRORS:
            raise self._strange(f"HTTP {status}")
        if status in _FORBIDDEN:
            text = f"{method} {_shown(path)} is not permitted by what serves {self._socket}"
            raise RefusedError(status, text)
        raise RefusedError(status, _message(status, body))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise self._strange("its answer is too long")
        return bytes(body)

    def _json(self, body: bytes) -> object:
        try:
            document: object = json.loads(body)
        except (ValueError, RecursionError) as err:
            raise self._strange("its answer is no JSON") from err
        return document

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._opened

    def _strange(self, text: str) -> UnreachableError:
        return UnreachableError(f"the container engine at {self._socket} does not answer: {text}")


def _shown(path: str) -> str:
    """Return a path as the allow-list of a proxy has it."""
    return re.sub("[0-9a-f]{64}", "{id}", re.sub(r"^/v[\d.]+", "", path))


def _message(status: int, body: bytes) -> str:
    """Return what the engine says is wrong, on one line."""
    try:
        document = json.loads(body)
        text = document["message"] if isinstance(document, dict) else ""
    except (ValueError, KeyError, RecursionError):
        text = ""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line[:_MAX_MESSAGE] or f"HTTP {status}"


def _why(socket: Path, err: OSError) -> str:
    """Say why there is no connection, and what to do about it."""
    where = f"the container engine at {socket}"
    if isinstance(err, PermissionError):
        return f"{where} may not be used by the agent's user: {_who_may(socket)}"
    if isinstance(err, FileNotFoundError):
        return f"{where} cannot be reached: there is no such socket; start the engine or correct it"
    if isinstance(err, ConnectionRefusedError):
        return f"{where} cannot be reached: nothing listens there; start the engine"
    return f"{where} cannot be reached: {os.strerror(err.errno) if err.errno else err}"


def _who_may(socket: Path) -> str:
    import grp  # noqa: PLC0415 - Windows has none

    try:
        group_id = socket.stat().st_gid
    except OSError:
        return f"it may not enter the folder {socket.parent}"
    try:
        name = grp.getgrgid(group_id).gr_name
    except KeyError:
        name = str(group_id)
    return f'the socket belongs to the group "{name}"'
