"""What tells of a machine beside its GPUs: processors and memory, or the whole of it.

The first that tells of a machine counts: all that name its processors mean the same ones.
"""

from ..agent.models import HostOrigin
from .dialects import MICRO, Dialect, Join, Quantity, Scope, series

# agent/metrics.py.
_AGENT = Dialect(
    name="gpu-heat-agent",
    scope=Scope.WHOLE,
    series={
        Quantity.POWER: (series("gpu_heat_host_power_watts"),),
        Quantity.ENERGY: (series("gpu_heat_host_energy_joules_total"),),
    },
    meter="host",
    origin=HostOrigin.ESTIMATE,
    origin_label="origin",
)

# The kernel's acpi_power_meter: the whole machine, by its firmware's word, as in the agent.
_ACPI = Dialect(
    name="node_exporter",
    scope=Scope.WHOLE,
    series={
        Quantity.POWER: (
            series("node_hwmon_power_average_watt", sensor="power1"),
            series("node_hwmon_power_watt", sensor="power1"),
        ),
    },
    meter="acpi",
    origin=HostOrigin.WALL,
    place=("chip",),
    join=Join(metric="node_hwmon_chip_names", on="chip"),
    only={"chip_name": "power_meter"},
)

# node_exporter's collector "rapl": a package holds its core and uncore, and psys the packages;
# intel-rapl-mmio is another way to the same counters. A package may be of several dies.
_DIES = tuple(f"package-{package}-die-{die}" for package in range(8) for die in range(4))
_NOT_TWICE = {"path": ".*intel-rapl-mmio.*"}
_RAPL = tuple(
    Dialect(
        name="node_exporter",
        scope=Scope.PART,
        series={Quantity.ENERGY: (series(f"node_rapl_{zone.replace('-', '_')}_joules_total"),)},
        meter=zone,
        place=("index",),
        unless=_NOT_TWICE,
    )
    for zone in ("package", "dram", *_DIES)
)

# The same with --collector.rapl.enable-zone-label.
_RAPL_ZONES = Dialect(
    name="node_exporter",
    scope=Scope.PART,
    series={Quantity.ENERGY: (series("node_rapl_joules_total"),)},
    place=("rapl_zone", "index"),
    only={"rapl_zone": "|".join(("package", "dram", *_DIES))},
    unless=_NOT_TWICE,
)

# github.com/sustainable-computing-io/kepler: the zones of RAPL, "dram" beside "package".
_KEPLER = Dialect(
    name="kepler",
    scope=Scope.PART,
    series={
        Quantity.POWER: (series("kepler_node_cpu_watts"),),
        Quantity.ENERGY: (series("kepler_node_cpu_joules_total"),),
    },
    place=("zone", "path"),
    only={"zone": "package|dram"},
)

# github.com/hubblo-org/scaphandre: processors and memory only, whatever "host" says.
_SCAPHANDRE = Dialect(
    name="scaphandre",
    scope=Scope.PART,
    series={
        Quantity.POWER: (series("scaph_host_power_microwatts"),),
        Quantity.ENERGY: (series("scaph_host_energy_microjoules"),),
    },
    units={Quantity.POWER: MICRO, Quantity.ENERGY: MICRO},
    meter="host",
)

HOST_DIALECTS = (_AGENT, _ACPI, *_RAPL, _RAPL_ZONES, _KEPLER, _SCAPHANDRE)
