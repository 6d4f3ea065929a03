"""The agent's configuration: what a TOML file and the command line can say."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
import os
from pathlib import Path
import re
import shutil
import socket
import sys
import tomllib

from .errors import UsageError
from .psu import Badge, FixedSupply, Mains, RatedSupply, Supply, certified
from .toml_table import Table

DEFAULT_PORT = 9839

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class TlsMode(StrEnum):
    """How the HTTP server is protected."""

    OFF = "off"
    SELF_SIGNED = "self-signed"
    FILES = "files"


class HostPower(StrEnum):
    """How the power of the whole machine is found."""

    NONE = "none"
    ESTIMATE = "estimate"
    IPMI = "ipmi"
    RAPL = "rapl"
    METER = "meter"
    AUTO = "auto"


class OnStop(StrEnum):
    """What becomes of a job that the agent started when the agent is stopped."""

    LEAVE = "leave"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; host None is every address."""

    host: str | None = None
    port: int = DEFAULT_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The HTTP server."""

    listen: Listen = Listen()
    tls: TlsMode = TlsMode.SELF_SIGNED
    certificate: Path | None = None
    key: Path | None = None
    metrics_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """The power of the whole machine.

    `base_load_w` is what neither the devices nor, with RAPL, processors and memory draw; None
    where nobody said. All of it is drawn through the power supply: `psu`, or one of a fixed
    efficiency.
    """

    power: HostPower = HostPower.NONE
    base_load_w: float | None = None
    psu_efficiency: float = 1.0
    psu: RatedSupply | None = None

    @property
    def supply(self) -> Supply:
        """What stands between the wall and the parts."""
        return self.psu or FixedSupply(efficiency=self.psu_efficiency)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig:
    """One job; exactly one of `command` and `pidfile` is given."""

    id: str
    name: str
    kind: str = "process"
    command: tuple[str, ...] | None = None
    pidfile: Path | None = None
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[int, ...] = ()
    on_stop: OnStop = OnStop.LEAVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All that can be configured."""

    name: str
    server: ServerConfig = ServerConfig()
    host: HostConfig = HostConfig()
    power_limit_enabled: bool = False
    jobs: tuple[JobConfig, ...] = ()


def default_config() -> Config:
    """Return the configuration of an agent without a file."""
    return Config(name=socket.gethostname())


def load_config(path: Path, kinds: frozenset[str]) -> Config:
    """Read and check a TOML file; `kinds` are the job kinds that have a driver.

    Raises UsageError, which names the file and the key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise UsageError(f"{path}: {err.strerror}; give a readable file with --config") from err
    except ValueError as err:  # also of bytes that are no text and of endless numbers
        raise UsageError(f"{path}: not valid TOML, correct it: {err}") from err
    except RecursionError as err:
        raise UsageError(f"{path}: nested too deeply, correct it") from err
    try:
        return _config(Table(document), path.resolve().parent, kinds)
    except UsageError as err:
        raise UsageError(f"{path}: {err}") from err


def with_overrides(config: Config, *, listen: str | None, tls: str | None) -> Config:
    """Return the configuration with what the command line says instead."""
    server = config.server
    if listen is not None:
        try:
            server = replace(server, listen=parse_listen(listen))
        except ValueError as err:
            raise UsageError(f"--listen {listen}: {err}") from err
    if tls is not None:
        server = replace(server, tls=TlsMode(tls))
    return replace(config, server=server)


def parse_listen(text: str) -> Listen:
    """Read "HOST:PORT", "[IPV6]:PORT", ":PORT" or "PORT". Raises ValueError."""
    match = re.fullmatch(r"(?:(\[[0-9a-fA-F:.%]+\]|[^:\[\]]*):)?(\d{1,5})", text.strip())
    if match is None or int(match[2]) > 65535:
        raise ValueError(f"write HOST:PORT, such as 127.0.0.1:{DEFAULT_PORT}")
    host = (match[1] or "").strip("[]")
    return Listen(host=None if host in {"", "*"} else host, port=int(match[2]))


def _config(top: Table, folder: Path, kinds: frozenset[str]) -> Config:
    config = Config(
        name=top.string("name") or socket.gethostname(),
        server=_server(top.table("server"), folder),
        host=_host(top.table("host")),
        power_limit_enabled=_power_limit(top.table("power_limit")),
        jobs=tuple(_job(table, folder, kinds) for table in top.tables("jobs")),
    )
    top.finish()
    for job_id, count in Counter(job.id for job in config.jobs).items():
        if count > 1:
            raise top.fault("jobs", f'the id "{job_id}" is there {count} times; make each unique')
    return config


def _server(table: Table, folder: Path) -> ServerConfig:
    listen = table.string("listen")
    try:
        where = parse_listen(listen) if listen is not None else Listen()
    except ValueError as err:
        raise table.fault("listen", str(err)) from err
    server = ServerConfig(
        listen=where,
        tls=table.choice("tls", TlsMode, TlsMode.SELF_SIGNED),
        certificate=_path(table, "certificate", folder),
        key=_path(table, "key", folder),
        metrics_token=table.boolean("metrics_token", False),
    )
    table.finish()
    return server


def _host(table: Table) -> HostConfig:
    power = table.choice("power", HostPower, HostPower.NONE)
    base_w = None
    if table.has("base_load_w"):
        base_w = table.number("base_load_w", 0.0, low=0.0, high=1e6)
    elif power is HostPower.ESTIMATE:
        raise table.fault("base_load_w", "give what all but the GPUs draws, in W")
    if table.has("psu") and table.has("psu_efficiency"):
        raise table.fault("psu_efficiency", "give either psu or psu_efficiency")
    efficiency = table.number("psu_efficiency", 1.0, low=0.1, high=1.0)
    host = HostConfig(power=power, base_load_w=base_w, psu_efficiency=efficiency, psu=_psu(table))
    table.finish()
    return host


def _psu(table: Table) -> RatedSupply | None:
    if not table.has("psu"):
        for key in ("psu_rated_w", "psu_voltage"):
            if table.has(key):
                raise table.fault(key, 'goes with psu, such as psu = "gold"; add that')
        return None
    if not table.has("psu_rated_w"):
        raise table.fault("psu_rated_w", "give what the power supply is rated for, in W")
    badge = table.choice("psu", Badge, Badge.WHITE)
    rated_w = table.number("psu_rated_w", 1.0, low=1.0, high=1e6)
    volts = table.number("psu_voltage", Mains.V115, low=Mains.V115, high=Mains.V230)
    if volts not in {Mains.V115, Mains.V230}:
        raise table.fault("psu_voltage", "write 115 or 230")
    return certified(badge, rated_w, Mains(int(volts)))


def _power_limit(table: Table) -> bool:
    enabled = table.boolean("enabled", False)
    table.finish()
    return enabled


def _job(table: Table, folder: Path, kinds: frozenset[str]) -> JobConfig:
    job_id = table.string("id")
    if job_id is None or not _SLUG.fullmatch(job_id):
        raise table.fault("id", "give an id of lower-case letters, digits, - and _")
    kind = table.string("kind") or "process"
    if kind not in kinds:
        raise table.fault("kind", "write one of " + ", ".join(f'"{k}"' for k in sorted(kinds)))
    if kind == "process" and sys.platform == "win32":
        raise table.fault("kind", f'a process (job "{job_id}") cannot be paused on Windows yet')
    command, pidfile = table.strings("command"), _path(table, "pidfile", folder)
    if (command is None) == (pidfile is None) or command == ():
        raise table.fault("command", f'give job "{job_id}" either a command or a pidfile')
    job = JobConfig(
        id=job_id,
        name=table.string("name") or job_id,
        kind=kind,
        command=command,
        pidfile=pidfile,
        cwd=_path(table, "cwd", folder),
        env=table.environment("env"),
        devices=table.integers("devices"),
        on_stop=table.choice("on_stop", OnStop, OnStop.LEAVE),
    )
    table.finish()
    _check_command(job, table)
    return job


def _check_command(job: JobConfig, table: Table) -> None:
    """Refuse a command that could not be started, while nothing has been started yet."""
    if job.cwd is not None and not os.path.isdir(job.cwd):  # which raises nothing
        raise table.fault("cwd", f"there is no folder {job.cwd}; create or correct it")
    if job.command is None:
        return
    program = job.command[0]
    if "/" in program:
        found = shutil.which(str((job.cwd or Path.cwd()) / program))
    else:
        found = shutil.which(program, path=job.env.get("PATH"))
    if found is None:
        raise table.fault("command", f'there is no program "{program}"; install or correct it')


def _path(table: Table, key: str, folder: Path) -> Path | None:
    """Take a path; a relative one starts at the folder of the config file."""
    text = table.string(key)
    try:
        return None if text is None else folder / Path(text).expanduser()
    except RuntimeError as err:  # there is no such user
        raise table.fault(key, f"{err}; write the whole path") from err
