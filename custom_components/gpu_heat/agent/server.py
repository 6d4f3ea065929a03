"""The HTTP interface."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import hashlib
import hmac
import json
import logging
import time
from types import MappingProxyType

from aiohttp import hdrs, web

from .bodies import Body
from .connection import SERVER, Runner, error, http_error
from .errors import (
    AgentError,
    ConflictError,
    MalformedError,
    OutOfRangeError,
    UnknownError,
    UnreachableError,
)
from .models import Device, Job, Snapshot, to_json
from .rate_limit import RateLimit
from .service import LIMIT_LEASE_S, Service

_LOGGER = logging.getLogger(__name__)

MAX_BODY = 64 << 10
FIRST_REQUEST_S = 10.0
BODY_TIMEOUT_S = 10.0
LINGER_S = 1.0
RETRY_AFTER_S = 5
BURST, PER_S = 100.0, 20.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUS: Mapping[type[AgentError], tuple[int, str]] = MappingProxyType(
    {
        MalformedError: (400, "malformed"),
        UnknownError: (404, "unknown"),
        ConflictError: (409, "conflict"),
        OutOfRangeError: (422, "out_of_range"),
        UnreachableError: (503, "unreachable"),
    }
)


class Api:
    """The endpoints; `token` opens those that are not for all."""

    def __init__(
        self,
        service: Service,
        *,
        token: str,
        version: str,
        metrics_token: bool = False,
        limit: RateLimit | None = None,
    ) -> None:
        self._service = service
        self._token_hash = _hash(token)
        self._version = version
        self._metrics_token = metrics_token
        self._limit = limit or RateLimit(burst=BURST, per_s=PER_S)

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(
            middlewares=[_errors_as_json, self._limited], client_max_size=MAX_BODY
        )
        app.on_response_prepare.append(_name_server)
        guarded = self._guarded
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get(
                    "/metrics", guarded(self._metrics) if self._metrics_token else self._metrics
                ),
                web.get("/openapi.json", self._openapi),
                web.get("/api/v1/snapshot", guarded(self._snapshot)),
                web.post("/api/v1/jobs/{id}/pause", guarded(self._pause)),
                web.post("/api/v1/jobs/{id}/resume", guarded(self._resume)),
                web.put("/api/v1/devices/{id}/power_limit", guarded(self._power_limit)),
            ]
        )
        return app

    def _guarded(self, handler: _Handler) -> _Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
            known = hmac.compare_digest(_hash(given.strip()), self._token_hash)
            if scheme.lower() != "bearer" or not known:
                return error(
                    401,
                    "send the agent's token as Authorization: Bearer TOKEN",
                    code="unauthorized",
                    headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
                )
            return await handler(request)

        return checked

    @web.middleware
    async def _limited(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._limit.allows(request.remote or "", time.monotonic()):
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "1"}
            return error(429, "slow down", code="too_many_requests", headers=headers)
        return await handler(request)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _metrics(self, _: web.Request) -> web.Response:
        from . import metrics  # noqa: PLC0415 - not everybody asks for it

        body = metrics.page(await self._service.snapshot())
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: metrics.CONTENT_TYPE})

    async def _openapi(self, _: web.Request) -> web.Response:
        from .openapi import document  # noqa: PLC0415 - hardly anybody asks for it

        return web.json_response(document(self._version, metrics_token=self._metrics_token))

    async def _snapshot(self, _: web.Request) -> web.Response:
        return _json(await self._service.snapshot())

    async def _pause(self, request: web.Request) -> web.Response:
        body = await _body(request)
        lease_s, reason = body.number("lease_s"), body.text("reason")
        body.finish()
        job_id = request.match_info["id"]
        return _json(await self._service.pause(job_id, lease_s=lease_s, reason=reason))

    async def _resume(self, request: web.Request) -> web.Response:
        (await _body(request)).finish()
        return _json(await self._service.resume(request.match_info["id"]))

    async def _power_limit(self, request: web.Request) -> web.Response:
        body = await _body(request)
        watts, lease_s = body.number("watts"), body.number("lease_s", LIMIT_LEASE_S)
        body.finish()
        device_id = request.match_info["id"]
        return _json(await self._service.set_power_limit(device_id, watts, lease_s))


def make_runner(api: Api) -> web.AppRunner:
    """Return what serves the endpoints on the sockets that it is given."""
    return Runner(api.app(), first_request_s=FIRST_REQUEST_S, lingering_s=LINGER_S)


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except AgentError as err:
        status, code = _STATUS[type(err)]
        headers: dict[str, str] = {hdrs.RETRY_AFTER: str(RETRY_AFTER_S)} if status == 503 else {}
        return error(status, str(err), code=code, headers=headers)
    except web.HTTPException as err:
        return http_error(err)
    except Exception:
        _LOGGER.exception("A request failed: %s %s", request.method, request.path)
        return error(500, "the agent failed; its log says more")


async def _name_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = SERVER


async def _body(request: web.Request) -> Body:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return Body(await request.read())
    except TimeoutError as err:
        raise MalformedError("the body did not arrive in time") from err


def _json(value: Snapshot | Device | Job) -> web.Response:
    return web.json_response(text=json.dumps(to_json(value), allow_nan=False))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
