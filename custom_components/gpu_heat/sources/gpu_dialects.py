"""The exporters that tell of GPUs, one row each.

Where two tell of the same GPU the first counts. Names, labels and units are those of each
exporter's own source or documentation, in 2026; what they have in common is that a GPU's
power stands on a page in several forms, of which one may count.
"""

from ..agent.models import Vendor
from .dialects import MEBI, MICRO, MILLI, PERCENT, Dialect, Join, Quantity, series

# The labels: agent/metrics.py.
_AGENT = Dialect(
    name="gpu-heat-agent",
    series={
        Quantity.POWER: (series("gpu_heat_device_power_watts"),),
        Quantity.ENERGY: (series("gpu_heat_device_energy_joules_total"),),
        Quantity.TEMPERATURE: (series("gpu_heat_device_temperature_celsius"),),
        Quantity.UTILIZATION: (series("gpu_heat_device_utilization_ratio"),),
        Quantity.POWER_LIMIT: (series("gpu_heat_device_power_limit_watts"),),
    },
    uuid=("uuid",),
    place=("index",),
    title=("name",),
    index=("index",),
)

# github.com/NVIDIA/dcgm-exporter. The label of the UUID can be configured, "Hostname" became
# "hostname". With MIG there is one row for each instance, with the power of the whole card.
_DCGM = Dialect(
    name="dcgm-exporter",
    series={
        Quantity.POWER: (
            series("DCGM_FI_DEV_POWER_USAGE"),
            series("DCGM_FI_DEV_POWER_USAGE_INSTANT"),
        ),
        Quantity.ENERGY: (series("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),),
        Quantity.TEMPERATURE: (series("DCGM_FI_DEV_GPU_TEMP"),),
        Quantity.MEMORY_TEMPERATURE: (series("DCGM_FI_DEV_MEMORY_TEMP"),),
        Quantity.UTILIZATION: (series("DCGM_FI_DEV_GPU_UTIL"),),
        Quantity.MEMORY_USED: (series("DCGM_FI_DEV_FB_USED"),),
        Quantity.MEMORY_TOTAL: (series("DCGM_FI_DEV_FB_TOTAL"),),
        Quantity.POWER_LIMIT: (
            series("DCGM_FI_DEV_ENFORCED_POWER_LIMIT"),
            series("DCGM_FI_DEV_POWER_MGMT_LIMIT"),
        ),
        Quantity.POWER_LIMIT_MIN: (series("DCGM_FI_DEV_POWER_MGMT_LIMIT_MIN"),),
        Quantity.POWER_LIMIT_MAX: (series("DCGM_FI_DEV_POWER_MGMT_LIMIT_MAX"),),
    },
    units={
        Quantity.ENERGY: MILLI,
        Quantity.UTILIZATION: PERCENT,
        Quantity.MEMORY_USED: MEBI,
        Quantity.MEMORY_TOTAL: MEBI,
    },
    vendor=Vendor.NVIDIA,
    uuid=("UUID", "uuid"),
    place=("gpu",),
    title=("modelName", "model_name"),
    index=("gpu", "device"),
    instance_of="GPU_I_ID",
)

# github.com/utkuozdemir/nvidia_gpu_exporter. UUIDs lack "GPU-", and alone are on all series.
_NVIDIA_SMI = Dialect(
    name="nvidia_gpu_exporter",
    series={
        Quantity.POWER: (
            series("nvidia_smi_power_draw_watts"),
            series("nvidia_smi_power_draw_average_watts"),
            series("nvidia_smi_power_draw_instant_watts"),
        ),
        Quantity.ENERGY: (series("nvidia_smi_energy_joules_total"),),
        Quantity.TEMPERATURE: (series("nvidia_smi_temperature_gpu"),),
        Quantity.MEMORY_TEMPERATURE: (series("nvidia_smi_temperature_memory"),),
        Quantity.UTILIZATION: (series("nvidia_smi_utilization_gpu_ratio"),),
        Quantity.MEMORY_USED: (series("nvidia_smi_memory_used_bytes"),),
        Quantity.MEMORY_TOTAL: (series("nvidia_smi_memory_total_bytes"),),
        Quantity.POWER_LIMIT: (
            series("nvidia_smi_enforced_power_limit_watts"),
            series("nvidia_smi_power_limit_watts"),
        ),
        Quantity.POWER_LIMIT_MIN: (series("nvidia_smi_power_min_limit_watts"),),
        Quantity.POWER_LIMIT_MAX: (series("nvidia_smi_power_max_limit_watts"),),
    },
    vendor=Vendor.NVIDIA,
    uuid=("uuid",),
    place=("index",),
    title=("name",),
    index=("index",),
    join=Join(metric="nvidia_smi_gpu_info", on="uuid"),
)

# github.com/lablup/all-smi. Energies of the scopes "cpu" and "chassis" overlap those of GPUs, and
# its chassis is no more than the sum of the GPUs. Power has "instance", energy has "host".
_ALL_SMI = Dialect(
    name="all-smi",
    series={
        Quantity.POWER: (series("all_smi_gpu_power_consumption_watts"),),
        Quantity.ENERGY: (series("all_smi_energy_consumed_joules_total", scope="gpu"),),
        Quantity.TEMPERATURE: (series("all_smi_gpu_temperature_celsius"),),
        Quantity.UTILIZATION: (series("all_smi_gpu_utilization"),),
        Quantity.MEMORY_USED: (series("all_smi_gpu_memory_used_bytes"),),
        Quantity.MEMORY_TOTAL: (series("all_smi_gpu_memory_total_bytes"),),
        Quantity.POWER_LIMIT: (series("all_smi_gpu_power_limit_current_watts"),),
        Quantity.POWER_LIMIT_MAX: (series("all_smi_gpu_power_limit_max_watts"),),
    },
    units={Quantity.UTILIZATION: PERCENT},
    uuid=("gpu_uuid", "uuid"),
    place=("gpu_index", "index"),
    title=("gpu", "gpu_name"),
    index=("gpu_index", "index"),
    hosts=("instance", "host"),
)

# github.com/XuehaiPan/nvitop, nvitop-exporter; prometheus-client puts the unit behind the name.
_NVITOP = Dialect(
    name="nvitop-exporter",
    series={
        Quantity.POWER: (series("gpu_power_usage_W"),),
        Quantity.TEMPERATURE: (series("gpu_temperature_C"),),
        Quantity.UTILIZATION: (series("gpu_utilization_Percentage"),),
        Quantity.MEMORY_USED: (series("gpu_memory_used_MiB"),),
        Quantity.MEMORY_TOTAL: (series("gpu_memory_total_MiB"),),
        Quantity.POWER_LIMIT: (series("gpu_power_limit_W"),),
    },
    units={
        Quantity.UTILIZATION: PERCENT,
        Quantity.MEMORY_USED: MEBI,
        Quantity.MEMORY_TOTAL: MEBI,
    },
    vendor=Vendor.NVIDIA,
    uuid=("uuid",),
    place=("index",),
    title=("devicename",),
    index=("index",),
    unless={"uuid": "MIG-.*"},
)

# github.com/mindprince/nvidia_gpu_prometheus_exporter, of 2018.
_MINDPRINCE = Dialect(
    name="nvidia_gpu_prometheus_exporter",
    series={
        Quantity.POWER: (series("nvidia_gpu_power_usage_milliwatts"),),
        Quantity.TEMPERATURE: (series("nvidia_gpu_temperature_celsius"),),
        Quantity.UTILIZATION: (series("nvidia_gpu_duty_cycle"),),
        Quantity.MEMORY_USED: (series("nvidia_gpu_memory_used_bytes"),),
        Quantity.MEMORY_TOTAL: (series("nvidia_gpu_memory_total_bytes"),),
    },
    units={Quantity.POWER: MILLI, Quantity.UTILIZATION: PERCENT},
    vendor=Vendor.NVIDIA,
    uuid=("uuid",),
    place=("minor_number",),
    title=("name",),
    index=("minor_number",),
)

# github.com/sustainable-computing-io/kepler, since its rewrite; "active" and "idle" are parts.
_KEPLER = Dialect(
    name="kepler",
    series={
        Quantity.POWER: (series("kepler_node_gpu_watts"),),
        Quantity.ENERGY: (series("kepler_node_gpu_joules_total"),),
    },
    uuid=("gpu_uuid",),
    place=("gpu",),
    title=("gpu_name", "vendor"),
    index=("gpu",),
)

# github.com/ROCm/device-metrics-exporter. Of a partitioned GPU only partition 0 has power, the
# others say 0.
_AMD = Dialect(
    name="device-metrics-exporter",
    series={
        Quantity.POWER: (
            series("gpu_package_power"),
            series("gpu_average_package_power"),
            series("gpu_power_usage"),
        ),
        Quantity.ENERGY: (series("gpu_energy_consumed"),),
        Quantity.TEMPERATURE: (
            series("gpu_junction_temperature"),
            series("gpu_edge_temperature"),
        ),
        Quantity.MEMORY_TEMPERATURE: (series("gpu_memory_temperature"),),
        Quantity.UTILIZATION: (series("gpu_gfx_activity"),),
        Quantity.MEMORY_USED: (series("gpu_used_vram"),),
        Quantity.MEMORY_TOTAL: (series("gpu_total_vram"),),
    },
    units={
        Quantity.ENERGY: MICRO,
        Quantity.UTILIZATION: PERCENT,
        Quantity.MEMORY_USED: MEBI,
        Quantity.MEMORY_TOTAL: MEBI,
    },
    vendor=Vendor.AMD,
    uuid=("gpu_uuid",),
    place=("gpu_id",),
    title=("card_series", "card_model"),
    index=("gpu_id",),
    only={"gpu_id": ".+"},
    unless={"gpu_partition_id": "0*[1-9][0-9]*"},
    any_prefix=True,
)

# github.com/prometheus/node_exporter, of the kernel's hwmon: amdgpu tells power, i915 and xe
# energy. "energy2" of xe is the package within the card of "energy1"; "i915_gt0" is a tile.
_HWMON = Dialect(
    name="node_exporter",
    series={
        Quantity.POWER: (
            series("node_hwmon_power_average_watt", sensor="power1"),
            series("node_hwmon_power_watt", sensor="power1"),
        ),
        Quantity.ENERGY: (series("node_hwmon_energy_joule_total", sensor="energy1"),),
        Quantity.TEMPERATURE: (
            series("node_hwmon_temp_celsius", sensor="temp1"),
            series("node_hwmon_temp_celsius", sensor="temp2"),
        ),
        Quantity.MEMORY_TEMPERATURE: (series("node_hwmon_temp_celsius", sensor="temp3"),),
        Quantity.POWER_LIMIT: (series("node_hwmon_power_cap_watt", sensor="power1"),),
        Quantity.POWER_LIMIT_MIN: (series("node_hwmon_power_cap_min_watt", sensor="power1"),),
        Quantity.POWER_LIMIT_MAX: (series("node_hwmon_power_cap_max_watt", sensor="power1"),),
    },
    place=("chip",),
    title=("chip_name",),
    join=Join(metric="node_hwmon_chip_names", on="chip"),
    only={"chip_name": "amdgpu|i915|xe"},
)

GPU_DIALECTS = (
    _AGENT,
    _DCGM,
    _NVIDIA_SMI,
    _ALL_SMI,
    _NVITOP,
    _MINDPRINCE,
    _KEPLER,
    _AMD,
    _HWMON,
)
