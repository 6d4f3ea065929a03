"""One Kubernetes cluster: reads, lists and patches objects, each within a few seconds."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
import logging
from typing import Any, TypeVar, cast

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ConfigError
from lightkube.operators import Operator
from lightkube.types import PatchType
import msgspec

from ..errors import AgentError, ConflictError, UnreachableError
from ..state import JsonObject
from .kubernetes_access import Access
from .kubernetes_kinds import Kind
from .kubernetes_objects import Thing

_T = TypeVar("_T")

_CALL_S = 5.0
_LIST_S = 10.0
_PAGE = 200
_MANAGER = "gpu-heat-agent"
_MOST = 2000
_LONGEST_MESSAGE = 300
_DENIED = frozenset({401, 403})
_REFUSED = frozenset({400, 405, 415, 422})


# The client takes much for granted of an answer that says it is JSON.
_NOT_THE_API = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    msgspec.MsgspecError,
)


class SilentError(UnreachableError):
    """The API server gives no answer at all; what was asked for may still be done."""


class GoneError(ConflictError):
    """There is no such object."""


class StaleError(ConflictError):
    """The object has changed since it was read; reading it again helps."""


class Cluster:
    """The API server that an access leads to. All but `close` raise UnreachableError.

    ConflictError is raised where the server refuses, with the right that is missing.
    """

    def __init__(self, access: Access) -> None:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every request
        self._access = access
        self._client: AsyncClient | None = None
        self._refused = False
        self._served: dict[str, int] = {}

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Thing:
        """Return an object. Raises GoneError."""

        async def get(client: AsyncClient, version: Any) -> Thing:
            return cast(Thing, await client.get(version, name, namespace=namespace))

        return await self._call(kind, f'get {_where(kind, namespace)} "{name}"', get, _CALL_S)

    async def list(self, kind: Kind, namespace: str | None, selector: str) -> list[Thing]:
        """Return all objects that a label selector fits, read in pages."""
        what = f"list {_where(kind, namespace)}"

        async def read(client: AsyncClient, version: Any) -> list[Thing]:
            # The client knows selectors in parts only; this one is all of it.
            labels: Any = {"": Operator("selector", "", selector)}
            pages = client.list(version, namespace=namespace, chunk_size=_PAGE, labels=labels)
            found: list[Thing] = []
            async for item in cast(AsyncIterable[Thing], pages):
                if len(found) == _MOST:
                    raise UnreachableError(f"{what}: more than {_MOST}; narrow the selector")
                found.append(item)
            return found

        try:
            return await self._call(kind, what, read, _LIST_S)
        except StaleError:  # what the next page went on from is no longer kept
            return await self._call(kind, what, read, _LIST_S)

    async def patch(self, kind: Kind, namespace: str | None, name: str, body: JsonObject) -> Thing:
        """Merge something into an object. Raises GoneError, and StaleError if it has changed."""

        async def patch(client: AsyncClient, version: Any) -> Thing:
            merged = await client.patch(
                version, name, body, namespace=namespace, patch_type=PatchType.MERGE
            )
            return cast(Thing, merged)

        return await self._call(kind, f'patch {_where(kind, namespace)} "{name}"', patch, _CALL_S)

    async def renew(self) -> None:
        """Have the credentials read anew if they were refused; no call may be under way."""
        if self._refused:
            await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client, self._refused = self._client, None, False
        if client is not None:
            await client.close()

    async def _call(
        self,
        kind: Kind,
        what: str,
        act: Callable[[AsyncClient, Any], Awaitable[_T]],
        limit_s: float,
    ) -> _T:
        """Do it in the newest version that the cluster serves."""
        served = self._served.get(kind.name)
        candidates = range(len(kind.versions)) if served is None else (served,)
        for number in candidates:
            try:
                async with asyncio.timeout(limit_s):
                    found = await act(self._open(), kind.versions[number])
            except httpx2.HTTPStatusError as err:
                if _is_unknown_path(err.response):
                    continue
                if err.response.status_code == 401:
                    self._refused = True
                raise _refusal(err.response, what) from err
            except (TimeoutError, httpx2.TransportError) as err:
                reason = str(err).strip() or "no answer in time"
                raise SilentError(f"{what}: {_short(reason)}") from err
            except ConfigError as err:  # names the file of a token that is gone
                raise UnreachableError(f"{what}: {err}") from err
            except _NOT_THE_API as err:
                raise UnreachableError(f"{what}: the answer is not Kubernetes'") from err
            self._served[kind.name] = number
            return found
        self._served.pop(kind.name, None)
        raise UnreachableError(f"{what}: the cluster has none of that kind; is Kueue installed?")

    def _open(self) -> AsyncClient:
        if self._client is None:
            config = self._access.read()
            try:
                self._client = AsyncClient(
                    config=config, timeout=httpx2.Timeout(_CALL_S), field_manager=_MANAGER
                )
            except (OSError, ValueError, ConfigError, httpx2.InvalidURL) as err:
                where = config.fname or "the service account"
                raise UnreachableError(f"{where}: address or certificates are not good") from err
        return self._client


def _where(kind: Kind, namespace: str | None) -> str:
    return kind.plural if namespace is None else f'{kind.plural} in namespace "{namespace}"'


class _Status(msgspec.Struct, tag_field="kind", tag="Status"):
    message: str = ""


def _message(response: httpx2.Response) -> str | None:
    """Return what the API says of an error; None if it is not the API that answers."""
    try:
        return msgspec.json.decode(response.content, type=_Status).message
    except msgspec.MsgspecError:
        return None


def _is_unknown_path(response: httpx2.Response) -> bool:
    """Return whether there is no such API; of an object that is gone the API itself says so."""
    return response.status_code == 404 and _message(response) is None


def _refusal(response: httpx2.Response, what: str) -> AgentError:
    code = response.status_code
    text = f"{what}: {_short(_message(response) or f'HTTP {code}')}"
    if code == 404:
        return GoneError(text)
    if code in {409, 410}:
        return StaleError(text)
    if code == 401:
        return ConflictError(f"{what}: the API server does not accept our token or certificate")
    if code in _DENIED:
        return ConflictError(f"not permitted to {text}")
    if code in _REFUSED:
        return ConflictError(text)
    return UnreachableError(text)


def _short(message: str) -> str:
    """Return a message as one line that is not too long."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"
