"""Connections: too many, too slow, or no HTTP at all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import socket
from typing import Any

import pytest

from gpu_heat_agent import clock, server
from gpu_heat_agent.config import Config
from gpu_heat_agent.sockets import MAX_CONNECTIONS, MAX_PER_PEER, Connections

from .harness import RunningAgent, until
from .parts import Client, served

CLOSE = b"Connection: close\r\n\r\n"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with served(tmp_path, Config(name="rig")) as client:
        yield client


def place(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


async def say(url: str, words: bytes) -> tuple[bytes, dict[str, str], Any]:
    """Send bytes; return status line, headers and document of the answer."""
    reader, writer = await asyncio.open_connection(*place(url))
    writer.write(words)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.decode().split(": ", 1) for line in lines)
    return first, headers, json.loads(body)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"GARBAGE" * 3000 + b"\r\n\r\n", 400),
        (b"POST /GARBAGE HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: GARBAGE\r\n" + CLOSE, 417),
        (b"GET /nowhere HTTP/1.1\r\nHost: x\r\nExpect: GARBAGE\r\n" + CLOSE, 417),
    ],
    ids=["no HTTP", "long header", "negative length", "expect", "expect, no route"],
)
async def test_what_is_no_request_gets_our_error(client: Client, words: bytes, status: int) -> None:
    first, headers, answer = await say(client.url, words)
    assert first.split()[1] == str(status).encode()
    assert headers["Content-Type"].startswith("application/json")
    assert headers["Server"] == "gpu-heat-agent"
    assert answer["error"]["code"] == "malformed"
    assert "GARBAGE" not in json.dumps(answer)


@pytest.mark.parametrize("words", [b"", b"GET /healthz HTT"])
async def test_connection_that_sends_no_request_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: bytes
) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST_S", 0.1)
    async with served(tmp_path, Config(name="rig")) as client:
        reader, writer = await asyncio.open_connection(*place(client.url))
        writer.write(words)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_connection_that_has_sent_a_request_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST_S", 0.1)
    async with served(tmp_path, Config(name="rig")) as client:
        reader, writer = await asyncio.open_connection(*place(client.url))
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"}"), 10)
            await asyncio.sleep(0.2)
        writer.close()


def test_connections_are_counted_until_they_are_closed() -> None:
    connections = Connections(total=3, per_peer=2)
    made = [socket.socket() for _ in range(5)]
    assert [connections.admit(made[n], "a") for n in range(3)] == [True, True, False]
    assert [connections.admit(made[n], "b") for n in (3, 4)] == [True, False]
    made[0].close()
    assert connections.admit(made[4], "b")
    for connection in made:
        connection.close()


@asynccontextmanager
async def idle(url: str, peer: str, count: int) -> AsyncGenerator[list[asyncio.StreamReader]]:
    """Hold connections that say nothing."""
    pairs = [await asyncio.open_connection(*place(url), local_addr=(peer, 0)) for _ in range(count)]
    try:
        yield [reader for reader, _ in pairs]
    finally:
        for _, writer in pairs:
            writer.close()


async def hung_up(readers: list[asyncio.StreamReader], count: int) -> None:
    """Wait until so many of the connections, and no more, were closed by the agent."""

    def closed() -> int:
        return sum(reader.at_eof() or reader.exception() is not None for reader in readers)

    await until(lambda: closed() >= count)
    await asyncio.sleep(0.1)
    assert closed() == count


async def test_one_peer_cannot_take_all_connections(agent: RunningAgent) -> None:
    await agent.start()
    async with idle(agent.url, "127.0.0.2", MAX_PER_PEER + 8) as readers:
        await hung_up(readers, 8)
        assert len((await agent.snapshot())["devices"]) == 2


async def test_agent_outlives_more_connections_than_it_takes(agent: RunningAgent) -> None:
    await agent.start()
    peers = [f"127.0.1.{n}" for n in range(1, MAX_CONNECTIONS // MAX_PER_PEER + 2)]
    held: list[asyncio.StreamWriter] = []
    for peer in peers:
        for _ in range(MAX_PER_PEER):
            _, writer = await asyncio.open_connection(*place(agent.url), local_addr=(peer, 0))
            held.append(writer)
    await asyncio.sleep(0.2)
    assert agent.process is not None
    files = len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir()))
    assert MAX_CONNECTIONS < files < MAX_CONNECTIONS + 40
    for writer in held:
        writer.close()
    await asyncio.sleep(0.2)
    assert len((await agent.snapshot())["devices"]) == 2


def test_clock_reads_the_boot_id_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = clock.read_clock().boot_id
    opened: list[Path] = []
    monkeypatch.setattr(Path, "read_text", lambda path, **_: opened.append(path))
    assert clock.read_clock().boot_id == first
    assert opened == []
