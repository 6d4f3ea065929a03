"""Claiming the port, before anything else is done."""

import errno
import socket

from .config import Listen
from .errors import UsageError


def bind(listen: Listen) -> list[socket.socket]:
    """Return sockets bound to the wanted address, or to all of IPv4 and IPv6.

    Raises UsageError where that cannot be had; then nothing is left bound.
    """
    sockets: list[socket.socket] = []
    port = listen.port
    try:
        for family, host in _addresses(listen):
            try:
                sockets.append(_bind(family, host, port))
            except OSError as err:
                if family == socket.AF_INET6 and sockets and err.errno != errno.EADDRINUSE:
                    continue  # a machine without IPv6
                raise
            port = sockets[0].getsockname()[1]
    except (OSError, ValueError) as err:  # ValueError, UnicodeError too: no name of a host
        for sock in sockets:
            sock.close()
        where = f"{listen.host or '*'}:{listen.port}"
        why = err.strerror if isinstance(err, OSError) else "not the name of a host"
        remedy = "stop what listens there or choose another with --listen HOST:PORT"
        raise UsageError(f"cannot listen on {where}: {why}; {remedy}") from err
    return sockets


def is_loopback(host: str | None) -> bool:
    """Return whether only this machine can reach the address."""
    return host is not None and (host in {"localhost", "::1"} or host.startswith("127."))


def _addresses(listen: Listen) -> list[tuple[int, str]]:
    if listen.host is None:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104
    found = socket.getaddrinfo(listen.host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock
