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
    import ifaddr  # noqa: PLC0415 - zeroconf has it loaded already

    packed = []
    for adapter in ifaddr.get_adapters():
        for address in adapter.ips:
            family = socket.AF_INET6 if isinstance(address.ip, tuple) else socket.AF_INET
            text = address.ip[0] if isinstance(address.ip, tuple) else address.ip
            if is_loopback(text) or text.lower().startswith("fe80:"):
                continue
            if host in {None, text, "0.0.0.0", "::"}:  # noqa: S104
                packed.append(socket.inet_pton(family, text))
    return packed
