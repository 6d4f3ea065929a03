"""The ways to know what the whole machine draws."""

from collections.abc import Callable, Generator
from pathlib import Path
import threading
import time

import pytest

from gpu_heat_agent import acpi_meter, host_power, ipmi, periodic
from gpu_heat_agent.config import HostConfig, HostPower, load_config
from gpu_heat_agent.errors import UnreachableError, UsageError
from gpu_heat_agent.host_power import HostReader, HostReading, make_host_reader
from gpu_heat_agent.models import HostOrigin
from gpu_heat_agent.psu import Badge, FixedSupply, Mains, certified

from .parts import Clock
from .sys_tree import write, zone

PAGE = """
    Instantaneous power reading:                   1184 Watts
    Minimum during sampling period:                 318 Watts
    Maximum during sampling period:                2438 Watts
    Average power reading over sample period:      1179 Watts
    IPMI timestamp:                           Thu Feb 15 09:37:32 2024
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   activated

"""


class Ipmitool:
    """A program of that name on the PATH; what it does can be changed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ipmitool"
        self._words = folder / "words"
        self.writes(PAGE)

    def writes(self, page: str) -> None:
        """Write a page, if asked for it."""
        self.does(f"cat <<'END'\n{page}END")

    def writes_once_there_is(self, path: Path) -> None:
        """Write the page late."""
        self.does(f"until [ -e {path} ]; do sleep 0.01; done\ncat <<'END'\n{PAGE}END")

    def does(self, script: str) -> None:
        """Run a script."""
        new = self._path.with_suffix(".new")
        new.write_text(f'#!/bin/sh\necho "$@" > {self._words}\n{script}\n')
        new.chmod(0o755)
        new.replace(self._path)

    @property
    def words(self) -> str:
        """The words that it was last called with."""
        return self._words.read_text().strip()


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on the PATH, and no system folders after it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(ipmi, "_SYSTEM_FOLDERS", ())
    return folder


@pytest.fixture
def ipmitool(empty_path: Path) -> Ipmitool:
    return Ipmitool(empty_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Generator[Callable[..., HostReader]]:
    """Make readers over folders of the test."""
    made: list[HostReader] = []

    def make(power: HostPower, base_load_w: float | None = None) -> HostReader:
        host = HostConfig(power=power, base_load_w=base_load_w)
        folders = {"hwmon": tmp_path / "hwmon", "powercap": tmp_path / "powercap"}
        made.append(make_host_reader(host, clock, **folders))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


def awaited(
    reader: HostReader, clock: Clock, wanted: Callable[[HostReading], object]
) -> HostReading:
    """Read until a thread has brought what is wanted."""
    deadline_s = time.monotonic() + 20
    while not wanted(reading := reader.read(clock())) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return reading


def meter(folder: Path, number: int = 0, **files: str) -> Path:
    """Add an ACPI power meter of the whole machine."""
    place = folder / f"hwmon{number}"
    write(place, {"name": "power_meter", **files})
    (place / "measures").mkdir()
    return place


def test_bmc_is_asked_by_its_program_without_a_shell(ipmitool: Ipmitool) -> None:
    assert ipmi.read_w() == 1184
    assert ipmitool.words == "dcmi power reading"


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (PAGE.replace("activated", "deactivated"), "does not measure power"),
        (PAGE.replace("1184", "   0"), "0 W"),
        (PAGE.replace("1184", "123456"), "123456 W"),
        (PAGE.replace("1184", "65535"), "65535 W"),  # 16 bits that are all set: no reading
        ("DCMI request failed because: Invalid command (c1)\n", "no power reading"),
        ("", "no power reading"),
    ],
)
def test_page_without_a_power_is_no_power(ipmitool: Ipmitool, page: str, why: str) -> None:
    ipmitool.writes(page)
    with pytest.raises(UnreachableError, match=why):
        ipmi.read_w()


def test_bmc_that_cannot_be_opened_is_said_in_its_own_words(
    ipmitool: Ipmitool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    ipmitool.does("echo 'Could not open device at /dev/ipmi0' >&2\necho more >&2\nexit 1")
    with pytest.raises(UnreachableError, match=r"open device at /dev/ipmi0; run as root$"):
        ipmi.read_w()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    ipmitool.does("exit 3")
    with pytest.raises(UnreachableError, match=r"exit status 3$"):
        ipmi.read_w()


def test_bmc_that_hangs_is_given_up(ipmitool: Ipmitool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi, "TIME_LIMIT_S", 0.05)
    ipmitool.does("exec sleep 60")
    with pytest.raises(UnreachableError, match="did not answer"):
        ipmi.read_w()


def test_program_that_is_not_there_or_is_none(empty_path: Path) -> None:
    with pytest.raises(UnreachableError, match="not installed"):
        ipmi.read_w()
    program = empty_path / "ipmitool"
    program.write_text("#!/nowhere/sh\n")
    program.chmod(0o755)
    with pytest.raises(UnreachableError, match="No such file"):
        ipmi.read_w()


def test_bmc_is_asked_beside_the_readings(
    ipmitool: Ipmitool, make: Callable[..., HostReader], clock: Clock, tmp_path: Path
) -> None:
    ipmitool.writes_once_there_is(tmp_path / "go")
    reader = make(HostPower.IPMI)
    first = reader.read(clock())
    assert (first.origin, first.wall) == (HostOrigin.IPMI, None)
    (tmp_path / "go").touch()
    reading = awaited(reader, clock, lambda r: r.wall)
    assert reading.wall is not None
    assert (reading.wall.value, reading.wall.at) == (1184, clock())
    clock.passes(30)
    assert reader.read(clock()).wall == reading.wall
    clock.passes(1)
    assert reader.read(clock()).wall is None


def test_silent_bmc_is_said_once_and_read_when_it_is_back(
    ipmitool: Ipmitool,
    make: Callable[..., HostReader],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(periodic, "INTERVAL_S", 0.01)
    monkeypatch.setattr(periodic, "LONGEST_INTERVAL_S", 0.02)
    ipmitool.does(
        "echo no BMC >&2; echo x >> calls; exit 1".replace("calls", str(_calls(ipmitool)))
    )
    reader = make(HostPower.IPMI)
    awaited(reader, clock, lambda _: _count(ipmitool) > 4)
    reading = reader.read(clock())
    assert (reading.stands, reading.wall) == (False, None)
    assert caplog.text.count("no BMC") == 1
    ipmitool.writes(PAGE)
    assert awaited(reader, clock, lambda r: r.wall).stands


def _calls(ipmitool: Ipmitool) -> Path:
    return ipmitool._path.with_name("calls")


def _count(ipmitool: Ipmitool) -> int:
    path = _calls(ipmitool)
    return path.read_text().count("x") if path.exists() else 0


def test_acpi_meter_tells_microwatts(tmp_path: Path) -> None:
    write(tmp_path / "hwmon1", {"name": "coretemp"})
    meter(tmp_path, 2, power1_average="412000000", power1_is_battery="0")
    assert acpi_meter.read_w(tmp_path) == 412


def test_acpi_meter_may_have_its_files_with_the_device(tmp_path: Path) -> None:
    write(tmp_path / "hwmon1", {"name": "power_meter"})
    write(tmp_path / "hwmon1/device", {"power1_input": "98000000", "measures/LNXSYBUS:00": ""})
    assert acpi_meter.read_w(tmp_path) == 98


def test_acpi_meter_of_a_part_or_a_battery_is_none_of_the_machine(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no ACPI power meter"):
        acpi_meter.read_w(tmp_path)
    part = meter(tmp_path, 1, power1_average="90000000")
    (part / "measures/LNXCPU:00").touch()
    meter(tmp_path, 2, power1_average="90000000", power1_is_battery="1")
    with pytest.raises(UnreachableError, match="0 of 2"):
        acpi_meter.read_w(tmp_path)
    meter(tmp_path, 3, power1_average="90000000")
    assert acpi_meter.read_w(tmp_path) == 90
    meter(tmp_path, 4, power1_average="90000000")
    with pytest.raises(UnreachableError, match="2 of 4"):
        acpi_meter.read_w(tmp_path)


def test_acpi_meter_that_tells_nothing_is_none(tmp_path: Path) -> None:
    meter(tmp_path, power1_average="0")
    with pytest.raises(UnreachableError, match="0 W"):
        acpi_meter.read_w(tmp_path)


def test_acpi_meter_is_the_wall(
    tmp_path: Path, make: Callable[..., HostReader], clock: Clock
) -> None:
    meter(tmp_path / "hwmon", power1_average="412000000")
    reading = awaited(make(HostPower.METER), clock, lambda r: r.wall)
    assert reading.origin is HostOrigin.WALL
    assert reading.wall is not None
    assert reading.wall.value == 412


def test_rapl_that_is_not_there_claims_nothing(
    make: Callable[..., HostReader], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    reader = make(HostPower.RAPL, 50)
    for _ in range(3):
        assert reader.read(clock()).origin is HostOrigin.NONE
    assert caplog.text.count("there are no RAPL counters") == 1


def test_rapl_that_root_alone_may_read_says_so(
    tmp_path: Path,
    make: Callable[..., HostReader],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zone(tmp_path / "powercap", "0", "package-0", 1)
    real = Path.open

    def closed(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)  # type: ignore[call-overload]

    reader = make(HostPower.RAPL)
    with monkeypatch.context() as closing:
        closing.setattr(Path, "open", closed)
        assert reader.read(clock()).origin is HostOrigin.NONE
    assert "energy_uj: permission denied: run as root" in caplog.text
    assert reader.read(clock()).origin is HostOrigin.RAPL


@pytest.mark.parametrize(
    ("power", "origin"),
    [(HostPower.NONE, HostOrigin.NONE), (HostPower.ESTIMATE, HostOrigin.ESTIMATE)],
)
def test_what_is_not_measured_has_its_origin_alone(
    make: Callable[..., HostReader], clock: Clock, power: HostPower, origin: HostOrigin
) -> None:
    assert make(power).read(clock()) == HostReading(origin=origin)


def test_best_way_is_the_bmc_if_it_answers(
    ipmitool: Ipmitool, make: Callable[..., HostReader], clock: Clock, tmp_path: Path
) -> None:
    zone(tmp_path / "powercap", "0", "package-0", 1)
    ipmitool.does(f"sleep 0.3\ncat <<'END'\n{PAGE}END")
    assert make(HostPower.AUTO, 50).read(clock()).origin is HostOrigin.IPMI  # and no other before
    names = {thread.name for thread in threading.enumerate()}
    assert "IPMI" in names
    assert "ACPI power meter" not in names  # nobody asks what nobody wants


@pytest.mark.usefixtures("empty_path")
def test_best_way_falls_to_what_there_is(
    make: Callable[..., HostReader], clock: Clock, tmp_path: Path
) -> None:
    def best(base_load_w: float | None) -> HostOrigin:
        reader = make(HostPower.AUTO, base_load_w)
        return reader.read(clock()).origin

    assert best(None) is HostOrigin.NONE
    assert best(120) is HostOrigin.ESTIMATE
    zone(tmp_path / "powercap", "0", "package-0", 1)
    assert best(120) is HostOrigin.RAPL
    meter(tmp_path / "hwmon", power1_average="412000000")
    assert best(120) is HostOrigin.WALL


def test_bmc_that_hangs_keeps_no_other_way_from_being_used(
    ipmitool: Ipmitool,
    make: Callable[..., HostReader],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_power, "PATIENCE_S", 0.05)
    ipmitool.writes_once_there_is(tmp_path / "go")
    reader = make(HostPower.AUTO, 50)
    assert reader.read(clock()).origin is HostOrigin.ESTIMATE
    (tmp_path / "go").touch()
    assert awaited(reader, clock, lambda r: r.wall).origin is HostOrigin.IPMI


def test_better_way_takes_over_for_good(
    empty_path: Path,
    make: Callable[..., HostReader],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(periodic, "INTERVAL_S", 0.01)
    reader = make(HostPower.AUTO, 120)
    awaited(reader, clock, lambda r: r.origin is HostOrigin.ESTIMATE)
    ipmitool = Ipmitool(empty_path)
    awaited(reader, clock, lambda r: r.origin is HostOrigin.IPMI)
    ipmitool.does("exit 1")
    silent = awaited(reader, clock, lambda r: r.wall is None)
    assert (silent.origin, silent.wall) == (HostOrigin.IPMI, None)
    said = [line for line in caplog.messages if line.startswith("The machine's power")]
    assert said == ["The machine's power: estimate", "The machine's power: ipmi"]


def load(folder: Path, text: str) -> HostConfig:
    path = folder / "agent.toml"
    path.write_text("[host]\n" + text)
    return load_config(path, frozenset({"process"})).host


@pytest.mark.parametrize("power", ["none", "ipmi", "rapl", "meter", "auto"])
def test_each_way_can_be_configured(tmp_path: Path, power: str) -> None:
    assert load(tmp_path, f'power = "{power}"') == HostConfig(power=HostPower(power))


def test_power_supply_is_a_badge_with_a_rating_or_an_efficiency(tmp_path: Path) -> None:
    gold = load(tmp_path, 'psu = "gold"\npsu_rated_w = 1600')
    assert gold.supply == certified(Badge.GOLD, 1600)
    titanium = load(tmp_path, 'psu = "titanium"\npsu_rated_w = 3000\npsu_voltage = 230')
    assert titanium.supply == certified(Badge.TITANIUM, 3000, Mains.V230)
    assert load(tmp_path, "psu_efficiency = 0.92").supply == FixedSupply(efficiency=0.92)
    assert load(tmp_path, "").supply == FixedSupply(efficiency=1)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('power = "estimate"', "base_load_w"),
        ('psu = "gold"', "psu_rated_w"),
        ('psu = "ruby"\npsu_rated_w = 1600', "psu"),
        ('psu = "gold"\npsu_rated_w = 0', "psu_rated_w"),
        ('psu = "gold"\npsu_rated_w = 1600\npsu_voltage = 200', "psu_voltage"),
        ('psu = "gold"\npsu_rated_w = 1600\npsu_voltage = 400', "psu_voltage"),
        ('psu = "gold"\npsu_rated_w = 1600\npsu_efficiency = 0.9', "psu_efficiency"),
        ("psu_rated_w = 1600", "psu_rated_w"),
        ("psu_voltage = 230", "psu_voltage"),
    ],
)
def test_power_supply_that_makes_no_sense_is_refused(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(UsageError, match=rf"host\.{key}: "):
        load(tmp_path, text)
