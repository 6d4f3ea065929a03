"""The snapshot as a Prometheus page; what is not known has no series."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .models import Device, Host, Job, JobState, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_DEVICE_LABELS = ("uuid", "name", "index", "vendor")

_DEVICE_GAUGES: Mapping[str, tuple[str, Callable[[Device], float | None]]] = MappingProxyType(
    {
        "power_watts": ("Power of the device", lambda device: device.power_w),
        "temperature_celsius": ("Core temperature", lambda device: device.temperature_c),
        "utilization_ratio": ("Utilization from 0 to 1", lambda device: device.utilization),
        "power_limit_watts": ("Power limit in force", lambda device: device.power_limit_w),
    }
)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield from _devices(self._snapshot.devices)
        yield from _host(self._snapshot.host)
        yield _jobs(self._snapshot.jobs)


def page(snapshot: Snapshot) -> bytes:
    """Return the page for a snapshot, with the figures of this process."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _devices(devices: Iterable[Device]) -> Iterable[Metric]:
    for suffix, (text, value_of) in _DEVICE_GAUGES.items():
        gauge = GaugeMetricFamily(f"gpu_heat_device_{suffix}", text, labels=_DEVICE_LABELS)
        for device in devices:
            if (value := value_of(device)) is not None:
                gauge.add_metric(_labels(device), value)
        yield gauge
    energy = CounterMetricFamily(
        "gpu_heat_device_energy_joules", "Energy of the device", labels=_DEVICE_LABELS
    )
    for device in devices:
        if device.energy_j is not None:
            energy.add_metric(_labels(device), device.energy_j)
    yield energy


def _host(host: Host) -> Iterable[Metric]:
    power = GaugeMetricFamily(
        "gpu_heat_host_power_watts", "Power of the machine", labels=("origin",)
    )
    if host.power_w is not None:
        power.add_metric((host.origin.value,), host.power_w)
    yield power
    energy = CounterMetricFamily(
        "gpu_heat_host_energy_joules", "Energy of the machine", labels=("origin",)
    )
    if host.energy_j is not None:
        energy.add_metric((host.origin.value,), host.energy_j)
    yield energy


def _jobs(jobs: Iterable[Job]) -> Metric:
    """Return one series for every state of every listed job: 1 for the present one, else 0."""
    gauge = GaugeMetricFamily(
        "gpu_heat_job_state", "1 for the state that the job is in", labels=("job", "kind", "state")
    )
    for job in jobs:
        if job.group is None:  # else thousands of series, most of them of jobs long gone
            for state in JobState:
                gauge.add_metric((job.id, job.kind, state.value), float(job.state is state))
    return gauge


def _labels(device: Device) -> tuple[str, ...]:
    return (device.id, device.name, str(device.index), device.vendor.value)
