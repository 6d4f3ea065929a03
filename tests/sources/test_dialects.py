"""What each exporter's page tells, on pages with figures of our own."""

from datetime import UTC, datetime
from pathlib import Path
import re

import pytest

from custom_components.gpu_heat.agent.metrics import page as agent_page
from custom_components.gpu_heat.agent.models import (
    AgentInfo,
    Device,
    EnergyOrigin,
    Host,
    HostOrigin,
    Snapshot,
    Vendor,
)
from custom_components.gpu_heat.sources import NotASourceError
from custom_components.gpu_heat.sources.dialects import CustomRow, CustomUnit
from custom_components.gpu_heat.sources.page import read_page

PAGES = Path(__file__).parent / "pages"
FIRST = "GPU-aaaaaaaa-0000-4000-8000-000000000001"
SECOND = "GPU-bbbbbbbb-0000-4000-8000-000000000002"


def load(name):
    return (PAGES / f"{name}.prom").read_bytes()


def powers(page):
    return {reading.device.id: reading.device.power_w for reading in page.devices}


def counters(page):
    return {reading.device.id: reading.counter_j for reading in page.devices}


def device(page, number=0):
    return page.devices[number].device


def test_nvidia_gpu_exporter():
    page = read_page(load("nvidia_gpu_exporter"))
    assert powers(page) == {FIRST: 300.25, SECOND: 60.5}
    assert counters(page) == {FIRST: 1_234_500.0, SECOND: None}
    assert device(page) == Device(
        id=FIRST,
        vendor=Vendor.NVIDIA,
        name="NVIDIA GeForce RTX 3090",
        index=0,
        power_w=300.25,
        temperature_c=66.0,
        utilization=0.98,
        memory_used_bytes=1_073_741_824,
        memory_total_bytes=25_769_803_776,
        power_limit_w=340.0,
        power_limit_min_w=100.0,
        power_limit_max_w=400.0,
    )
    assert device(page, 1).index == 1
    assert page.dialects == ("nvidia_gpu_exporter",)


@pytest.mark.parametrize(
    ("without", "expected"),
    [("draw_watts", 301.0), ("draw_watts|draw_average_watts", 320.5)],
)
def test_average_and_instant_power_only_stand_in(without, expected):
    page = re.sub(
        rf"nvidia_smi_power_({without})\{{".encode(), b"other{", load("nvidia_gpu_exporter")
    )
    assert powers(read_page(page))[FIRST] == expected


def test_a_masked_uuid_is_no_uuid():
    masked = re.sub(rb"GPU-[^\"]+", b"GPU-00000000-0000-0000-0000-000000000000", load("dcgm_mig"))
    assert powers(read_page(masked)) == {"dcgm-exporter-0": 52.6, "dcgm-exporter-1": 98.5}


def test_dcgm_tells_each_card_once_with_mig_and_pods():
    """Card 0 has rows of instances alone, card 1 also its own, one for each pod."""
    page = read_page(load("dcgm_mig"))
    assert powers(page) == {FIRST: 52.6, SECOND: 98.5}
    assert counters(page) == {FIRST: 2_500_000.123, SECOND: None}
    card, other = device(page), device(page, 1)
    assert (card.name, card.index, card.vendor) == ("NVIDIA A30", 0, Vendor.NVIDIA)
    assert (card.temperature_c, card.memory_used_bytes) == (41.0, None)
    assert (other.temperature_c, other.memory_temperature_c) == (44.0, None)
    assert (other.utilization, other.memory_used_bytes) == (0.75, 1_073_741_824)
    assert page.hosts == ("node-a",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Hostname=", b"hostname="),
        (b"UUID=", b"uuid="),
        (b"TOTAL_ENERGY_CONSUMPTION{", b"TOTAL_ENERGY_CONSUMPTION_total{"),
        (b"# TYPE", b"# NOTE"),
        (b"DCGM_FI_DEV_POWER_USAGE{", b"DCGM_FI_DEV_POWER_USAGE_INSTANT{"),
        (b"\n", b"\r\n"),
    ],
)
def test_dcgm_may_spell_it_otherwise(old, new):
    page = read_page(load("dcgm_mig").replace(old, new))
    assert powers(page) == {FIRST: 52.6, SECOND: 98.5}
    assert counters(page)[FIRST] == 2_500_000.123
    assert page.hosts == ("node-a",)


@pytest.mark.parametrize(
    "value",
    ["9223372036854775792", "9223372036854775794", "2147483632", "NaN", "-5", "1e308", "65535"],
)
def test_a_blank_is_no_power(value):
    page = f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="{FIRST}"}} {value}\n'
    assert powers(read_page(page.encode())) == {FIRST: None}


