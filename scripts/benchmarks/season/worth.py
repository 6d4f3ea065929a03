"""What an hour of compute is worth, as one says it without a model of how heat is stored.

    worth = share * price of heat - price - cooled share * price of cooling

The share is what the house needs in a steady state, 140 W for each K below its balance temperature,
by what the compute draws; the rivals are told the house's true figures.
"""

from collections.abc import Sequence
from datetime import timedelta

from .course import HOUSE
from .house import COOL_C, DAY_C, DAY_HOURS, NIGHT_C
from .scenarios import Scenario
from .workload import GPUS, IDLE_W
from .world import View

MEAN_SUN_W_M2 = 140.0
"""Of a year; by their weather files it is 161 in Chicago, 108 in Helsinki, 105 in Stockholm."""

_GAINS_K = (HOUSE.gains_w + GPUS * IDLE_W + HOUSE.aperture_m2 * MEAN_SUN_W_M2) / HOUSE.loss_w_per_k
HEAT_BELOW_C = (DAY_C * len(DAY_HOURS) + NIGHT_C * (24 - len(DAY_HOURS))) / 24 - _GAINS_K
COOL_ABOVE_C = COOL_C - _GAINS_K


def compute_w(view: View) -> float:
    """Return what the jobs draw that could run now."""
    powers = [state.job.running_w for state in view.jobs[:GPUS]]
    return sum(powers)


def hours_ahead(view: View) -> Sequence[float]:
    """Return the worth of this hour and those that the forecast reaches, in CAD by the kWh."""
    power_w = compute_w(view)
    hour = view.now.replace(minute=0)
    return [
        worth(
            view.scenario,
            view.scenario.price(hour + timedelta(hours=lead)),
            outdoor_c,
            power_w,
        )
        for lead, outdoor_c in enumerate((view.outdoor_c, *view.forecast))
    ]


def worth(scenario: Scenario, price: float, outdoor_c: float, power_w: float) -> float:
    """Return what a kWh of compute is worth, in CAD; negative where it costs more than it heats."""
    useful, cooled = (
        min(max(HOUSE.loss_w_per_k * lacking_k / power_w, 0.0), 1.0)
        for lacking_k in (HEAT_BELOW_C - outdoor_c, outdoor_c - COOL_ABOVE_C)
    )
    heat = useful * scenario.heat_price(price, outdoor_c)
    return heat - price - cooled * scenario.cool_price(price)
