"""Asking others over HTTP: bounded in time and size, without redirects, proxies or cookies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
import os
import ssl

import aiohttp

from .errors import UnreachableError


class NotAskedError(UnreachableError):
    """There was no connection, so nothing was asked."""


class NoAnswerError(UnreachableError):
    """The request went out and may be acted on all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked; `ssl_context` is what certificates are trusted by, the system's if None."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    ssl_context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; of a body that is too long only the beginning, which `whole` tells."""

    status: int
    body: bytes
    whole: bool


def open_session(time_limit_s: float) -> aiohttp.ClientSession:
    """Return what to ask with, inside a running loop; `time_limit_s` is that of each request."""
    return aiohttp.ClientSession(
        # An app that was restarted must not cost a request on its old connection.
        connector=aiohttp.TCPConnector(force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=time_limit_s, connect=time_limit_s * 2 / 3),
        headers={
            "Accept": "application/json, text/plain",
            "Accept-Encoding": "identity",
            "User-Agent": "gpu-heat-agent",
        },
        auto_decompress=False,
        trust_env=False,
    )


async def fetch(session: aiohttp.ClientSession, request: Request, *, max_bytes: int) -> Answer:
    """Ask once. Raises UnreachableError, whose text holds no part of the address."""
    try:
        async with session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            ssl=trusted_by(request),
            allow_redirects=False,
        ) as response:
            body = bytearray()
            while len(body) <= max_bytes:
                chunk = await response.content.read(max_bytes + 1 - len(body))
                if not chunk:
                    break
                body += chunk
            return Answer(
                status=response.status,
                body=bytes(body[:max_bytes]),
                whole=len(body) <= max_bytes,
            )
    except aiohttp.ClientConnectorCertificateError as err:
        raise NotAskedError("its certificate is not trusted") from err
    except aiohttp.ClientConnectorDNSError as err:
        raise NotAskedError("no connection: its host is not known") from err
    except aiohttp.ClientConnectorError as err:  # whose own text has the address
        raise NotAskedError(f"no connection: {os.strerror(err.errno or 0)}") from err
    except aiohttp.ConnectionTimeoutError as err:
        raise NotAskedError("no connection in time") from err
    except aiohttp.InvalidURL as err:
        raise NotAskedError("its address is wrong") from err
    except TimeoutError as err:
        raise NoAnswerError(f"no answer within {session.timeout.total:g} s") from err
    except (aiohttp.ClientError, OSError, ValueError) as err:
        raise NoAnswerError(f"no proper answer ({type(err).__name__})") from err


def trusted_by(request: Request) -> ssl.SSLContext | bool:
    """Return what a certificate is trusted by; aiohttp's own context may be empty (memory.lean)."""
    if request.ssl_context is not None or not request.url.startswith("https:"):
        return request.ssl_context or True
    return _authorities()


@cache
def _authorities() -> ssl.SSLContext:
    return ssl.create_default_context()
