"""Announcing the agent by mDNS."""

from typing import Any

import ifaddr
import pytest
import zeroconf.asyncio

from gpu_heat_agent.announce import announced
from gpu_heat_agent.clock import as_datetime
from gpu_heat_agent.config import Listen, ServerConfig
from gpu_heat_agent.models import AgentInfo

INFO = AgentInfo(
    id="0f8e7d6c-0000-4000-8000-000000000000",
    name="gpu.rig",
    version="1.2.3",
    started_at=as_datetime(1.8e9),
)


class Network:
    """A multicast network that only remembers what it is told."""

    def __init__(self) -> None:
        self.services: list[Any] = []
        self.closed = False
        self.fault: Exception | None = None

    async def async_register_service(self, service: Any, *, allow_name_change: bool) -> None:
        assert allow_name_change
        if self.fault is not None:
            raise self.fault
        self.services.append(service)

    async def async_close(self) -> None:
        self.closed = True


def adapter(name: str, *addresses: str | tuple[str, int, int]) -> ifaddr.Adapter:
    ips = [ifaddr.IP(address, 24, name) for address in addresses]
    return ifaddr.Adapter(name, name, ips)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(zeroconf.asyncio, "AsyncZeroconf", lambda: network)
    adapters = [
        adapter("lo", "127.0.0.1", ("::1", 0, 0)),
        adapter("eth0", "192.0.2.7", ("2001:db8::7", 0, 0), ("fe80::1", 0, 2)),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    return network


def server(host: str | None) -> ServerConfig:
    return ServerConfig(listen=Listen(host=host, port=0))


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        (None, ["192.0.2.7", "2001:db8::7"]),
        ("0.0.0.0", ["192.0.2.7", "2001:db8::7"]),
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8::7", ["2001:db8::7"]),
    ],
)
async def test_agent_that_others_can_reach_is_announced(
    network: Network, host: str | None, addresses: list[str]
) -> None:
    async with announced(INFO, server(host), 9839):
        [service] = network.services
        assert service.type == "_gpu-heat._tcp.local."
        assert service.name == "gpu-rig._gpu-heat._tcp.local."
        assert service.port == 9839
        assert service.parsed_addresses() == addresses
        properties = {"id": INFO.id, "version": "1.2.3", "tls": "self-signed"}
        assert service.decoded_properties == properties
    assert network.closed


async def test_agent_on_the_loopback_is_not_announced(network: Network) -> None:
    async with announced(INFO, server("127.0.0.1"), 9839):
        assert network.services == []


async def test_network_that_refuses_is_a_warning(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    network.fault = OSError(19, "No such device")
    async with announced(INFO, server(None), 9839):
        pass
    assert caplog.text.count("Not announced by mDNS") == 1
    assert network.closed


async def test_machine_without_multicast_is_a_warning(
    network: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise OSError(99, "no multicast")

    monkeypatch.setattr(zeroconf.asyncio, "AsyncZeroconf", refuse)
    async with announced(INFO, server(None), 9839):
        pass
    assert "no multicast" in caplog.text
