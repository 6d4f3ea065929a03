"""What the config says of a job that is controlled over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
import re
import ssl
from types import MappingProxyType

from yarl import URL

from ..errors import ConflictError
from ..job_config import JobSpec
from ..models import JobState
from ..secret_file import read_secret
from ..toml_table import Table
from .driver import Effect
from .reported import StatePath, meanings


class Method(StrEnum):
    """How an address is called."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; of the statuses that are good none stands for 200 to 299."""

    url: str
    method: Method
    body: bytes | None = None
    statuses: frozenset[int] = frozenset()

    def good(self, status: int) -> bool:
        """Return whether an answer with this status is what was wanted."""
        return status in self.statuses if self.statuses else 200 <= status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSpec(JobSpec):
    """One app; without `state_path` its state is in our own words."""

    pause: Call
    resume: Call
    state: Call
    state_path: StatePath | None = None
    effect: Effect
    headers: Mapping[str, str] = field(default_factory=dict)
    token_file: Path | None = None
    ssl_context: ssl.SSLContext | None = None
    missing: str | None = None
    """What to do where the app has no such addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """An app that is known: paths under its address, and what its pause does."""

    pause: str
    resume: str
    state: str
    state_path: StatePath
    effect: Effect
    missing: str


def _vllm(verbs: tuple[str, str, str], *, frees_gpu: bool, keeps_work: bool, flags: str) -> Preset:
    pause, resume, state = verbs
    paused, running = (True, JobState.PAUSED), (False, JobState.RUNNING)
    return Preset(
        pause=pause,
        resume=resume,
        state=state,
        state_path=StatePath(keys=(state.strip("/"),), meanings=(paused, running)),
        effect=Effect(frees_gpu=frees_gpu, keeps_work=keeps_work),
        missing=f"start vLLM with {flags}",
    )


# https://docs.vllm.ai/en/latest/features/sleep_mode/: asleep, vLLM has let go of the GPU's
# memory and has aborted what it was at. Paused in the mode "keep" it holds on to both.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "vllm": _vllm(
            ("/sleep?level=1", "/wake_up", "/is_sleeping"),
            frees_gpu=True,
            keeps_work=False,
            flags="VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode",
        ),
        "vllm_keep": _vllm(
            ("/pause?mode=keep", "/resume", "/is_paused"),
            frees_gpu=False,
            keeps_work=True,
            flags="VLLM_SERVER_DEV_MODE=1, version 0.17 or later",
        ),
    }
)

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "content-type"})


def read_spec(table: Table, job_id: str, folder: Path) -> HttpSpec:
    """Take the keys of an app. Raises UsageError."""
    name, base = table.string("preset"), table.http_url("url")
    if name is not None and name not in PRESETS:
        raise table.fault("preset", "write one of " + ", ".join(f'"{known}"' for known in PRESETS))
    if (name is None) != (base is None):
        raise table.fault("url", "goes with preset, as the app's own address; give both or none")
    preset = PRESETS.get(name or "")
    if base is not None and re.search(r"[?#]", base):
        raise table.fault("url", "write the address alone, such as http://127.0.0.1:8000")
    under = (base or "").rstrip("/")
    token_file = _token_file(table, folder)
    default = Effect(frees_gpu=False, keeps_work=True) if preset is None else preset.effect
    return HttpSpec(
        pause=_call(table, "pause", Method.POST, under + preset.pause if preset else None),
        resume=_call(table, "resume", Method.POST, under + preset.resume if preset else None),
        state=_call(table, "state", Method.GET, under + preset.state if preset else None),
        state_path=_state_path(table) or (preset.state_path if preset else None),
        effect=Effect(
            frees_gpu=table.boolean("frees_gpu", default.frees_gpu),
            keeps_work=table.boolean("keeps_work", default.keeps_work),
        ),
        headers=_headers(table, with_token=token_file is not None),
        token_file=token_file,
        ssl_context=_ssl_context(table, folder),
        missing=preset.missing if preset else None,
    )


def _call(table: Table, key: str, method: Method, preset: str | None) -> Call:
    if preset is not None and not table.has(key):
        return Call(url=preset, method=method)
    if not table.is_table(key):
        return Call(url=_url(table, key, table.http_url(key)), method=method)
    inner = table.table(key)
    call = Call(
        url=_url(inner, "url", inner.http_url("url")),
        method=inner.choice("method", Method, method),
        body=inner.json("json"),
        statuses=frozenset(inner.integers("expect")),
    )
    if call.body is not None and call.method is Method.GET:
        raise inner.fault("json", 'a GET has no body; remove it, or write method = "POST"')
    if not all(200 <= status <= 599 for status in call.statuses):
        raise inner.fault("expect", "write statuses from 200 to 599, such as [200, 202]")
    inner.finish()
    return call


def _url(table: Table, key: str, url: str | None) -> str:
    if url is None:
        raise table.fault(key, "give the address, such as http://127.0.0.1:8000/pause")
    try:
        fits = bool(URL(url).host) and url.isprintable()
    except ValueError:
        fits = False
    if not fits:
        raise table.fault(key, "write an address such as http://127.0.0.1:8000/pause")
    return url


def _state_path(table: Table) -> StatePath | None:
    text = table.string("state_path")
    states = (JobState.PAUSED, JobState.RUNNING, JobState.FINISHED, JobState.FAILED)
    lists = [(state, table.scalars(f"{state}_when")) for state in states]
    if text is None:
        for state, values in lists:
            if values:
                raise table.fault(f"{state}_when", "goes with state_path; give that too")
        return None
    for state, values in lists[:2]:
        if not values:
            raise table.fault(f"{state}_when", 'list the values that mean it, such as ["busy"]')
    try:
        return StatePath(keys=tuple(text.split(".")), meanings=meanings(lists))
    except ValueError as err:
        raise table.fault("state_path", f"{err} is listed with two meanings; remove one") from err


def _headers(table: Table, *, with_token: bool) -> dict[str, str]:
    inner = table.table("headers")
    found: dict[str, str] = {}
    for name in inner.names():
        value = inner.string(name) or ""
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise inner.fault(name, "write a header's name and a text of visible ASCII")
        if name.lower() in _OURS or (with_token and name.lower() == "authorization"):
            raise inner.fault(name, "this one is written by the agent; remove it")
        found[name] = value
    return found


def _token_file(table: Table, folder: Path) -> Path | None:
    path = table.path("token_file", folder)
    if path is not None and path.exists():  # else somebody may still write it
        try:
            read_secret(path)
        except ConflictError as err:
            raise table.fault("token_file", str(err)) from err
    return path


def _ssl_context(table: Table, folder: Path) -> ssl.SSLContext | None:
    path = table.path("ca_file", folder)
    try:
        return None if path is None else ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as err:
        raise table.fault("ca_file", f"{path} is no PEM file that can be read") from err
