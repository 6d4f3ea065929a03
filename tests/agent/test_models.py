"""The snapshot's schema: what goes out comes in, and nothing else does."""

from datetime import UTC, datetime, timedelta, timezone
import json

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.models import (
    AgentInfo,
    Device,
    EnergyOrigin,
    Host,
    HostOrigin,
    Job,
    JobState,
    Snapshot,
    SnapshotError,
    Vendor,
    job_from_json,
    snapshot_from_json,
    to_json,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)

floats = st.none() | st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(0, 2**53)
texts = st.text(min_size=1, max_size=20)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=timezone(timedelta(hours=-5)))
)
devices = st.builds(
    Device,
    id=texts,
    vendor=st.sampled_from(Vendor),
    name=texts,
    index=st.integers(0, 99),
    power_w=floats,
    energy_j=floats,
    energy_origin=st.sampled_from(EnergyOrigin),
    temperature_c=floats,
    memory_used_bytes=counts,
    throttle_reasons=st.lists(texts, max_size=2).map(tuple),
)
jobs = st.builds(
    Job,
    id=texts,
    name=texts,
    kind=texts,
    state=st.sampled_from(JobState),
    paused_by_us=st.booleans(),
    lease_expires_at=st.none() | moments,
    reason=st.none() | texts,
    remaining_s=floats,
    can_pause=st.booleans(),
)
snapshots = st.builds(
    Snapshot,
    agent=st.builds(AgentInfo, id=texts, name=texts, version=texts, started_at=moments),
    taken_at=moments,
    devices=st.lists(devices, max_size=2, unique_by=lambda device: device.id).map(tuple),
    host=st.builds(Host, power_w=floats, energy_j=floats, origin=st.sampled_from(HostOrigin)),
    jobs=st.lists(jobs, max_size=2, unique_by=lambda job: job.id).map(tuple),
)


@given(snapshots)
def test_a_snapshot_that_goes_out_comes_in_the_same(snapshot: Snapshot) -> None:
    assert snapshot_from_json(json.loads(json.dumps(to_json(snapshot)))) == snapshot


@given(jobs)
def test_a_job_that_goes_out_comes_in_the_same(job: Job) -> None:
    assert job_from_json(json.loads(json.dumps(to_json(job)))) == job


def device(power_w: float | None, energy_j: float | None = None, number: int = 0) -> Device:
    return Device(
        id=f"GPU-{number}",
        vendor=Vendor.NVIDIA,
        name="card",
        index=number,
        power_w=power_w,
        energy_j=energy_j,
    )


def snapshot(*parts: Device, host: Host | None = None) -> Snapshot:
    agent = AgentInfo(id="a", name="n", version="1", started_at=NOW)
    return Snapshot(agent=agent, taken_at=NOW, devices=parts, host=host or Host())


@pytest.mark.parametrize(
    ("parts", "host", "power_w"),
    [
        ((device(100.0), device(50.0, number=1)), Host(), 150.0),
        ((device(100.0), device(None, number=1)), Host(), 100.0),  # never had a reading
        ((device(100.0), device(None, 5.0, number=1)), Host(), None),  # has lost it
        ((device(None),), Host(), None),
        ((), Host(), None),
        ((device(100.0),), Host(power_w=180.0, origin=HostOrigin.WALL), 180.0),
        ((device(100.0),), Host(origin=HostOrigin.WALL), None),
        ((device(0.0),), Host(), 0.0),
    ],
)
def test_the_power_of_a_source(
    parts: tuple[Device, ...], host: Host, power_w: float | None
) -> None:
    assert snapshot(*parts, host=host).power_w == power_w


def document(path: str, value: object) -> object:
    """Return a snapshot's document with one value in it replaced, or removed for None."""
    result = json.loads(json.dumps(to_json(snapshot(device(1.0)))))
    *parents, last = path.split(".")
    place = result
    for key in parents:
        place = place[int(key)] if key.isdecimal() else place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("agent", "x", "agent is not an object"),
        ("agent.id", None, "agent.id is missing"),
        ("agent.id", 5, "agent.id is of the wrong type"),
        ("taken_at", "2026-01-15T12:00:00", "taken_at is not a moment"),
        ("taken_at", "noon", "taken_at is not a moment"),
        ("taken_at", 5, "taken_at is not a moment"),
        ("devices", {}, "devices is not a list"),
        ("devices.0.power_w", True, "power_w is of the wrong type"),
        ("devices.0.power_w", float("nan"), "power_w is not a finite float"),
        ("devices.0.power_w", float("inf"), "power_w is not a finite float"),
        ("devices.0.power_w", 10**400, "power_w is not a finite float"),
        ("devices.0.index", 1.5, "index is not a finite int"),
        ("devices.0.index", float("inf"), "index is not a finite int"),
        ("devices.0.index", 10**400, "index is not a finite int"),
        ("devices.0.energy_origin", "magic", "energy_origin is 'magic'"),
        ("devices.0.throttle_reasons", "hot", "throttle_reasons is of the wrong type"),
        ("jobs", [5], r"jobs\[0\] is not an object"),
    ],
)
def test_what_is_no_snapshot_is_refused_by_the_fields_name(
    path: str, value: object, message: str
) -> None:
    with pytest.raises(SnapshotError, match=message):
        snapshot_from_json(document(path, value))


def test_the_same_device_twice_is_refused() -> None:
    with pytest.raises(SnapshotError, match="devices has the same id twice"):
        snapshot_from_json(to_json(snapshot(device(1.0), device(2.0))))


def test_what_a_later_version_adds_is_ignored_or_unknown() -> None:
    later = document("devices.0.vendor", "cerebras")
    assert isinstance(later, dict)
    later["devices"][0]["noise_db"] = 40
    assert snapshot_from_json(later).devices[0].vendor is Vendor.OTHER
