"""Which reader there is for what the command line says."""

from collections.abc import Callable

from .combined import CombinedReader
from .nvml import NvmlReader
from .readers import DeviceReader
from .simulated import SimulatedReader, Simulation
from .sysfs_gpus import SysfsGpuReader


def make_reader(
    simulation: Simulation | None, *, seed: str, busy: Callable[[], frozenset[int]]
) -> DeviceReader:
    """Return the simulated devices where some are wanted, else the machine's own."""
    if simulation is None:
        return CombinedReader(NvmlReader(), SysfsGpuReader())
    return SimulatedReader(simulation, seed=seed, busy=busy)
