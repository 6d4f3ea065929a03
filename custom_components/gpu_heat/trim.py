"""Has GPUs draw less while work goes on whose heat nobody wants."""

from collections.abc import Collection, MutableMapping

from homeassistant.exceptions import HomeAssistantError

from .agent.models import Device, JobState
from .const import LOGGER
from .control.reasons import Reason
from .control_memory import Trim
from .coordinator import SourceCoordinator
from .decided import Decided
from .flexible import key_of
from .job_status import is_group

# What runs for these has time, and would not run for its heat.
_HAS_TIME = frozenset(
    {
        Reason.CHEAP_HOUR,
        Reason.WOULD_COST_MORE,
        Reason.MINIMUM_TIME,
        Reason.SWITCHED_OFTEN,
    }
)
_ROUNDING_W = 1.0


def to_trim(source: SourceCoordinator, decided: Decided) -> Collection[str]:
    """Return the ids of the GPUs all of whose jobs have time, while no heat is wanted."""
    plan = decided.verdict.plan
    if decided.demand.level != 0 or (plan and plan.gain[0] >= 0) or not source.snapshot:
        return ()
    everywhere = [device.id for device in source.snapshot.devices]
    trimmed, spared = set[str](), set[str]()
    for job in source.snapshot.jobs:
        if is_group(job) or job.state is not JobState.RUNNING:
            continue
        keys = [key_of(source, each) for each in (job.id, job.group) if each]
        decision = next((item for key in keys if (item := decided.decision(key))), None)
        has_time = decision is not None and decision.reason in _HAS_TIME
        has_time &= not source.orders.has_work(job.id)  # which counts down as at full power
        (trimmed if has_time else spared).update(job.devices or everywhere)
    return trimmed - spared


async def async_trim(
    source: SourceCoordinator,
    wanted: Collection[str],
    part: float,
    trims: MutableMapping[str, Trim],
) -> None:
    """Lower the power limits of some GPUs to a part of their highest, and put back others'.

    `trims` has what was set so, by device: what anybody else has set is not touched.
    """
    changed = False
    for device in source.snapshot.devices if source.snapshot else ():
        key = key_of(source, device.id)
        trim, want = trims.get(key), device.id in wanted
        ours = trim is not None and _stands(source, device, trim.set_w)
        if trim and not ours and (not want or _has(device, trim.before_w)):
            del trims[key]  # put back, as when a job went on; or no longer to be kept off
            trim = None
        if want and trim is None and (lower := _lower(source, device, part)):
            if await _limit(source, device, lower.set_w):
                trims[key] = lower
                changed = True
        elif trim and ours and not want and await _limit(source, device, trim.before_w):
            source.limits.forget(device.id)
            del trims[key]
            changed = True
    if changed:
        await source.async_refresh()


def _lower(source: SourceCoordinator, device: Device, part: float) -> Trim | None:
    """Return how to lower a GPU's limit; None where that is not for us, or it is as low."""
    now_w, most_w = device.power_limit_w, device.power_limit_max_w
    if not device.power_limit_settable or now_w is None or most_w is None:
        return None
    set_w = max(round(part * most_w), device.power_limit_min_w or 0.0)
    if source.limits.wish(device.id) is not None or now_w <= set_w + _ROUNDING_W:
        return None
    return Trim(set_w=set_w, before_w=now_w)


async def _limit(source: SourceCoordinator, device: Device, watts: float) -> bool:
    """Set a limit; return whether that was done. What fails is tried again next time."""
    try:
        await source.async_limit_power(device.id, watts)
    except HomeAssistantError as err:
        LOGGER.debug("The power limit of %s is left as it is: %s", device.name, err)
        return False
    return True


def _stands(source: SourceCoordinator, device: Device, set_w: float) -> bool:
    return source.limits.wish(device.id) == set_w and _has(device, set_w)


def _has(device: Device, watts: float) -> bool:
    limit_w = device.power_limit_w
    return limit_w is not None and abs(limit_w - watts) <= _ROUNDING_W
