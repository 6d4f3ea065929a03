"""A zone of many sources: what it shows, and how often."""

from homeassistant.core import callback
from homeassistant.util import dt as dt_util
import pytest

from .conftest import zone_entry
from .scripted_agent import GPU, ScriptedAgent

KWH = 3_600_000


@pytest.fixture
async def agents(socket_enabled):
    """Six agents, one GPU of 450 W each."""
    scripted = [ScriptedAgent(f"agent-{number}") for number in range(6)]
    for agent in scripted:
        await agent.start()
    yield scripted
    for agent in scripted:
        await agent.stop()


@pytest.fixture
def states_of(hass):
    """Collect the states that an entity takes from now on."""

    def collect(entity_id):
        found = []

        @callback
        def note(event):
            if event.data["entity_id"] == entity_id:
                found.append(event.data["new_state"].state)

        hass.bus.async_listen("state_changed", note)
        return found

    return collect


async def test_the_first_figures_are_those_of_all(agents, setup, figure):
    entry = zone_entry(*agents)
    await setup(entry)
    assert figure(f"{entry.entry_id}_power") == 6 * 450


async def test_a_round_of_polls_is_shown_at_once_and_together(
    agents, setup, poll, figure, entity_id, states_of
):
    entry = zone_entry(*agents)
    await setup(entry)
    power = states_of(entity_id("sensor", f"{entry.entry_id}_power"))
    for watts, energy_kwh in ((300.5, 1), (200.25, 3)):
        for agent in agents:
            agent.gpu(power_w=watts, energy_j=float(energy_kwh * KWH))
        await poll()
        assert figure(f"{entry.entry_id}_power") == 6 * watts
        assert figure(f"{entry.entry_id}_energy") == 6 * energy_kwh
        assert figure("electricity_cost") == pytest.approx(6 * energy_kwh * 0.0718)
    assert power == ["1803.0", "1201.5"]


async def test_one_of_many_that_is_polled_alone_is_shown_within_a_second(
    agents, setup, poll, figure
):
    entry = zone_entry(*agents)
    await setup(entry)
    agents[2].gpu(power_w=50.0, energy_j=1.0 * KWH)
    source = list(entry.runtime_data.sources.values())[2]
    await source.async_refresh()
    assert figure(f"{entry.entry_id}_power") == 6 * 450
    assert entry.runtime_data.zone.source_energy_j(source.subentry.subentry_id) == KWH
    await poll(seconds=1)
    assert figure(f"{entry.entry_id}_power") == 5 * 450 + 50
    assert figure(f"{entry.entry_id}_energy") == 1


async def test_many_of_which_one_is_off_are_shown_within_a_second(
    hass, agents, setup, poll, figure, entity_id
):
    entry = zone_entry(*agents)
    await setup(entry)
    await agents[0].stop()
    await poll()
    for agent in agents:
        agent.gpu(power_w=100.0)
    await poll()
    await poll(seconds=1)
    assert figure(f"{entry.entry_id}_power") == 5 * 100
    state = hass.states.get(entity_id("sensor", f"{entry.entry_id}_power"))
    assert state.attributes["offline_sources"] == ["rack of agent-0"]


async def test_of_two_sources_each_poll_is_shown_at_once(agent, other, setup, figure):
    entry = zone_entry(agent, other)
    await setup(entry)
    first, second = entry.runtime_data.sources.values()
    agent.gpu(power_w=100.0)
    await first.async_refresh()
    assert figure(f"{entry.entry_id}_power") == 550
    other.gpu(power_w=200.0)
    await second.async_refresh()
    assert figure(f"{entry.entry_id}_power") == 300


async def test_a_zone_unloads_while_something_is_still_to_be_shown(hass, agents, setup, poll):
    entry = zone_entry(*agents)
    await setup(entry)
    await next(iter(entry.runtime_data.sources.values())).async_refresh()
    assert await hass.config_entries.async_unload(entry.entry_id)
    await poll(seconds=1)


async def test_a_binary_sensor_is_written_only_where_it_changes(
    hass, agent, entry, setup, poll, entity_id
):
    """A power is: an integral of it has to know that it was the same all the time."""
    await setup(entry)
    await poll()
    quiet = [entity_id("binary_sensor", ending) for ending in ("online", f"{GPU}_throttled")]
    power = entity_id("sensor", f"{GPU}_power")
    before = dt_util.utcnow()
    await poll()
    assert all(hass.states.get(item).last_reported <= before for item in quiet)
    assert hass.states.get(power).last_reported > before

    agent.gpu(throttle_reasons=("hw_thermal_slowdown",))
    await poll()
    assert hass.states.get(quiet[1]).state == "on"
    agent.gpu(throttle_reasons=("sw_thermal_slowdown",))
    await poll()
    assert hass.states.get(quiet[1]).attributes["reasons"] == ["sw_thermal_slowdown"]
    await agent.stop()
    await poll()
    assert [hass.states.get(item).state for item in quiet] == ["off", "unavailable"]
    await agent.start()
    await poll()
    assert [hass.states.get(item).state for item in quiet] == ["on", "on"]
