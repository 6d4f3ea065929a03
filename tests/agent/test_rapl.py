"""The counters of processors and memory."""

from pathlib import Path

import pytest

from gpu_heat_agent.rapl import Rapl

from .sys_tree import write, zone


def test_rapl_adds_packages_and_memory_and_nothing_twice(tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    for step in range(3):
        zone(tmp_path, "0", "package-0", 1_000_000_000 * step)
        zone(tmp_path, "0:0", "core", 900_000_000 * step)
        zone(tmp_path, "0:1", "uncore", 50_000_000 * step)
        zone(tmp_path, "0:2", "dram", 100_000_000 * step)
        zone(tmp_path, "1", "package-1-die-0", 700_000_000 * step)
        zone(tmp_path, "2", "psys", 3_000_000_000 * step)
        write(tmp_path / "intel-rapl-mmio:0", {"name": "package-0", "energy_uj": str(9**9 * step)})
        processors = rapl.read(10.0 * step)
    assert processors.energy_j == pytest.approx(2 * 1800)
    assert processors.power_w == pytest.approx(180)


def test_rapl_counter_wraps_at_its_own_range(tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    zone(tmp_path, "0", "package-0", 262_143_000_000)
    rapl.read(0)
    zone(tmp_path, "0", "package-0", 999_671_150)
    assert rapl.read(10).energy_j == pytest.approx(1000)  # 0.33 J and 999.67 J


def test_rapl_gap_adds_nothing_as_counters_may_have_wrapped_often(tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    powers_w: list[float | None] = []
    for at_s, counter_j in ((0, 0), (10, 900), (20, 1800), (90, 8000), (100, 9000), (110, 10_000)):
        zone(tmp_path, "0", "package-0", counter_j * 1_000_000)
        processors = rapl.read(at_s)
        powers_w.append(processors.power_w)
    assert processors.energy_j == pytest.approx(1800 + 2000)
    assert powers_w[2:4] == [pytest.approx(90), None]
    assert powers_w[-1] == pytest.approx(100)


@pytest.mark.parametrize("counter_uj", [5_000_000, 200_000_000_000])
def test_rapl_counter_that_began_anew_adds_nothing(tmp_path: Path, counter_uj: int) -> None:
    rapl = Rapl(tmp_path)
    for at_s, gained_j in ((0, 0), (10, 900), (20, 1800)):
        zone(tmp_path, "0", "package-0", 100_000_000_000 + gained_j * 1_000_000)
        before = rapl.read(at_s)
    assert (before.energy_j, before.power_w) == (pytest.approx(1800), pytest.approx(90))
    zone(tmp_path, "0", "package-0", counter_uj)  # 160 and 98 kJ on, which 10 s cannot have taken
    after = rapl.read(30)
    assert (after.energy_j, after.power_w) == (pytest.approx(1800), None)
    zone(tmp_path, "0", "package-0", counter_uj + 900_000_000)
    assert rapl.read(40).energy_j == pytest.approx(2700)


def test_rapl_counter_above_its_own_range_takes_nothing_away(tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    zone(tmp_path, "0", "package-0", 900_000_000_000)
    rapl.read(0)
    zone(tmp_path, "0", "package-0", 1_000_000)
    assert rapl.read(10).energy_j == 0


def test_rapl_power_is_not_that_of_an_instant(tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    for at_s, counter_j in ((0.0, 0), (1.0, 100), (2.0, 200), (2.01, 203)):
        zone(tmp_path, "0", "package-0", counter_j * 1_000_000)
        processors = rapl.read(at_s)
    assert (processors.energy_j, processors.power_w) == (pytest.approx(203), pytest.approx(100))
