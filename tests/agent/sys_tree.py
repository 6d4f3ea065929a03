"""A tree of the kernel's files as its documentation describes them."""

from pathlib import Path
import shutil

AMD_HWMON = {
    "name": "amdgpu",
    "power1_average": "213000000",
    "power1_cap": "303000000",
    "power1_cap_min": "0",
    "power1_cap_max": "348000000",
    "temp1_label": "edge",
    "temp1_input": "58000",
    "temp2_label": "junction",
    "temp2_input": "79000",
    "temp3_label": "mem",
    "temp3_input": "84000",
}

AMD_DEVICE = {
    "vendor": "0x1002",
    "device": "0x744c",
    "gpu_busy_percent": "97",
    "mem_info_vram_used": "12884901888",
    "mem_info_vram_total": "25753026560",
    "unique_id": "5c88007e7ad9b8a1",
    "power/runtime_status": "active",
}

INTEL_DEVICE = {"vendor": "0x8086", "device": "0x56a0"}

I915_HWMON = {
    "name": "i915",
    "energy1_input": "5000000",
    "power1_max": "190000000",
    "power1_rated_max": "190000000",
}


class SysTree:
    """The folder /sys of a machine; a change is seen by the next reading."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "class/drm").mkdir(parents=True)
        (root / "class/drm/version").write_text("drm 1.1.0 20060810\n")

    def card(
        self, number: int, address: str, device: dict[str, str], *hwmons: dict[str, str]
    ) -> Path:
        """Add a card with its hwmon folders; return the first of these."""
        place = self.root / "devices/pci0000:00" / address
        write(place, device)
        for index, hwmon in enumerate(hwmons):
            write(place / f"hwmon/hwmon{10 * number + index}", hwmon)
        (place / f"drm/card{number}").mkdir(parents=True)
        (place / f"drm/card{number}/device").symlink_to("../..")
        (self.root / f"class/drm/card{number}").symlink_to(place / f"drm/card{number}")
        (self.root / f"class/drm/card{number}-DP-1").mkdir()
        return place / f"hwmon/hwmon{10 * number}"

    def remove(self, number: int) -> None:
        """Take a card out."""
        shutil.rmtree((self.root / f"class/drm/card{number}").resolve().parents[1])
        (self.root / f"class/drm/card{number}").unlink()

    def pci(self, address: str, **files: str) -> None:
        """Add what the bus knows of a device."""
        write(self.root / "bus/pci/devices" / address, files)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files of one line each."""
    for name, line in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line + "\n")


def zone(folder: Path, zone: str, name: str, energy_uj: int, **more: str) -> Path:
    """Add a RAPL zone, or let its counter go on."""
    files = {"name": name, "energy_uj": str(energy_uj), "max_energy_range_uj": "262143328850"}
    write(folder / f"intel-rapl:{zone}", files | more)
    return folder / f"intel-rapl:{zone}"
