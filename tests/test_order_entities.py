"""What a person orders of a job: its policy, its deadline, the work left of it."""

from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.const import DOMAIN

TEN = "2026-01-15T22:00:00+00:00"
MIDNIGHT = "2026-01-16T00:00:00+00:00"


async def look(entry):
    (source,) = entry.runtime_data.sources.values()
    await source.async_refresh()


@pytest.fixture
def order(hass, entity_id):
    """Order something of the job "train", or of another."""
    actions = {
        "select": ("select_option", "option", "policy"),
        "number": ("set_value", "value", "remaining_work"),
        "datetime": ("set_value", "datetime", "deadline"),
    }

    async def call(domain, value, job="train"):
        action, field, key = actions[domain]
        target = {"entity_id": entity_id(domain, f"{job}_{key}")}
        await hass.services.async_call(domain, action, {field: value}, target=target, blocking=True)

    return call


@pytest.fixture
def clear(hass, entity_id):
    """Press the button that takes a deadline back."""

    async def press(job="train"):
        target = {"entity_id": entity_id("button", f"{job}_clear_deadline")}
        await hass.services.async_call("button", "press", {}, target=target, blocking=True)

    return press


@pytest.fixture
def shown(hass, entity_id):
    """Return the state of an entity by its platform and the end of its unique id."""
    return lambda domain, ending: hass.states.get(entity_id(domain, ending)).state


@pytest.fixture
def deadline(hass, entity_id):
    """Return the deadline of a job, and who has set it."""

    def read(job="train"):
        state = hass.states.get(entity_id("datetime", f"{job}_deadline"))
        return state.state, state.attributes.get("set_by")

    return read


async def test_a_job_follows_the_heat_until_its_policy_is_another(entry, setup, order, shown):
    await setup(entry)
    assert shown("select", "train_policy") == "follow_heat"
    await order("select", "always_run")
    assert shown("select", "train_policy") == "always_run"
    assert shown("select", "index_policy") == "follow_heat"


async def test_a_deadline_by_hand_stands_before_the_job_s_own_until_it_is_cleared(
    agent, entry, setup, order, clear, shown, deadline
):
    await setup(entry)
    agent.job("train", deadline=dt_util.parse_datetime(TEN))
    await look(entry)
    assert deadline() == (TEN, "job")
    assert shown("button", "train_clear_deadline") == "unavailable"  # it is not ours to clear
    await order("datetime", MIDNIGHT)
    assert deadline() == (MIDNIGHT, "person")
    assert shown("button", "train_clear_deadline") == "unknown"  # it can be pressed
    await clear()
    assert deadline() == (TEN, "job")


async def test_no_deadline_is_unknown(entry, setup, deadline):
    await setup(entry)
    assert deadline() == ("unknown", None)


