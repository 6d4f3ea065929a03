"""A page of metrics of 1 MB through our reader, and through prometheus-client alone."""

from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from time import process_time

from prometheus_client.parser import text_string_to_metric_families

from custom_components.gpu_heat.sources.page import read_page

PAGE_BYTES = 1_000_000
GPUS = 8
ROUNDS = 15

_GAUGES = {
    "DCGM_FI_DEV_POWER_USAGE": 412.5,
    "DCGM_FI_DEV_GPU_TEMP": 61,
    "DCGM_FI_DEV_MEMORY_TEMP": 69,
    "DCGM_FI_DEV_GPU_UTIL": 97,
    "DCGM_FI_DEV_FB_USED": 40_960,
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 319_159_391,
}
_OF_NO_INTEREST = 60
_POWER_W = GPUS * _GAUGES["DCGM_FI_DEV_POWER_USAGE"]


def measure() -> list[dict[str, str | float | None]]:
    """Read a page of dcgm-exporter, each series of its eight GPUs repeated for each pod.

    Six of its 66 metrics are wanted. The peer parses all lines and sums nothing, the
    least that any reader does that parses a page as a whole. Medians over 15 rounds each.
    """
    page = dcgm_page()
    text = page.decode()
    if sum(reading.device.power_w or 0 for reading in read_page(page).devices) != _POWER_W:
        raise AssertionError("the page is not read as it was written")
    peer = f"prometheus-client {version('prometheus-client')}"
    readers: dict[str, Callable[[], object]] = {
        "ours": lambda: read_page(page),
        peer: lambda: list(text_string_to_metric_families(text)),
    }
    return [_row(of, page, read) for of, read in readers.items()]


def dcgm_page() -> bytes:
    """Return a page of about PAGE_BYTES."""
    names = {**_GAUGES, **{f"DCGM_FI_PROF_METRIC_{n}": n for n in range(_OF_NO_INTEREST)}}
    lines: list[str] = []
    pods = PAGE_BYTES // (len(names) * GPUS * 215)
    for name, value in names.items():
        lines += [f"# HELP {name} What it is (in its unit).", f"# TYPE {name} gauge"]
        lines += [
            f'{name}{{gpu="{gpu}",UUID="GPU-{gpu:08d}-0000-4000-8000-000000000001",'
            f'pci_bus_id="00000000:{gpu + 1:02d}:00.0",device="nvidia{gpu}",'
            f'modelName="NVIDIA H100 80GB HBM3",Hostname="node-a",container="train",'
            f'namespace="ml",pod="job-{pod:04d}"}} {value}'
            for gpu in range(GPUS)
            for pod in range(pods)
        ]
    return "\n".join((*lines, "")).encode()


def _row(of: str, page: bytes, read: Callable[[], object]) -> dict[str, str | float | None]:
    read()
    taken_s = []
    for _ in range(ROUNDS):
        started = process_time()
        read()
        taken_s.append(process_time() - started)
    return {
        "of": of,
        "page, kB": len(page) // 1000,
        "lines": page.count(b"\n"),
        "CPU ms": median(taken_s) * 1000,
    }
