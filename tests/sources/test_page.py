"""Pages of several exporters or machines, and what pages of any kind have in common."""

import random

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.gpu_heat.sources import NotASourceError, SourceError
from custom_components.gpu_heat.sources.page import read_page

from .test_dialects import FIRST, PAGES, SECOND, load, powers

ALL = sorted(path.stem for path in PAGES.glob("*.prom"))
THIRD = "GPU-cccccccc-0000-4000-8000-000000000003"


def test_a_fleet_has_its_hosts_in_the_ids():
    page = read_page(load("fleet"), fleet=True)
    assert powers(page) == {
        "10.0.0.3/" + THIRD: 25.0,
        "node-a/" + FIRST: 100.0,
        "node-b/" + SECOND: 50.0,
    }
    (part,) = page.parts
    assert (part.host, part.power_w) == ("node-a", 390.0)
    assert page.hosts == ("10.0.0.3", "node-a", "node-b")
    assert page.dialects == ("dcgm-exporter", "nvidia_gpu_exporter", "node_exporter")


def test_what_is_found_is_the_same_before_anyone_says_that_it_is_a_fleet():
    page, fleet = read_page(load("fleet")), read_page(load("fleet"), fleet=True)
    assert (page.hosts, page.dialects) == (fleet.hosts, fleet.dialects)
    assert set(powers(page)) == {FIRST, SECOND, THIRD}


@pytest.mark.parametrize(
    "label", ["Hostname", "hostname", "host", "node", "nodename", "kubernetes_node"]
)
def test_a_host_is_named_by_its_surest_label(label):
    page = f'DCGM_FI_DEV_POWER_USAGE{{UUID="GPU-1",{label}="n/1",instance="10.0.0.1:9400"}} 5\n'
    assert powers(read_page(page.encode(), fleet=True)) == {"n/1/GPU-1": 5.0}


@pytest.mark.parametrize(
    ("instance", "host"), [("h:9400", "h/"), ("h", "h/"), ("[::1]:9400", "[::1]/"), ("", "")]
)
def test_an_instance_is_a_host_without_its_port(instance, host):
    page = f'DCGM_FI_DEV_POWER_USAGE{{UUID="GPU-1",instance="{instance}"}} 5\n'
    assert powers(read_page(page.encode(), fleet=True)) == {f"{host}GPU-1": 5.0}


def test_gpus_of_the_same_place_on_two_machines_are_two_in_a_fleet_and_refused_else():
    page = b"".join(
        b'gpu_package_power{gpu_id="0",serial_number="s",hostname="%s"} 100\n' % host
        for host in (b"a", b"b")
    )
    assert set(powers(read_page(page, fleet=True))) == {
        "a/device-metrics-exporter-0",
        "b/device-metrics-exporter-0",
    }
    with pytest.raises(NotASourceError, match="fleet"):
        read_page(page)


def test_a_gpu_that_two_exporters_tell_of_counts_once():
    """Of one machine, or of two names for one machine."""
    page = load("dcgm_mig") + load("nvidia_gpu_exporter") + load("nvitop")
    for fleet in (False, True):
        assert sum(powers(read_page(page, fleet=fleet)).values()) == 151.1


def test_a_uuid_that_is_not_unique_in_the_world_is_so_on_its_machine():
    page = (
        b'DCGM_FI_DEV_POWER_USAGE{UUID="GPU-1",Hostname="a"} 5\n'
        b'all_smi_gpu_power_consumption_watts{gpu_uuid="GPU-1",instance="a"} 6\n'
        b'all_smi_gpu_power_consumption_watts{gpu_uuid="GPU-1",instance="b"} 7\n'
    )
    assert powers(read_page(page, fleet=True)) == {"a/GPU-1": 5.0, "b/GPU-1": 7.0}


def test_a_gpu_without_uuid_counts_only_if_nobody_else_tells_of_that_make():
    amd = b'gpu_package_power{gpu_id="0",serial_number="s"} 200\n'
    assert powers(read_page(load("node_exporter") + amd)) == {
        "device-metrics-exporter-0": 200.0,
        "node_exporter-0000:00:02_0_0000:05:00_0": None,
    }
    both = read_page(load("node_exporter") + load("dcgm_mig"))
    assert len(both.devices) == 4


def test_processors_that_several_exporters_tell_of_count_once():
    page = read_page(load("node_exporter") + load("kepler") + load("scaphandre"))
    assert {part.id.split("-")[0] for part in page.parts} == {"node_exporter"}


def told(page, **options):
    """Return what a page tells, or what is wrong with it."""
    try:
        return read_page(page, **options)
    except SourceError as err:
        return str(err)


@given(st.data())
@settings(max_examples=60)
def test_the_order_of_lines_changes_nothing(data):
    names = data.draw(st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True))
    lines = b"".join(load(name) for name in names).splitlines(keepends=True)
    shuffled = lines.copy()
    random.Random(data.draw(st.integers())).shuffle(shuffled)
    for fleet in (False, True):
        assert told(b"".join(shuffled), fleet=fleet) == told(b"".join(lines), fleet=fleet)


@given(
    st.sampled_from(ALL),
    st.lists(
        st.from_regex(rb'foreign_[a-z]{1,8}(\{[a-z]="[^"\\\n<]*"\})? [0-9]{1,4}', fullmatch=True)
    ),
)
@settings(max_examples=60)
def test_foreign_metrics_change_nothing(name, foreign):
    page = load(name)
    assert read_page(b"".join(line + b"\n" for line in foreign) + page) == read_page(page)


NAMES = st.sampled_from(
    [
        "DCGM_FI_DEV_POWER_USAGE",
        "nvidia_smi_gpu_info",
        "amd_gpu_package_power",
        "node_rapl_package_joules_total",
        "node_uname_info",
        "node_hwmon_power_watt",
        "node_hwmon_chip_names",
        "gpu_heat_host_power_watts",
        "gpu_heat_device_power_watts",
    ]
)
LABELS = st.dictionaries(
    st.sampled_from(
        [
            *("gpu", "UUID", "uuid", "index", "chip", "chip_name", "sensor", "instance"),
            *("nodename", "gpu_id", "GPU_I_ID", "origin", "path", "Hostname"),
        ]
    ),
    st.sampled_from(
        ["", "0", "1", "amdgpu", "power_meter", "power1", "a/b:1", "none", "٣", "9" * 9]
    ),
)
VALUES = st.floats().map(str) | st.sampled_from(["1_0", "x", "9" * 400])


@given(
    st.lists(st.tuples(NAMES, LABELS, VALUES), max_size=12), st.booleans(), st.binary(max_size=9)
)
def test_no_page_raises_anything_but_source_errors(samples, fleet, tail):
    lines = [
        f"{name}{{{','.join(f'{key}="{text}"' for key, text in labels.items())}}} {value}"
        for name, labels, value in samples
    ]
    page = told("\n".join(lines).encode() + tail, fleet=fleet)
    if not isinstance(page, str):
        ids = [reading.device.id for reading in page.devices] + [part.id for part in page.parts]
        assert len(set(ids)) == len(ids)
        for reading in page.devices:
            assert reading.device.power_w is None or 0 <= reading.device.power_w <= 50_000
