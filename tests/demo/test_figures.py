"""What the zone says its heat costs and is worth now, as its user changes the house around it.

All of 700 W: 0.7 kWh an hour at 0.0718 CAD cost 0.05026 CAD, and replace
0.7 / (0.85 * 10.6) = 0.077691 L of oil at 1.30 CAD = 0.100999 CAD.
"""

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page
import pytest

from .browser import act, command, post, shows, state, tile
from .harness import eventually

ROOM = "input_number.room_temperature"
OUTDOORS = "input_number.outdoor_temperature"
THERMOSTAT = "climate.living_room"
OPTIONS_FLOW = "config/config_entries/options/flow"

# effective_power in W, cost_rate and heat_value_rate in CAD/h, useful_share in %,
# break_even_price in CAD/kWh: the value by the effective power
WINTER = {
    "effective_power": 700,
    "cost_rate": 0.05026,
    "heat_value_rate": 0.100999,
    "useful_share": 100,
    "break_even_price": 0.144284,
}
# 1.0 K above its target, the room has use for half of the heat.
HALF = {**WINTER, "heat_value_rate": 0.050499, "useful_share": 50, "break_even_price": 0.072142}
WARM = {**WINTER, "heat_value_rate": 0, "useful_share": 0, "break_even_price": 0}
# Each watt of heat takes a third of a watt more at the air conditioner.
SUMMER = {**WARM, "effective_power": 933.333, "cost_rate": 0.067013}


@pytest.fixture
def winter(page: Page) -> Iterator[Page]:
    """The page, at 700 W and a room on its target; afterwards all is as it was."""
    says(page, {**WINTER, "power": 700, "electricity_price": 0.0718})
    yield page
    act(page, "select.select_option", entity_id="select.house_season_mode", option="auto")
    act(page, "input_number.set_value", entity_id=ROOM, value=20)
    act(page, "climate.set_temperature", entity_id=THERMOSTAT, temperature=20)


def test_in_the_cooling_season_the_heat_costs_and_is_worth_nothing(winter: Page) -> None:
    choose_season(winter, "Cooling")

    says(winter, SUMMER)
    shows(winter, "Season", "Cooling")
    shows(winter, "Costs now", "0.0670 CAD/h")
    shows(winter, "Worth now", "0.0000 CAD/h")
    shows(winter, "Effective power", "933 W")

    choose_season(winter, "Automatic")

    says(winter, WINTER)
    shows(winter, "Season", "Heating")
    shows(winter, "Worth now", "0.1010 CAD/h")


def test_what_is_used_in_the_cooling_season_is_booked_with_its_cooling(winter: Page) -> None:
    choose_season(winter, "Cooling")
    wait_for_a_poll(winter)
    before = sums(winter)
    wait_for_a_poll(winter)

    grown = {key: value - before[key] for key, value in sums(winter).items()}

    assert grown["electricity_cost"] > 0
    assert grown["cooling_cost"] == pytest.approx(grown["electricity_cost"] / 3, abs=1e-8)
    assert grown["net_cost"] == pytest.approx(grown["electricity_cost"] * 4 / 3, abs=1e-8)
    assert grown["heat_value"] == 0


@pytest.mark.parametrize(
    ("temperature", "figures"), [(20.5, WINTER), (21.0, HALF), (22.0, WARM), (18.0, WINTER)]
)
def test_a_warm_room_has_less_use_for_the_heat(
    winter: Page, temperature: float, figures: dict[str, float]
) -> None:
    act(winter, "input_number.set_value", entity_id=ROOM, value=temperature)

    says(winter, figures)


def test_a_lower_target_has_less_use_for_the_heat(winter: Page) -> None:
    for shown in ("19.5", "19.0"):
        tile(winter, "Living room").get_by_role("button", name="Decrement").click()
        shows(winter, "Living room", shown)

    says(winter, HALF)
    shows(winter, "Useful share", "50%")
    shows(winter, "Worth now", "0.0505 CAD/h")