async def test_a_deadline_without_a_time_zone_is_in_that_of_home_assistant(
    hass, entry, setup, order, deadline
):
    """22:00 in Berlin's winter is 21:00 UTC."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await setup(entry)
    await order("datetime", "2026-01-15 22:00:00")
    assert deadline() == ("2026-01-15T21:00:00+00:00", "person")


async def test_a_deadline_that_has_passed_is_kept(entry, setup, order, deadline):
    await setup(entry)
    await order("datetime", "2026-01-15T09:00:00+00:00")  # it is 12:00
    assert deadline() == ("2026-01-15T09:00:00+00:00", "person")


@pytest.mark.parametrize(
    "far", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "2036-01-18T12:00:00+00:00"]
)
async def test_a_deadline_more_than_ten_years_away_is_refused(entry, setup, order, deadline, far):
    await setup(entry)
    await order("datetime", "2036-01-14T12:00:00+00:00")
    with pytest.raises(ServiceValidationError, match="at most ten years away"):
        await order("datetime", far)
    assert deadline()[0] == "2036-01-14T12:00:00+00:00"


async def test_the_work_left_counts_down_while_the_job_runs(
    agent, entry, setup, poll, order, shown
):
    """2 h less a minute of running are 1.983 h, and none less after a minute of waiting."""
    await setup(entry)
    await order("number", 2)
    assert shown("number", "train_remaining_work") == "2.0"
    await poll(seconds=60)
    assert shown("number", "train_remaining_work") == "1.98"
    agent.job("train", state=JobState.PAUSED, paused_by_us=True)
    await poll(seconds=11)  # it ran until then
    left = shown("number", "train_remaining_work")
    await poll(seconds=60)
    assert shown("number", "train_remaining_work") == left


async def test_the_work_that_the_job_tells_counts_once_the_person_s_is_taken_back(
    agent, entry, setup, order, shown
):
    await setup(entry)
    assert shown("number", "train_remaining_work") == "unknown"
    agent.job("train", remaining_s=5400.0)
    await look(entry)
    assert shown("number", "train_remaining_work") == "1.5"
    await order("number", 8)
    assert shown("number", "train_remaining_work") == "8.0"
    await order("number", 0)
    assert shown("number", "train_remaining_work") == "1.5"


@pytest.mark.parametrize(
    ("value", "error"), [("nan", "in hours"), (-1, "valid range"), (8760.25, "valid range")]
)
async def test_work_that_cannot_be_is_refused(entry, setup, order, shown, value, error):
    await setup(entry)
    await order("number", 8760)
    with pytest.raises(ServiceValidationError, match=error):
        await order("number", value)
    assert shown("number", "train_remaining_work") == "8760.0"


async def test_a_job_can_be_ordered_while_its_server_is_off_and_over_a_restart(
    hass, agent, entry, setup, poll, order, shown, deadline
):
    await setup(entry)
    await agent.stop()
    await poll()
    await order("select", "hold")
    await order("number", 3)
    await order("datetime", TEN)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert shown("sensor", "train_status") == "unavailable"
    assert shown("select", "train_policy") == "hold"
    assert shown("number", "train_remaining_work") == "3.0"
    assert deadline() == (TEN, "person")


async def test_what_the_job_tells_is_unknown_while_its_server_is_off(
    agent, entry, setup, poll, shown, deadline
):
    agent.job("train", remaining_s=5400.0, deadline=dt_util.parse_datetime(TEN))
    await setup(entry)
    await agent.stop()
    await poll()
    assert shown("number", "train_remaining_work") == "unknown"
    assert deadline() == ("unknown", None)


async def test_a_job_that_is_no_longer_listed_takes_no_orders(agent, entry, setup, poll, shown):
    await setup(entry)
    agent.forget("train")
    await poll()
    unavailable = ("select", "policy"), ("number", "remaining_work"), ("datetime", "deadline")
    assert {shown(domain, f"train_{key}") for domain, key in unavailable} == {"unavailable"}
    assert shown("select", "index_policy") == "follow_heat"


async def test_a_group_has_a_policy_and_a_deadline_and_its_jobs_have_the_work(
    hass, agent, entry, setup, order, shown, deadline
):
    agent.group("farm", {"1": JobState.RUNNING})
    await setup(entry)
    await order("select", "hold", job="farm")
    await order("datetime", TEN, job="farm")
    assert (shown("select", "farm_policy"), deadline("farm")) == ("hold", (TEN, "person"))
    unique_ids = {item.unique_id for item in er.async_get(hass).entities.values()}
    (source,) = entry.runtime_data.sources
    assert f"{source}_job_farm_remaining_work" not in unique_ids
    assert not {item for item in unique_ids if "farm:1" in item}


async def test_what_is_ordered_is_configuration(hass, entry, setup, entity_id):
    """So an action on a whole area or device does not change it."""
    await setup(entry)
    keys = {
        "select": "policy",
        "number": "remaining_work",
        "datetime": "deadline",
        "button": "clear_deadline",
    }
    for domain, key in keys.items():
        item = er.async_get(hass).async_get(entity_id(domain, f"train_{key}"))
        assert (item.platform, item.entity_category) == (DOMAIN, "config")