def test_no_power_is_a_power():
    page = f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="{FIRST}"}} 0\n'
    assert powers(read_page(page.encode())) == {FIRST: 0.0}


def test_all_smi_counts_neither_chassis_nor_processor():
    page = read_page(load("all_smi"))
    assert powers(page) == {FIRST: 410.5, "GPU-8f00": 500.0}
    assert counters(page) == {FIRST: 8430.125, "GPU-8f00": 1000.0}
    assert page.parts == ()
    assert [reading.device.vendor for reading in page.devices] == [Vendor.NVIDIA, Vendor.AMD]
    assert (device(page).utilization, device(page).power_limit_w) == (0.25, 700.0)


def test_all_smi_before_its_labels_changed():
    old = load("all_smi").replace(b"gpu_uuid=", b"uuid=").replace(b"gpu_index=", b"index=")
    assert read_page(old) == read_page(load("all_smi"))


def test_amd_tells_each_gpu_once_with_partitions():
    page = read_page(load("amd"))
    first, last = "device-metrics-exporter-0", "device-metrics-exporter-8"
    assert powers(page) == {first: 321.0, last: 300.5}
    assert counters(page) == {first: 1.5e9, last: None}
    card = device(page)
    assert (card.name, card.vendor) == ("AMD Instinct MI300X", Vendor.AMD)
    assert (card.temperature_c, card.utilization) == (52.0, 0.5)
    assert card.memory_total_bytes == 4_294_967_296


@pytest.mark.parametrize("prefix", [b"", b"site1_"])
def test_amd_may_have_any_prefix(prefix):
    assert read_page(load("amd").replace(b"amd_gpu", prefix + b"gpu")) == read_page(load("amd"))


def test_a_name_that_ends_alike_is_not_amds():
    with pytest.raises(NotASourceError, match="known exporter"):
        read_page(b'container_gpu_power_usage{container="x"} 5\n')


@pytest.mark.parametrize("name", ["average_package_power", "power_usage"])
def test_amd_of_other_cards(name):
    page = f'gpu_{name}{{gpu_id="3",serial_number="1"}} 77\n'
    assert powers(read_page(page.encode())) == {"device-metrics-exporter-3": 77.0}


def test_node_exporter_tells_gpus_by_their_chips():
    page = read_page(load("node_exporter"))
    amd, intel = (reading.device for reading in page.devices)
    assert (amd.name, amd.vendor, amd.power_w) == ("amdgpu", Vendor.AMD, 203.0)
    assert (amd.temperature_c, amd.memory_temperature_c, amd.power_limit_w) == (61.0, 70.0, 272.0)
    assert (intel.name, intel.vendor, intel.power_w) == ("xe", Vendor.INTEL, None)
    assert counters(page)[intel.id] == 5000.5


@pytest.mark.parametrize("zone_label", [False, True])
def test_node_exporter_tells_packages_and_memory(zone_label):
    raw = load("node_exporter")
    if zone_label:
        raw = re.sub(
            rb"node_rapl_(\w+)_joules_total{", rb'node_rapl_joules_total{rapl_zone="\1",', raw
        )
    page = read_page(raw)
    assert {part.id: part.counter_j for part in page.parts} == {
        "node_exporter-package-0": 1000.0,
        "node_exporter-package-1": 2000.0,
        "node_exporter-dram-0": 50.0,
    }
    assert not any(part.whole for part in page.parts)


def test_each_die_of_a_package_counts():
    page = b"".join(
        b'node_rapl_package_0_die_%d_joules_total{index="0",path="/p%d"} %d\n' % (die, die, die)
        for die in (0, 1)
    )
    assert [part.counter_j for part in read_page(page).parts] == [0.0, 1.0]


def test_a_tile_of_a_card_is_no_card():
    page = (
        b'node_hwmon_chip_names{chip="a",chip_name="i915"} 1\n'
        b'node_hwmon_chip_names{chip="b",chip_name="i915_gt0"} 1\n'
        b'node_hwmon_energy_joule_total{chip="a",sensor="energy1"} 9\n'
        b'node_hwmon_energy_joule_total{chip="b",sensor="energy1"} 5\n'
    )
    assert counters(read_page(page)) == {"node_exporter-a": 9.0}


def test_the_boards_power_meter_is_of_the_whole_machine():
    page = (
        b'node_hwmon_chip_names{chip="acpi",chip_name="power_meter"} 1\n'
        b'node_hwmon_power_average_watt{chip="acpi",sensor="power1"} 412\n'
        b'node_hwmon_power_average_max_watt{chip="acpi",sensor="power1"} 999\n'
    )
    (part,) = read_page(page).parts
    assert (part.whole, part.origin, part.power_w) == (True, HostOrigin.WALL, 412.0)


