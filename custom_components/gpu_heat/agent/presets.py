"""The GPU models that can be simulated, with the power that each draws under load."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A GPU model, or a whole machine of `count` of them.

    `base_load_w` is what the rest of the machine draws, None where nothing is said of it.
    """

    name: str
    power_w: float
    memory_bytes: int
    count: int = 1
    base_load_w: float | None = None

    @property
    def system_power_w(self) -> float:
        """What all of it draws under load in W: one GPU by itself, or the whole machine."""
        return self.power_w * self.count + (self.base_load_w or 0)


_H100 = Preset(name="NVIDIA H100 80GB HBM3", power_w=700, memory_bytes=80 * GIB)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "rtx_3060": Preset(name="NVIDIA GeForce RTX 3060", power_w=170, memory_bytes=12 * GIB),
        "rtx_3090": Preset(name="NVIDIA GeForce RTX 3090", power_w=350, memory_bytes=24 * GIB),
        "rtx_4070_ti_super": Preset(
            name="NVIDIA GeForce RTX 4070 Ti SUPER", power_w=285, memory_bytes=16 * GIB
        ),
        "rtx_4090": Preset(name="NVIDIA GeForce RTX 4090", power_w=450, memory_bytes=24 * GIB),
        "a100_sxm": Preset(name="NVIDIA A100-SXM4-80GB", power_w=400, memory_bytes=80 * GIB),
        "h100_sxm": _H100,
        # 10,200 W for the whole system: 8 x 700 W and 4,600 W for everything around them.
        "dgx_h100": Preset(
            name=_H100.name,
            power_w=_H100.power_w,
            memory_bytes=_H100.memory_bytes,
            count=8,
            base_load_w=4600,
        ),
    }
)
