"""Jobs that are apps with pause, resume and state addresses of their own."""

from collections.abc import Mapping, Sequence
import logging
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from ..errors import ConflictError, UnreachableError
from ..fetch import Answer, Request, fetch, open_session
from ..job_config import JobConfig
from ..secret_file import read_secret
from ..sockets import is_loopback
from ..state import JsonObject
from .driver import JobDriver
from .http_spec import Call, HttpSpec, read_spec
from .reported import MAX_BYTES, Report, read_report
from .self_paused import RefusedError, SelfPausedDriver

__all__ = ["HttpDriver", "make_driver", "read_spec"]

_LOGGER = logging.getLogger(__name__)

TIME_LIMIT_S = 3.0


class HttpDriver(SelfPausedDriver):
    """Asks nothing but the addresses that the config lists."""

    def __init__(self, specs: Mapping[str, HttpSpec]) -> None:
        super().__init__({job_id: spec.effect for job_id, spec in specs.items()})
        self._specs = specs
        self._session: aiohttp.ClientSession | None = None

    async def tell_pause(self, job_id: str) -> None:
        """Ask the address for pausing."""
        await self._tell(job_id, self._specs[job_id].pause)

    async def tell_resume(self, job_id: str) -> None:
        """Ask the address for resuming."""
        await self._tell(job_id, self._specs[job_id].resume)

    async def ask_state(self, job_id: str) -> Report:
        """Ask the address for the state."""
        spec = self._specs[job_id]
        answer = await self._ask(spec, spec.state)
        if not spec.state.good(answer.status):
            raise UnreachableError(_refusal(spec, answer.status))
        if not answer.whole:
            raise UnreachableError(f"its state is longer than {MAX_BYTES} bytes")
        if spec.state_path is not None:
            return spec.state_path.read(answer.body)
        return read_report(answer.body)

    async def close_tools(self) -> None:
        """Close what is asked with."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tell(self, job_id: str, call: Call) -> None:
        spec = self._specs[job_id]
        status = (await self._ask(spec, call)).status
        if call.good(status):
            return
        if status == 429 or status >= 500:
            raise UnreachableError(_refusal(spec, status))
        raise RefusedError(_refusal(spec, status))

    async def _ask(self, spec: HttpSpec, call: Call) -> Answer:
        headers = dict(spec.headers)
        if spec.token_file is not None:
            try:
                headers["Authorization"] = f"Bearer {read_secret(spec.token_file)}"
            except ConflictError as err:
                raise RefusedError(f"its token_file: {err}") from err
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if self._session is None:
            self._session = open_session(TIME_LIMIT_S)
        request = Request(
            url=call.url,
            method=call.method,
            headers=headers,
            body=call.body,
            ssl_context=spec.ssl_context,
        )
        return await fetch(self._session, request, max_bytes=MAX_BYTES)


def make_driver(
    jobs: Sequence[JobConfig], memories: Mapping[str, JsonObject], folder: Path
) -> JobDriver:
    """Return the driver of these jobs."""
    specs = {job.id: job.spec for job in jobs if isinstance(job.spec, HttpSpec)}
    for job_id, spec in specs.items():
        if spec.token_file is not None and _in_the_clear(spec):
            _LOGGER.warning("Job %s: its token crosses the network in the clear", job_id)
    return HttpDriver(specs)


def _refusal(spec: HttpSpec, status: int) -> str:
    text = f"it answered with status {status}"
    if status == 404 and spec.missing is not None:
        return f"{text}; {spec.missing}"
    if status in {401, 403}:
        return f"{text}; give the token that it takes in token_file"
    return text


def _in_the_clear(spec: HttpSpec) -> bool:
    addresses = [urlsplit(call.url) for call in (spec.pause, spec.resume, spec.state)]
    return any(
        parts.scheme == "http" and not is_loopback(parts.hostname or "") for parts in addresses
    )