def test_node_exporter_without_any_power_is_refused():
    with pytest.raises(NotASourceError, match="known exporter"):
        read_page(b'node_cpu_seconds_total{cpu="0"} 5\nnode_hwmon_temp_celsius{chip="x"} 40\n')


def test_kepler():
    page = read_page(load("kepler"))
    assert powers(page) == {FIRST: 30.0}
    assert counters(page) == {FIRST: 777.0}
    assert (device(page).name, device(page).vendor) == ("Tesla T4", Vendor.NVIDIA)
    assert [(part.power_w, part.counter_j) for part in page.parts] == [(4.5, None), (60.5, 12345.0)]


def test_scaphandre():
    (part,) = read_page(load("scaphandre")).parts
    assert (part.power_w, part.counter_j, part.whole) == (45.5, 123.0, False)


def test_nvitop_without_its_mig_devices():
    page = read_page(load("nvitop"))
    assert powers(page) == {FIRST: 111.25}
    assert (device(page).utilization, device(page).power_limit_w) == (1.0, 400.0)
    assert device(page).memory_used_bytes == 2_097_152


def test_mindprince():
    page = read_page(load("mindprince"))
    assert powers(page) == {FIRST: 150.25}
    assert (device(page).utilization, device(page).temperature_c) == (0.6, 71.0)


def test_our_own_agent():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    gpu = Device(
        id=FIRST,
        vendor=Vendor.NVIDIA,
        name='A "GPU"',
        index=3,
        power_w=250.5,
        energy_j=1234.5,
        energy_origin=EnergyOrigin.COUNTER,
        temperature_c=70.0,
        utilization=0.5,
        power_limit_w=300.0,
    )
    told = Snapshot(
        agent=AgentInfo(id="a", name="a", version="1", started_at=now),
        taken_at=now,
        devices=(gpu,),
        host=Host(power_w=400.0, energy_j=5000.0, origin=HostOrigin.WALL),
    )
    page = read_page(agent_page(told))
    assert (device(page).id, device(page).name, device(page).index) == (FIRST, 'A "GPU"', 3)
    assert (device(page).power_w, counters(page)) == (250.5, {FIRST: 1234.5})
    assert (device(page).temperature_c, device(page).utilization) == (70.0, 0.5)
    (part,) = page.parts
    assert (part.whole, part.origin) == (True, HostOrigin.WALL)
    assert (part.power_w, part.counter_j) == (400.0, 5000.0)


@pytest.mark.parametrize(
    ("unit", "power_w", "counter_j"),
    [
        ("W", 250.0, None),
        ("kW", 250_000.0, None),
        ("mW", 0.25, None),
        ("µW", 0.00025, None),
        ("J", None, 250.0),
        ("kJ", None, 250_000.0),
        ("mJ", None, 0.25),
        ("µJ", None, 0.00025),
        ("Wh", None, 900_000.0),
        ("kWh", None, 900_000_000.0),
    ],
)
def test_a_users_own_metric(unit, power_w, counter_j):
    row = CustomRow(metric="my_meter", unit=CustomUnit(unit))
    page = read_page(b'my_meter{site="x"} 250\nother 1\n', custom=row)
    (reading,) = page.devices
    if power_w == 250_000.0:  # more than is believed
        power_w = None
    assert (reading.device.id, reading.device.power_w, reading.counter_j) == (
        "custom",
        power_w,
        counter_j,
    )
    assert reading.device.vendor is Vendor.OTHER


def test_a_users_label_tells_devices_apart():
    row = CustomRow(metric="my_watts", unit=CustomUnit.W, label="outlet")
    page = read_page(
        b'my_watts{outlet="a/1",phase="1"} 10\nmy_watts{outlet="a/1",phase="x"} 10\n'
        b'my_watts{outlet="b"} 20\n',
        custom=row,
    )
    assert powers(page) == {"custom-a%2F1": 10.0, "custom-b": 20.0}
    assert {reading.device.name for reading in page.devices} == {"a/1", "b"}


@pytest.mark.parametrize("label", [None, "rack"])
def test_series_that_nothing_tells_apart_are_not_summed_or_dropped(label):
    row = CustomRow(metric="my_watts", unit=CustomUnit.W, label=label)
    with pytest.raises(NotASourceError, match="several series"):
        read_page(
            b'my_watts{rack="1",outlet="a"} 10\nmy_watts{rack="1",outlet="b"} 20\n', custom=row
        )


def test_a_users_metric_alone_counts():
    row = CustomRow(metric="my_watts", unit=CustomUnit.W)
    with pytest.raises(NotASourceError, match="no sample of my_watts"):
        read_page(load("nvitop"), custom=row)
