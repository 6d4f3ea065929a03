"""HTTP connections: what is no request gets our errors too, and nobody keeps us waiting."""

import asyncio
from collections.abc import Mapping
import logging
from typing import Any

from aiohttp import hdrs, web

_LOGGER = logging.getLogger(__name__)

KEEP_ALIVE_S = 75.0
SERVER = "gpu-heat-agent"  # instead of the versions of all parts

_CODES: Mapping[int, str] = {
    400: "malformed",
    404: "unknown",
    405: "method_not_allowed",
    413: "too_large",
    417: "malformed",
    500: "internal",
    504: "internal",
}


def error(
    status: int, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an error in the form that all of ours have."""
    body = {"error": {"code": code or _CODES.get(status, "error"), "message": message}}
    return web.json_response(body, status=status, headers={hdrs.SERVER: SERVER, **(headers or {})})


def http_error(err: web.HTTPException) -> web.Response:
    """Return aiohttp's error in our form, without what it echoes."""
    allow = err.headers.get(hdrs.ALLOW)
    return error(err.status, err.reason, headers={} if allow is None else {hdrs.ALLOW: allow})


class Runner(web.AppRunner):
    """Serves an application; the first request has to come within `first_request_s`."""

    def __init__(self, app: web.Application, *, first_request_s: float, lingering_s: float) -> None:
        super().__init__(app, handle_signals=False, access_log=None, shutdown_timeout=3.0)
        self._first_request_s = first_request_s
        self._lingering_s = lingering_s

    async def _make_server(self) -> web.Server:
        inner = await super()._make_server()
        return _Server(inner, first_request_s=self._first_request_s, lingering_s=self._lingering_s)


class _Server(web.Server):
    """Makes a `_Connection` for every client."""

    def __init__(self, inner: web.Server, *, first_request_s: float, lingering_s: float) -> None:
        super().__init__(self._answer, request_factory=self._request)
        self._inner = inner
        self._first_request_s = first_request_s
        self._lingering_s = lingering_s

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            first_request_s=self._first_request_s,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=self._lingering_s,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._inner.request_handler(request)
        except web.HTTPException as err:  # raised before the middlewares are asked
            return http_error(err)

    def _request(self, message: Any, payload: Any, protocol: Any, *more: Any) -> web.BaseRequest:
        protocol.requested()
        return self._inner.request_factory(message, payload, protocol, *more)


class _Connection(web.RequestHandler):
    """One client."""

    def __init__(self, server: web.Server, *, first_request_s: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._first_request_s = first_request_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._first_request_s, self.force_close)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.requested()
        super().connection_lost(exc)

    def requested(self) -> None:
        """Take note that a request has come."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return our error for what is no request, or for a fault that nobody handled."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer was sent already")
        if status == 400:
            _LOGGER.debug("No HTTP from %s: %s", request.remote, message)
            response = error(status, "this is no valid HTTP request")
        else:
            _LOGGER.error("A request failed: %s", request.path, exc_info=exc)
            response = error(status, "the agent failed; its log says more")
        response.force_close()
        return response
