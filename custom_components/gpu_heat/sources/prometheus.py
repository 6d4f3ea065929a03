"""An exporter's page, or a Prometheus server's, over HTTP."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from ssl import SSLContext
from typing import Any, override

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    Fingerprint,
    InvalidURL,
    ServerFingerprintMismatch,
    hdrs,
)
from yarl import URL

from ..agent.models import AgentInfo, Snapshot
from . import AddressError, NotASourceError, Source, TlsError, TokenError, UnreachableError
from .dialects import CustomRow
from .failures import what_failed
from .meters import GPU_LIMITS, HOST_LIMITS
from .page import Page, read_page
from .page_account import PageAccount

TIMEOUT_S = 8.0
MAX_BYTES = 10 * 1024 * 1024
INLINE_BYTES = 64 * 1024
"""Up to here a page is read in the event loop: some ms, where all of it is wanted."""

METRICS_PATH = "/metrics"

type Credentials = str | tuple[str, str]
"""A bearer token, or a user's name and password."""


class PrometheusSource(Source):
    """A reader of one page of metrics.

    `url` without a path means /metrics. `tls` is what aiohttp calls `ssl`. `custom` replaces the
    known dialects. With `fleet` the page is of several machines. `key` and `name` are those of
    the source, as a page has none. `document` is what `to_json` returned in an earlier run.
    `session` is not closed here. Raises AddressError where `url` is none of HTTP, and
    TokenError where the credentials cannot be sent.
    """

    metered = True

    def __init__(
        self,
        session: ClientSession,
        *,
        url: str,
        credentials: Credentials | None,
        tls: bool | SSLContext | Fingerprint,
        custom: CustomRow | None,
        fleet: bool,
        name: str,
        key: str,
        now: Callable[[], datetime],
        document: object = None,
    ) -> None:
        self._session = session
        self._url = page_url(url)
        self._headers = {
            hdrs.ACCEPT: "text/plain;version=0.0.4;q=1,*/*;q=0.1",
            **_authorization(credentials),
        }
        self._tls = tls
        self._custom = custom
        self._fleet = fleet
        self._name = name
        self._key = key
        self._now = now
        self._started_at = now()
        stored = document if isinstance(document, Mapping) else {}
        self._account = PageAccount(
            stored,
            limits=HOST_LIMITS if custom else GPU_LIMITS,
            moved=stored.get("url", str(self._url)) != str(self._url),
        )

    @override
    async def read(self) -> Snapshot:
        page = await self.page()
        taken_at = self._now()
        devices, host = self._account.take(page, taken_at.timestamp())
        return Snapshot(
            agent=AgentInfo(
                id=self._key,
                name=self._name,
                version=", ".join(page.dialects),
                started_at=self._started_at,
            ),
            taken_at=taken_at,
            devices=devices,
            host=host,
        )

    async def page(self) -> Page:
        """Return what the page tells now, and book nothing. Raises SourceError."""
        raw = await self._fetch()
        if len(raw) <= INLINE_BYTES:
            return read_page(raw, fleet=self._fleet, custom=self._custom)
        return await asyncio.to_thread(read_page, raw, fleet=self._fleet, custom=self._custom)

    @override
    def to_json(self) -> dict[str, Any]:
        return {**self._account.to_json(), "url": str(self._url)}

    async def _fetch(self) -> bytes:
        """Return the whole page. Raises a SourceError, also where it may have been cut."""
        try:
            async with self._session.get(
                self._url,
                headers=self._headers,
                timeout=ClientTimeout(total=TIMEOUT_S),
                allow_redirects=False,
                ssl=self._tls,
            ) as response:
                _check_status(response)
                return await _body(response)
        except (ClientSSLError, ServerFingerprintMismatch) as err:
            raise TlsError(what_failed(err)) from err
        except InvalidURL as err:
            raise AddressError("not an address") from err
        except ClientResponseError as err:  # whose own text has the whole address
            raise UnreachableError(err.message) from err
        except TimeoutError as err:
            raise UnreachableError(f"no whole answer within {TIMEOUT_S:.0f} s") from err
        except (ClientError, OSError, ValueError) as err:
            raise UnreachableError(what_failed(err)) from err


def page_url(text: str) -> URL:
    """Return the address of a page. Raises AddressError."""
    try:
        url = URL(text.strip())
    except ValueError as err:
        raise AddressError("not an address") from err
    if url.scheme not in ("http", "https") or not url.host:
        raise AddressError("not an address that begins with http:// or https://")
    if url.raw_user or url.raw_password:
        raise AddressError("user and password have fields of their own")
    return url.with_path(METRICS_PATH) if url.path in ("", "/") and not url.query else url


def _authorization(credentials: Credentials | None) -> dict[str, str]:
    if credentials is None:
        return {}
    if isinstance(credentials, str):
        if not credentials.isascii() or not credentials.isprintable():
            raise TokenError("the token has characters that no header can hold")
        return {hdrs.AUTHORIZATION: f"Bearer {credentials}"}
    user, password = credentials
    if ":" in user:
        raise TokenError("the name of a user cannot have a colon")
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {hdrs.AUTHORIZATION: f"Basic {pair}"}


def _check_status(response: ClientResponse) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise TokenError(f"HTTP status {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise UnreachableError(f"HTTP status {status}")
    if location := response.headers.get(hdrs.LOCATION):
        raise NotASourceError(f"redirected to {_public(response.url, location)}")
    raise NotASourceError(f"HTTP status {status}")


def _public(url: URL, location: str) -> str:
    """Return where a redirect leads, without what may be secret."""
    try:
        return str(url.join(URL(location)).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "no address"


async def _body(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MAX_BYTES:
            raise NotASourceError(f"more than {MAX_BYTES // 1024**2} MiB")
    framed = (
        hdrs.CONTENT_LENGTH in response.headers
        or response.headers.get(hdrs.TRANSFER_ENCODING, "").lower() == "chunked"
    )
    unframed = not framed or hdrs.CONTENT_ENCODING in response.headers
    if body and unframed and not body.endswith(b"\n"):  # every line of a page ends with one
        raise UnreachableError("the page is cut off")
    return bytes(body)
