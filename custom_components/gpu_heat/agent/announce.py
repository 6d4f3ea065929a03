"""Telling the local network where the agent is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import logging
import socket

from .config import ServerConfig
from .models import AgentInfo
from .sockets import is_loopback

_LOGGER = logging.getLogger(__name__)

SERVICE_TYPE = "_gpu-heat._tcp.local."


@asynccontextmanager
async def announced(info: AgentInfo, server: ServerConfig, port: int) -> AsyncIterator[None]:
    """Announce by mDNS for as long as the block runs, unless on the loopback only.

    Failing to is no reason not to serve: it is said once.
    """
    if is_loopback(server.listen.host):
        yield
        return
    from zeroconf import Error, NonUniqueNameException  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    zeroconf = None
    try:
        zeroconf = AsyncZeroconf()
        service = AsyncServiceInfo(
            SERVICE_TYPE,
            f"{_label(info.name)}.{SERVICE_TYPE}",
            port=port,
            addresses=_addresses(server.listen.host),
            properties={"id": info.id, "version": info.version, "tls": server.tls.value},
            server=f"gpu-heat-{info.id[:8]}.local.",
        )
        await zeroconf.async_register_service(service, allow_name_change=True)
    except (Error, NonUniqueNameException, OSError) as err:
        _LOGGER.warning("Not announced by mDNS: %s", str(err) or type(err).__name__)
    try:
        yield
    finally:
        if zeroconf is not None:
            await zeroconf.async_close()


def _label(name: str) -> str:
    """Return a name as one DNS label of at most 63 bytes."""
    return name.replace(".", "-").encode()[:60].decode(errors="ignore")


def _addresses(host: str | None) -> list[bytes]:
    """Return the addresses that others can reach, packed."""
    import psutil  # noqa: PLC0415 - Home Assistant, which uses parts of the agent, may lack it

    packed = []
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            text = address.address.partition("%")[0]
            if address.family not in {socket.AF_INET, socket.AF_INET6} or is_loopback(text):
                continue
            if not text.lower().startswith("fe80:") and host in {None, text, "0.0.0.0", "::"}:  # noqa: S104
                packed.append(socket.inet_pton(address.family, text))
    return packed