def test_a_price_that_is_changed_in_the_options_holds_from_now_on(winter: Page) -> None:
    before = sums(winter)

    change_options(winter, "electricity", electricity_price=0.2)

    # 0.7 kWh at 0.20 CAD; what the heat is worth is the oil's affair
    says(winter, {**WINTER, "cost_rate": 0.14, "electricity_price": 0.2})
    shows(winter, "Price", "0.2000 CAD/kWh")
    assert sums(winter)["electricity_cost"] == pytest.approx(before["electricity_cost"], abs=0.002)

    change_options(winter, "electricity", electricity_price=0.0718)

    says(winter, {**WINTER, "electricity_price": 0.0718})


def test_the_season_follows_the_recorded_temperature_outdoors(winter: Page) -> None:
    # The room's own thermometer says 20 °C, which is above 18.
    change_options(winter, "seasons", season_by="outdoor", outdoor_temperature=ROOM)

    says(winter, SUMMER)
    assert state(winter, "select.house_season_mode") == "auto"

    change_options(winter, "seasons", season_by="months", outdoor_temperature=OUTDOORS)

    says(winter, WINTER)


def test_the_estimate_of_the_readme(page: Page) -> None:
    answer = act(
        page,
        "gpu_heat.estimate",
        power_w=400,
        electricity_price=0.0718,
        fuel="heating_oil",
        fuel_price=1.30,
        efficiency=85,
        heat_content=10.6,
    )

    month = answer["heating_month"]
    assert month["energy_kwh"] == 288  # 0.4 kW * 24 h * 30 days
    assert month["electricity_cost"] == pytest.approx(20.6784)
    assert month["fuel_displaced"] == pytest.approx(31.9645, abs=1e-4)
    assert month["fuel_unit"] == "L"
    assert month["heat_value"] == pytest.approx(41.5538, abs=1e-4)
    assert month["net_cost"] == pytest.approx(20.6784 - 41.5538, abs=1e-4)


def choose_season(page: Page, name: str) -> None:
    """Choose in the tile's menu."""
    chooser = tile(page, "Season mode")
    chooser.locator("ha-control-select-menu").click()
    chooser.get_by_role("menuitem", name=name).click()


def change_options(page: Page, section: str, **changes: Any) -> None:
    """Go through a section of the zone's options; what becomes None is left empty."""
    (entry,) = command(page, "config_entries/get", domain="gpu_heat")
    flow = post(page, OPTIONS_FLOW, {"handler": entry["entry_id"]})
    path = f"{OPTIONS_FLOW}/{flow['flow_id']}"
    form = post(page, path, {"next_step_id": section})
    suggested = {
        field["name"]: field["description"]["suggested_value"]
        for field in form["data_schema"]
        if "suggested_value" in field.get("description", {})
    }
    answers = {name: said for name, said in {**suggested, **changes}.items() if said is not None}
    done = post(page, path, answers)
    assert done["type"] == "create_entry", done


def says(page: Page, figures: dict[str, float]) -> None:
    """Fail if the sensors do not come to say these figures, to the digits given."""

    def wrong() -> dict[str, str]:
        found = {key: state(page, f"sensor.house_{key}") for key in figures}
        return {key: said for key, said in found.items() if not near(said, figures[key])}

    eventually(lambda: not wrong(), f"not {figures}")


def near(said: str, figure: float) -> bool:
    try:
        return float(said) == pytest.approx(figure, rel=1e-4, abs=1e-6)
    except ValueError:  # unknown or unavailable
        return False


def sums(page: Page) -> dict[str, float]:
    keys = ("electricity_cost", "cooling_cost", "heat_value", "net_cost")
    return {key: float(state(page, f"sensor.house_{key}")) for key in keys}


def wait_for_a_poll(page: Page) -> None:
    energy = state(page, "sensor.house_energy")
    eventually(lambda: state(page, "sensor.house_energy") != energy, "no poll")
