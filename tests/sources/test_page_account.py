"""Power and energy over the pages of a source."""

import json

import pytest

from custom_components.gpu_heat.agent.models import EnergyOrigin, Host, HostOrigin
from custom_components.gpu_heat.sources.page import read_page
from custom_components.gpu_heat.sources.page_account import LOST_S, PageAccount

T0 = 1_764_000_000.0


def gpu(power_w, uuid="GPU-1", host="a"):
    return f'DCGM_FI_DEV_POWER_USAGE{{UUID="{uuid}",Hostname="{host}"}} {power_w}\n'


def cpu(watts, host="a"):
    return f'kepler_node_cpu_watts{{zone="package",node_name="{host}"}} {watts}\n'


def rapl(joules):
    return f'node_rapl_package_joules_total{{index="0"}} {joules}\n'


def wall(watts, host="a", origin="wall"):
    return f'gpu_heat_host_power_watts{{origin="{origin}",instance="{host}:9"}} {watts}\n'


def take(account, at_s, *lines, fleet=False):
    return account.take(read_page("".join(lines).encode(), fleet=fleet), T0 + at_s)


def test_devices_alone_are_no_host():
    devices, host = take(PageAccount(), 0, gpu(100))
    assert host == Host()
    assert [device.power_w for device in devices] == [100.0]


def test_energy_of_power_alone_is_summed_over_time():
    account = PageAccount()
    take(account, 0, gpu(100))
    ((device,), _) = take(account, 10, gpu(200))
    assert (device.energy_j, device.energy_origin) == (1500.0, EnergyOrigin.INTEGRATED)


def test_processors_are_added_to_the_devices():
    account = PageAccount()
    take(account, 0, gpu(100), gpu(50, "GPU-2"), cpu(30))
    _, host = take(account, 10, gpu(100), gpu(50, "GPU-2"), cpu(30))
    assert host == Host(power_w=180.0, energy_j=1800.0, origin=HostOrigin.RAPL)


def test_power_of_a_counter_is_known_once_it_moved_twice():
    account = PageAccount()
    powers = [take(account, 10 * n, gpu(100), rapl(1000 + 500 * n))[1].power_w for n in range(4)]
    assert powers == [None, None, 150.0, 150.0]
    _, host = take(account, 40, gpu(100), rapl(3000))
    assert host.energy_j == 4000.0 + 2000.0


def test_a_meter_of_the_whole_replaces_the_sum():
    account = PageAccount()
    take(account, 0, gpu(100), cpu(30), wall(300))
    _, host = take(account, 10, gpu(100), cpu(30), wall(300))
    assert host == Host(power_w=300.0, energy_j=3000.0, origin=HostOrigin.WALL)


def test_each_machine_of_a_fleet_counts_by_its_own_meters():
    """a: its wall; b: GPU and processor; c: its GPU alone."""
    page = (gpu(100), wall(300), gpu(50, "GPU-2", "b"), cpu(20, "b"), gpu(7, "GPU-3", "c"))
    _, host = take(PageAccount(), 0, *page, fleet=True)
    assert (host.power_w, host.origin) == (377.0, HostOrigin.RAPL)


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (("wall", "wall"), HostOrigin.WALL),
        (("wall", "ipmi"), HostOrigin.IPMI),
        (("ipmi", "estimate"), HostOrigin.ESTIMATE),
        (("none", "wall"), HostOrigin.ESTIMATE),
        (("wall", "what"), HostOrigin.ESTIMATE),
    ],
)
def test_a_sum_is_as_sure_as_its_least_sure_part(origins, expected):
    page = [wall(100, host, origin) for host, origin in zip("ab", origins, strict=True)]
    _, host = take(PageAccount(), 0, *page, fleet=True)
    assert (host.power_w, host.origin) == (200.0, expected)


@pytest.mark.parametrize("lost", [gpu("NaN"), ""])
def test_without_a_device_no_sum_is_told(lost):
    account = PageAccount()
    take(account, 0, gpu(100), gpu(50, "GPU-2"), cpu(30))
    devices, host = take(account, 10, lost, gpu(50, "GPU-2"), cpu(30))
    assert {device.id: device.power_w for device in devices} == {"GPU-1": None, "GPU-2": 50.0}
    assert all(device.energy_j is not None for device in devices)
    assert (host.power_w, host.origin) == (None, HostOrigin.RAPL)
    assert host.energy_j == 500.0 + 300.0


def test_a_device_that_stays_away_counts_as_taken_away():
    account = PageAccount()
    for at_s in (0, 10):
        take(account, at_s, gpu(100), gpu(50, "GPU-2"), cpu(30))
    take(account, 10 + LOST_S, gpu(50, "GPU-2"), cpu(30))
    devices, host = take(account, 11 + LOST_S, gpu(50, "GPU-2"), cpu(30))
    assert [device.id for device in devices] == ["GPU-2"]
    assert host.power_w == 80.0
    assert host.energy_j == 1800.0 + 80.0  # over the gap of 300 s nothing was summed


def test_a_device_that_comes_back_goes_on():
    account = PageAccount()
    take(account, 0, gpu(100), cpu(30))
    take(account, 10, cpu(30))
    ((device,), host) = take(account, 20, gpu(100), cpu(30))
    assert (device.power_w, device.energy_j) == (100.0, 2000.0)
    assert (host.power_w, host.energy_j) == (130.0, 2600.0)


def test_a_meter_that_is_lost_leaves_the_sum_unknown():
    account = PageAccount()
    take(account, 0, gpu(100), wall(300))
    _, host = take(account, 10, gpu(100))
    assert (host.power_w, host.energy_j, host.origin) == (None, 0.0, HostOrigin.WALL)
    _, host = take(account, LOST_S + 1, gpu(100))
    assert host == Host()


def test_what_was_never_read_is_not_missed():
    _, host = take(PageAccount(), 0, gpu("NaN"), gpu(50, "GPU-2"), cpu(30))
    assert host.power_w == 80.0
    _, host = take(PageAccount(), 0, gpu(50), cpu("NaN"))
    assert host == Host()


def test_energy_of_the_host_never_decreases_whatever_tells_it():
    account = PageAccount()
    pages = [
        (gpu(100), cpu(30)),
        (gpu(100), cpu(30)),
        (gpu(100), cpu(30), wall(300)),
        (gpu(100), cpu(30), wall(300)),
        (cpu(30),),
        (gpu(100), cpu(30), wall(300)),
    ]
    energies = [take(account, 10 * n, *page)[1].energy_j for n, page in enumerate(pages)]
    assert energies == [0.0, 1300.0, 1300.0, 4300.0, 4300.0, 10_300.0]


def test_meters_go_on_in_a_later_run():
    account = PageAccount()
    take(account, 0, gpu(100), cpu(30))
    take(account, 10, gpu(100), cpu(30))
    later = PageAccount(json.loads(json.dumps(account.to_json())))
    ((device,), host) = take(later, 20, gpu(100), cpu(30))
    assert (device.energy_j, host.energy_j) == (2000.0, 2600.0)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"devices": 5, "parts": {"x": {}}, "host_j": "much"},
        {"host_j": float("nan")},
        {"host_j": -5},
    ],
)
def test_a_document_that_cannot_be_read_begins_anew(document):
    account = PageAccount(document)
    take(account, 0, gpu(100), cpu(30))
    assert take(account, 10, gpu(100), cpu(30))[1].energy_j == 1300.0
