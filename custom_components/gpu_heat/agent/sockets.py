"""Claiming the port, before anything else is done."""

import errno
import socket
import sys
from typing import Any
from weakref import WeakKeyDictionary

from .config import Listen
from .errors import UsageError

MAX_CONNECTIONS = 256
MAX_PER_PEER = 32

if sys.platform == "win32":  # where the other one lets anyone take over a port that is in use
    _ADDRESS_OPTION = socket.SO_EXCLUSIVEADDRUSE
else:
    _ADDRESS_OPTION = socket.SO_REUSEADDR


class Connections:
    """The connections that are open, of all listeners together."""

    def __init__(self, *, total: int, per_peer: int) -> None:
        self._total = total
        self._per_peer = per_peer
        self._peers: WeakKeyDictionary[socket.socket, str] = WeakKeyDictionary()

    def admit(self, connection: socket.socket, peer: str) -> bool:
        """Count a connection until it is closed; False where there are too many."""
        peers = [peer for open_, peer in self._peers.items() if open_.fileno() >= 0]
        if len(peers) >= self._total or peers.count(peer) >= self._per_peer:
            return False
        self._peers[connection] = peer
        return True


class Listener(socket.socket):
    """Hangs up on connections that are too many, before they cost a TLS handshake."""

    def __init__(self, family: int, connections: Connections) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._connections = connections

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection. Raises ConnectionAbortedError for one too many."""
        connection, address = super().accept()
        if self._connections.admit(connection, str(address[0])):
            return connection, address
        connection.close()
        raise ConnectionAbortedError(errno.ECONNABORTED, "too many connections")


def bind(listen: Listen) -> list[socket.socket]:
    """Return sockets bound to the wanted address, or to all of IPv4 and IPv6.

    Raises UsageError where that cannot be had; then nothing is left bound.
    """
    sockets: list[socket.socket] = []
    port = listen.port
    connections = Connections(total=_most_connections(), per_peer=MAX_PER_PEER)
    try:
        for family, host in _addresses(listen):
            try:
                sockets.append(_bind(Listener(family, connections), host, port))
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


def _most_connections() -> int:
    """Return how many connections leave enough files to open for all else."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource  # noqa: PLC0415 - Windows has none

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if files < 0 else min(MAX_CONNECTIONS, files // 2)


def _addresses(listen: Listen) -> list[tuple[int, str]]:
    if listen.host is None:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104
    found = socket.getaddrinfo(listen.host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind(sock: Listener, host: str, port: int) -> Listener:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ADDRESS_OPTION, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock
