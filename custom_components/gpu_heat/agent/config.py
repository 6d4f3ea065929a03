"""The agent's configuration: what a TOML file and the command line can say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
import re
import socket
import tomllib

from .errors import UsageError
from .job_config import JobConfig, ReadSpec, read_jobs
from .psu import Badge, FixedSupply, Mains, RatedSupply, Supply, certified
from .toml_table import Table

DEFAULT_PORT = 9839


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


def load_config(path: Path, kinds: Mapping[str, ReadSpec]) -> Config:
    """Read and check a TOML file; `kinds` read what is particular to each kind of job.

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


def _config(top: Table, folder: Path, kinds: Mapping[str, ReadSpec]) -> Config:
    config = Config(
        name=top.string("name") or socket.gethostname(),
        server=_server(top.table("server"), folder),
        host=_host(top.table("host")),
        power_limit_enabled=_power_limit(top.table("power_limit")),
        jobs=read_jobs(top.tables("jobs"), folder, kinds),
    )
    top.finish()
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
        certificate=table.path("certificate", folder),
        key=table.path("key", folder),
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
