"""The file that drives the stand-in NVML library."""

from pathlib import Path

DRIVER = {"init": "0", "gpus": "2"}

H100 = {
    "uuid": "GPU-a",
    "name": "NVIDIA H100 80GB HBM3",
    "power": "691500",
    "energy": "5000000",
    "temperature_v": "61",
    "field82": "78",
    "utilization": "97",
    "memory_total": "85899345920",
    "memory_used": "42949672960",
    "limit": "700000",
    "limit_min": "200000",
    "limit_max": "700000",
    "set_limit": "1",
    "event_reasons": str(0x4 | 0x40),
}

GTX = {
    "uuid": "GPU-b",
    "name": "NVIDIA GeForce GTX 1080",
    "power": "180000",
    "temperature": "70",
    "field82": "0",
    "throttle_reasons": str(0x1),
}


class NvmlState:
    """Two GPUs; each change is seen by the next call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        gpus = [
            f"{index}.{key}={value}"
            for index, gpu in enumerate((H100, GTX))
            for key, value in gpu.items()
        ]
        path.write_text("\n".join([f"{k}={v}" for k, v in DRIVER.items()] + gpus) + "\n")

    def set(self, **values: str | int) -> None:
        """Change values; the key "gpu0_power" stands for "0.power"."""
        with self.path.open("a") as file:
            for key, value in values.items():
                name = key.removeprefix("gpu")
                file.write(f"{name[0]}.{name[2:]}" if name[0].isdigit() else key)
                file.write(f"={value}\n")
