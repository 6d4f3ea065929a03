"""A zone's schedule: it plans what it knows, follows the heat with the rest, and acts by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from homeassistant.components.climate import HVACMode
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState
from homeassistant.util.unit_system import US_CUSTOMARY_SYSTEM
import pytest

from custom_components.gpu_heat.agent.models import JobState

from .conftest import zone_entry
from .scripted_agent import GPU

HOUR_S = 3600
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

# Electricity at 0.30, from 22 to 6 h at 0.05; oil heat costs 1.30 / (0.85 x 10.6) = 0.144.
NIGHT = {
    "tariff": "time_of_use",
    "electricity_price": 0.30,
    "windows": [{"start": "22:00:00", "end": "06:00:00", "price": 0.05}],
}


@pytest.fixture
async def clock(hass):
    """The zone's clocks show UTC."""
    await hass.config.async_set_time_zone("UTC")


@pytest.fixture
def outdoors(hass):
    """Set the temperature outdoors."""

    def set_outdoors(celsius):
        hass.states.async_set("sensor.outdoor", celsius, {"unit_of_measurement": "°C"})

    return set_outdoors


@pytest.fixture
def room(hass):
    """Set the room's temperature, with a target of 21 °C."""

    def set_room(temperature, mode=HVACMode.HEAT, target=21):
        state = {"current_temperature": temperature, "temperature": target}
        hass.states.async_set("climate.room", mode, state)

    return set_room


@pytest.fixture
def entry(agent, clock):
    """A zone with cheap nights, a thermostat and a sensor outdoors."""
    agent.forget("index")
    return zone_entry(agent, electricity=NIGHT, seasons=SEASONS)


SEASONS = {"thermostats": ["climate.room"], "outdoor_temperature": "sensor.outdoor"}


@pytest.fixture
def schedule(hass):
    """Call schedule_jobs; return its response."""

    async def call(**data):
        return await hass.services.async_call(
            "gpu_heat", "schedule_jobs", data, blocking=True, return_response=True
        )

    return call


@pytest.fixture
def switch(hass, entity_id):
    """Turn the zone's automatic control on or off."""

    async def turn(state, ending="_automatic_control"):
        await hass.services.async_call(
            "switch", f"turn_{state}", {"entity_id": entity_id("switch", ending)}, blocking=True
        )
        await hass.async_block_till_done()

    return turn


@pytest.fixture
def shown(hass, entity_id):
    """Return the state of an entity of ours."""
    return lambda platform, ending: hass.states.get(entity_id(platform, ending))


def first(response):
    job = response["jobs"][0]
    return job["action"], job["reason"], job["state"]


async def test_a_job_of_known_work_waits_for_the_cheap_night(
    agent, entry, setup, room, outdoors, schedule
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    response = await schedule(dry_run=True)
    assert first(response) == ("pause", "better_hour", "running")
    assert response["jobs"][0]["figures"] == {"starts_in_h": 10.0}
    (window,) = response["plan"]
    assert (window["start"], window["end"]) == (
        "2026-01-15T22:00:00+00:00",
        "2026-01-16T02:00:00+00:00",
    )
    # 450 W for 4 h; each kWh costs 0.05 and spares 0.144 of oil.
    assert (window["heat_kwh"], window["reason"]) == (1.8, "wanted_heat")
    # Until it begins, its GPU is taken to hold 50 W, 0.5 kWh of which cost 0.30 less the oil.
    held = 0.5 * (0.30 - 1.30 / 9.01)
    assert window["cost"] == pytest.approx(1.8 * (0.05 - 1.30 / 9.01) + held, abs=0.002)
    # At once it costs 0.25 more of each kWh.
    assert response["saving"] == pytest.approx(1.8 * 0.25 - held, abs=0.01)
    assert response["held_power_assumed"] is True
    assert (response["currency"], response["heat_demand"]) == ("CAD", 46.0)  # 0.3 and 16 K


async def test_the_deadline_goes_before_the_price(agent, entry, setup, room, outdoors, schedule):
    room(21)
    outdoors(5)
    due = NOON + timedelta(hours=5)
    agent.job("train", remaining_s=4 * HOUR_S, deadline=due)
    await setup(entry)
    # 5 h less 1.15 x 4 h of work is 0.4 h of slack.
    job = (await schedule(dry_run=True))["jobs"][0]
    assert (job["action"], job["reason"], job["figures"]) == (
        "keep",
        "deadline_guard",
        {"slack_h": 0.4},
    )


async def test_automatic_control_acts_by_itself_and_lets_go_when_it_is_turned_off(
    agent, entry, setup, room, outdoors, poll, switch, shown
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert shown("sensor", "train_reason").state == "better_hour"
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    await switch("off")
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    await poll(minutes=16)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING


async def test_what_was_switched_by_hand_before_is_taken_over_in_time(
    hass, agent, entry, setup, room, outdoors, poll, switch, shown
):
    """Two hours after the schedule began to act, the pause is its own to end or to prolong."""
    room(21)
    outdoors(5)
    await setup(entry)
    await switch("off", "train_running")
    await poll(hours=3)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    await switch("on")
    room(21)
    outdoors(5)
    await poll(minutes=119)
    assert shown("sensor", "train_reason").state == "manual_hold"
    room(20)
    outdoors(5)
    await poll(minutes=2)
    for _ in range(3):
        await poll(seconds=11)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING


async def test_a_change_is_decided_on_after_ten_seconds(
    agent, entry, setup, room, outdoors, poll, switch
):
    room(21)
    outdoors(5)
    await setup(entry)
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    room(22)
    await poll(seconds=11)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_what_is_planned_starts_in_its_hour_by_itself(
    agent, entry, setup, room, outdoors, poll, switch
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await switch("on")
    for _ in range(58):
        await poll(minutes=10)
        room(21)
        outdoors(5)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED  # 21:40
    for _ in range(3):
        await poll(minutes=10)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING  # 22:10


async def test_it_is_still_automatic_after_a_restart(
    hass, agent, entry, setup, room, outdoors, poll, switch, shown
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await switch("on")
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown("switch", "_automatic_control").state == "on"
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_while_home_assistant_starts_nothing_is_decided_on_prices_that_are_not_up_yet(
    hass, agent, clock, setup, room, outdoors, poll, switch
):
    """The price of now, for all that is known ahead, would let the job go."""

    def price():
        rows = [
            {"start": at, "end": at + timedelta(hours=1), "value": 0.05 if hour == 20 else 0.30}
            for hour in range(24)
            for at in [NOON + timedelta(hours=hour)]
        ]
        unit = {"unit_of_measurement": "CAD/kWh"}
        hass.states.async_set("sensor.price", 0.30, {"raw_today": rows} | unit)

    agent.forget("index")
    agent.job("train", remaining_s=HOUR_S, frees_gpu=True)  # to wait costs nothing
    room(21)
    outdoors(5)
    price()
    prices = {"tariff": "entity", "price_entity": "sensor.price"}
    entry = zone_entry(agent, electricity=prices, seasons=SEASONS)
    await setup(entry)
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove("sensor.price")
    hass.set_state(CoreState.starting)
    await poll(minutes=10)
    await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(5):
        await poll(minutes=9)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    price()
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await poll()
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_once_home_assistant_stops_it_pauses_nothing_more(
    hass, agent, entry, setup, room, outdoors, poll, switch
):
    room(21)
    outdoors(5)
    await setup(entry)
    await switch("on")
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    room(23)
    await poll(minutes=15)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING


async def test_a_switch_that_is_turned_by_hand_holds_against_it(
    agent, entry, setup, room, outdoors, poll, switch, shown
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await switch("on")
    await poll(minutes=5)
    await switch("on", "train_running")
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert shown("sensor", "train_reason").state == "manual_run"
    for _ in range(17):
        await poll(minutes=7)
        room(21)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    await poll(minutes=1)  # the two hours end at 14:05; the next quarter is not waited for
    for _ in range(2):
        await poll()
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_a_job_that_is_resumed_on_its_machine_is_left_for_two_hours(
    agent, entry, setup, room, outdoors, poll, switch, shown
):
    room(22)
    outdoors(5)
    await setup(entry)
    await switch("on")
    await poll()
    agent.run_on("train")
    await poll()
    for _ in range(7):
        await poll(minutes=15)
        room(22)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert shown("sensor", "train_reason").state == "manual_run"
    for _ in range(2):
        await poll(minutes=15)
        room(22)
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_a_pause_that_a_restart_of_the_agent_has_ended_is_no_persons_doing(
    agent, entry, setup, room, outdoors, poll, switch
):
    room(22)
    outdoors(5)
    await setup(entry)
    await switch("on")
    await poll()
    agent.run_on("train")
    info = replace(agent.snapshot.agent, started_at=NOON)
    agent.snapshot = replace(agent.snapshot, agent=info)
    await poll()
    await poll(minutes=31)
    room(22)
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.PAUSED


async def test_the_entities_tell_the_plan(
    hass, agent, entry, setup, room, outdoors, poll, shown, entity_id
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S, deadline=NOON + timedelta(hours=20))
    await setup(entry)
    assert shown("sensor", "train_reason").state == "unavailable"  # nothing is decided yet
    await poll()
    demand = shown("sensor", "_heat_demand")
    assert (demand.state, demand.attributes["reason"]) == ("46.0", "wanted_heat")
    assert demand.attributes["thermostats"] == {"climate.room": pytest.approx(46.0)}
    saving = shown("sensor", "_forecast_saving")
    assert float(saving.state) == pytest.approx(0.45 - 0.5 * (0.30 - 0.144), abs=0.01)
    assert saving.attributes["held_power_assumed"] is True
    assert saving.attributes["unit_of_measurement"] == "CAD"
    reason = shown("sensor", "train_reason").attributes
    assert reason["next_start"] == NOON + timedelta(hours=10)
    assert shown("binary_sensor", "train_deadline_at_risk").state == "off"
    calendar = shown("calendar", "_plan")
    assert (calendar.state, calendar.attributes["message"]) == ("off", "Fine-tune")
    assert calendar.attributes["description"].split("\n") == [
        "Heat is wanted",
        "Heat: 1.8 kWh",
        "Net cost: -0.09 CAD",
    ]


async def test_what_windows_cost_adds_up_to_what_the_plan_costs(
    agent, entry, setup, room, outdoors, schedule, shown
):
    room(21)
    outdoors(16)  # the house wants less heat than the job gives: the last of it is worth little
    agent.job("train", remaining_s=12 * HOUR_S, deadline=NOON + timedelta(hours=44))
    await setup(entry)
    response = await schedule()
    costs = [window["cost"] for window in response["plan"]]
    assert len(costs) == 2  # the first night has eight hours
    cost = shown("sensor", "_forecast_saving").attributes["cost"]
    assert sum(costs) == pytest.approx(cost, abs=1e-3)
    # 5.4 kWh at 0.05 cost 0.27, and at the most all of them spare oil for 0.144 each. Before and
    # between the nights, 10 and 16 h, 50 W are held: 1.3 kWh at 0.30 at the most.
    assert 0.27 - 5.4 * 0.144 < cost < 0.27 + 1.3 * 0.30


async def test_the_calendar_answers_for_a_time(
    hass, agent, entry, setup, room, outdoors, poll, entity_id
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await poll()

    async def events(start, end):
        calendar = entity_id("calendar", "_plan")
        data = {"entity_id": calendar, "start_date_time": start, "end_date_time": end}
        answer = await hass.services.async_call(
            "calendar", "get_events", data, blocking=True, return_response=True
        )
        return [event["summary"] for event in answer[calendar]["events"]]

    assert await events("2026-01-15T20:00:00+00:00", "2026-01-15T22:30:00+00:00") == ["Fine-tune"]
    assert await events("2026-01-16T02:30:00+00:00", "2026-01-16T12:00:00+00:00") == []


async def test_the_hour_that_comes_twice_is_in_the_calendar(
    hass, agent, entry, setup, room, outdoors, poll, entity_id, freezer
):
    """At 2:45 summer time half an hour of work is due at 2:30 winter time, 45 minutes later."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await setup(entry)
    now = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    agent.job("train", remaining_s=HOUR_S / 2, deadline=now + timedelta(minutes=45))
    freezer.move_to(now - timedelta(seconds=11))
    room(21)
    outdoors(5)
    await poll(seconds=11)
    await poll(seconds=11)  # now it is decided anew on what was told
    calendar = entity_id("calendar", "_plan")
    data = {"entity_id": calendar, "start_date_time": now, "duration": {"hours": 2}}
    answer = await hass.services.async_call(
        "calendar", "get_events", data, blocking=True, return_response=True
    )
    (event,) = answer[calendar]["events"]
    start, end = (datetime.fromisoformat(event[key]) for key in ("start", "end"))
    assert (start.hour, start.utcoffset()) == (2, timedelta(hours=2))
    assert (end.hour, end.utcoffset()) == (2, timedelta(hours=1))
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(minutes=30)
    assert hass.states.get(calendar).attributes["message"] == "Fine-tune"


async def test_work_that_goes_on_beyond_the_plan_has_no_cost_and_leaves_others_theirs(
    agent, entry, setup, room, outdoors, schedule
):
    """The plan ends after four weeks, ten years of work do not."""
    room(21)
    outdoors(5)
    train = agent.job("train", remaining_s=10 * 8766 * HOUR_S, deadline=NOON)
    index = replace(train, id="index", remaining_s=HOUR_S, deadline=NOON + timedelta(hours=2))
    agent.snapshot = replace(agent.snapshot, jobs=(train, index))
    await setup(entry)
    costs = {row["job_id"]: row["cost"] for row in (await schedule(dry_run=True))["plan"]}
    assert costs["train"] is None
    # Half of 450 W for an hour, at 0.30 less the oil that it spares.
    assert costs["index"] == pytest.approx(0.225 * (0.30 - 1.30 / 9.01), abs=0.005)


async def test_jobs_that_share_a_gpu_share_what_it_draws_and_holds(
    agent, entry, setup, room, outdoors, poll, schedule
):
    """450 W of the GPU for two of them; while both wait no more than that is planned."""
    room(21)
    outdoors(5)
    train = agent.job("train", devices=(GPU,), remaining_s=4 * HOUR_S)
    agent.snapshot = replace(agent.snapshot, jobs=(train, replace(train, id="index")))
    await setup(entry)
    await poll()
    await poll()
    response = await schedule()
    assert {row["heat_kwh"] for row in response["plan"]} == {0.9}
    assert [job.state for job in agent.snapshot.jobs] == [JobState.PAUSED] * 2
    await poll()
    again = await schedule(dry_run=True)
    assert {row["heat_kwh"] for row in again["plan"]} == {0.9}
    assert again["saving"] == pytest.approx(response["saving"], abs=0.01)


@pytest.mark.parametrize(
    ("changes", "reason", "saving"),
    [
        ({"remaining_s": None}, "wanted_heat", None),
        ({"remaining_s": 0}, "wanted_heat", None),
        ({"remaining_s": -60}, "wanted_heat", None),
    ],
)
async def test_a_job_whose_work_nobody_knows_follows_the_heat(
    agent, entry, setup, room, outdoors, schedule, changes, reason, saving
):
    room(21)
    outdoors(5)
    agent.job("train", **changes)
    await setup(entry)
    response = await schedule(dry_run=True)
    assert (first(response)[1], response["saving"], response["plan"]) == (reason, saving, [])


async def test_work_and_deadlines_beyond_all_measure_are_borne_with(
    agent, entry, setup, room, outdoors, schedule, poll
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=1e18, deadline=datetime.max.replace(tzinfo=UTC))
    await setup(entry)
    response = await schedule(dry_run=True)
    assert response["plan"][-1]["end"] > "2035"
    agent.job("train", remaining_s=1e-9, deadline=datetime.min.replace(tzinfo=UTC))
    await poll()
    assert first(await schedule())[1] == "deadline_guard"


async def test_a_deadline_that_has_passed_runs_the_job_at_once_and_is_told(
    agent, entry, setup, room, outdoors, poll, switch, shown
):
    room(23)  # too warm for anything that has time
    outdoors(5)
    agent.job("train", remaining_s=HOUR_S, deadline=NOON - timedelta(hours=1))
    await setup(entry)
    await switch("on")
    assert shown("sensor", "train_reason").state == "deadline_guard"
    assert shown("binary_sensor", "train_deadline_at_risk").state == "on"
    agent.job("train", remaining_s=None)
    await poll(minutes=16)
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    assert shown("binary_sensor", "train_deadline_at_risk").state == "on"


async def test_a_job_without_a_deadline_waits_no_longer_than_it_may(
    agent, entry, setup, room, outdoors, poll, schedule
):
    room(22)
    outdoors(5)
    await setup(zone_entry(agent, seasons=SEASONS, control={"max_delay": {"hours": 1}}))
    await schedule()
    for _ in range(70 * 2):
        await poll(seconds=30)
    room(22)
    assert first(await schedule()) == ("run", "waited_long", "running")


@pytest.mark.parametrize("lacking", ["price", "outdoors", "thermostat"])
async def test_what_cannot_be_planned_follows_the_heat(
    hass, agent, entry, setup, room, outdoors, schedule, lacking
):
    room(22)
    outdoors(5)
    electricity = NIGHT
    if lacking == "price":
        electricity = {"tariff": "entity", "price_entity": "sensor.price"}
    if lacking == "outdoors":
        outdoors("unavailable")
    if lacking == "thermostat":
        room(22, "unavailable")
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(zone_entry(agent, electricity=electricity, seasons=SEASONS))
    response = await schedule(dry_run=True)
    known = lacking != "thermostat"
    assert first(response)[1] == ("room_warm" if known else "demand_unknown")
    assert (response["plan"], response["saving"]) == ([], None)


@pytest.mark.parametrize("power_w", [None, 0.0])  # a meter that does not see the job
async def test_a_job_whose_power_nobody_knows_has_no_money(
    agent, entry, setup, room, outdoors, schedule, power_w
):
    room(21)
    outdoors(5)
    agent.gpu(power_w=power_w)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    response = await schedule(dry_run=True)
    assert (response["saving"], response["plan"][0]["cost"]) == (None, None)
    assert response["plan"][0]["heat_kwh"] is None


async def test_a_source_that_is_off_keeps_its_last_reason(
    agent, entry, setup, room, outdoors, poll, shown
):
    room(21)
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    await poll()
    await agent.stop()
    await poll(minutes=16)
    assert shown("sensor", "train_reason").state == "better_hour"
    await agent.start()


async def test_a_finished_job_has_no_reason(agent, entry, setup, room, outdoors, poll, shown):
    room(21)
    outdoors(5)
    await setup(entry)
    await poll()
    agent.job("train", state=JobState.FINISHED)
    await poll()
    assert shown("sensor", "train_reason").state == "unknown"


async def test_fahrenheit_changes_nothing(hass, agent, entry, setup, outdoors, schedule):
    hass.config.units = US_CUSTOMARY_SYSTEM
    hass.states.async_set(
        "climate.room", HVACMode.HEAT, {"current_temperature": 69.8, "temperature": 69.8}
    )
    outdoors(5)
    agent.job("train", remaining_s=4 * HOUR_S)
    await setup(entry)
    response = await schedule(dry_run=True)
    assert first(response) == ("pause", "better_hour", "running")
    assert response["heat_demand"] == 46.0


async def test_a_room_that_is_too_warm_stops_work_also_within_its_minimum_time(
    entry, setup, room, outdoors, schedule, freezer
):
    room(22)
    outdoors(5)
    await setup(entry)
    await schedule()
    room(18)
    freezer.tick(timedelta(minutes=30))
    assert first(await schedule()) == ("run", "wanted_heat", "running")
    room(22.1)
    freezer.tick(timedelta(minutes=1))
    assert first(await schedule()) == ("pause", "comfort_ceiling", "paused")


async def test_the_night_in_which_the_clock_is_set_is_an_hour_shorter(
    hass, agent, setup, room, outdoors, poll, schedule, freezer
):
    await hass.config.async_set_time_zone("Europe/Berlin")
    agent.forget("index")
    room(21)
    outdoors(5)
    night = NIGHT | {"windows": [{"start": "01:00:00", "end": "05:00:00", "price": 0.05}]}
    await setup(zone_entry(agent, electricity=night, seasons=SEASONS))
    freezer.move_to("2026-03-28 20:00:00+00:00")
    agent.job("train", remaining_s=3 * HOUR_S)
    room(21)
    outdoors(5)
    await poll()
    (window,) = (await schedule(dry_run=True))["plan"]
    # From 1 h to 5 h by the clock there are three hours.
    assert window["start"] == "2026-03-29T00:00:00+00:00"
    assert window["end"] == "2026-03-29T03:00:00+00:00"


async def test_a_price_that_jumps_is_planned_with_anew(
    hass, agent, setup, room, outdoors, poll, switch, shown
):
    def price(now):
        rows = [
            {"start": NOON.isoformat(), "end": (NOON + timedelta(hours=8)).isoformat()},
            {
                "start": (NOON + timedelta(hours=8)).isoformat(),
                "end": (NOON + timedelta(hours=12)).isoformat(),
            },
        ]
        values = (now, 0.05)
        raw = [row | {"value": value} for row, value in zip(rows, values, strict=True)]
        hass.states.async_set(
            "sensor.price",
            now,
            {"unit_of_measurement": "CAD/kWh", "raw_today": raw, "raw_tomorrow": []},
        )

    agent.forget("index")
    agent.job("train", remaining_s=2 * HOUR_S)
    room(21)
    outdoors(5)
    price(0.05)
    electricity = {"tariff": "entity", "price_entity": "sensor.price"}
    await setup(zone_entry(agent, electricity=electricity, seasons=SEASONS))
    await switch("on")
    assert agent.snapshot.jobs[0].state is JobState.RUNNING
    price(0.40)
    await poll()
    assert agent.snapshot.jobs[0].state is JobState.PAUSED
    assert shown("sensor", "train_reason").attributes["next_start"] == NOON + timedelta(hours=8)
