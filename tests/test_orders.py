"""What is kept of each job of a source: its orders, how long it ran, how long it waited."""

from datetime import timedelta

from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.control.orders import Policy

RUNNING, PAUSED, FINISHED, FAILED = (
    JobState.RUNNING,
    JobState.PAUSED,
    JobState.FINISHED,
    JobState.FAILED,
)


@pytest.fixture
def orders(entry):
    """Return the orders of the zone's one source."""

    def current():
        (source,) = entry.runtime_data.sources.values()
        return source.orders

    return current


@pytest.fixture
def reload(hass, entry):
    """Stop and start the zone, as a restart of Home Assistant does."""

    async def restart():
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()

    return restart


def times(order):
    return round(order.ran_s), round(order.waited_s)


async def polls(poll, count):
    for _ in range(count):
        await poll(seconds=11)


def pause(agent, job_id, *, by_us=True):
    agent.job(job_id, state=PAUSED, paused_by_us=by_us)


async def test_how_long_a_job_runs_and_waits_is_counted(agent, entry, setup, poll, orders):
    """Three polls of 11 s while it runs; it is seen paused at the end of a fourth, then two."""
    await setup(entry)
    await polls(poll, 3)
    pause(agent, "train")
    await polls(poll, 3)
    assert times(orders().order("train")) == (44, 22)
    assert times(orders().order("index")) == (66, 0)


async def test_a_pause_by_someone_else_is_no_waiting_for_us(agent, entry, setup, poll, orders):
    await setup(entry)
    pause(agent, "train", by_us=False)
    await polls(poll, 3)
    assert times(orders().order("train")) == (11, 0)


async def test_an_outage_counts_as_a_minute_at_most(agent, entry, setup, poll, orders):
    await setup(entry)
    await agent.stop()
    await poll(hours=3)
    await agent.start()
    await poll(seconds=11)
    assert times(orders().order("train")) == (60, 0)


async def test_the_time_that_home_assistant_is_down_is_not_counted(
    entry, setup, poll, orders, reload, freezer
):
    await setup(entry)
    await polls(poll, 1)
    seen = orders().order("train").first_seen
    freezer.tick(timedelta(hours=3))
    await reload()
    assert times(orders().order("train")) == (11, 0)
    assert orders().order("train").first_seen == seen


async def test_what_a_person_ordered_outlives_a_restart(agent, entry, setup, orders, reload):
    await setup(entry)
    now = dt_util.utcnow()
    orders().async_set_policy("train", Policy.HOLD, now)
    orders().async_set_work("train", 3600.0, now)
    orders().async_set_deadline("train", now + timedelta(hours=8), now)
    await reload()
    assert orders().policy("train") is Policy.HOLD
    assert orders().remaining_s("train", agent.job("train", remaining_s=60.0)) == 3600.0
    assert orders().deadline("train", None) == now + timedelta(hours=8)


async def test_an_order_is_written_at_once_and_a_count_within_five_minutes(
    hass, hass_storage, entry, setup, poll, orders, freezer
):
    await setup(entry)
    await poll(seconds=11)  # by now what is new has been written
    key = f"gpu_heat.{entry.entry_id}.sources"

    def written():
        (source,) = hass_storage[key]["data"].values()
        return source["orders"]["train"]

    async def wait(seconds):
        freezer.tick(timedelta(seconds=seconds))
        async_fire_time_changed(hass, dt_util.utcnow())
        await hass.async_block_till_done()

    assert written()["ran_s"] == 0
    await polls(poll, 2)
    assert written()["ran_s"] == 0
    orders().async_set_policy("train", Policy.ALWAYS_RUN, dt_util.utcnow())
    await wait(1)
    assert (written()["policy"], written()["ran_s"]) == ("always_run", 33)
    await polls(poll, 29)  # 319 s
    assert written()["ran_s"] > 300


async def test_a_job_that_ended_keeps_its_policy_and_starts_anew(
    agent, entry, setup, poll, orders, reload
):
    await setup(entry)
    now = dt_util.utcnow()
    orders().async_set_policy("train", Policy.ALWAYS_RUN, now)
    orders().async_set_work("train", 3600.0, now)
    orders().async_set_deadline("train", now + timedelta(seconds=15), now)
    await polls(poll, 1)
    agent.job("train", state=FAILED)
    await polls(poll, 2)
    ended = orders().order("train")
    assert (ended.policy, ended.work_s, times(ended)) == (Policy.ALWAYS_RUN, None, (22, 0))
    await reload()
    agent.job("train", state=RUNNING)
    await polls(poll, 1)
    order = orders().order("train")
    assert (order.policy, order.deadline, order.ran_s) == (Policy.ALWAYS_RUN, None, 0)
    assert order.first_seen == dt_util.utcnow()


async def test_a_job_whose_state_is_not_known_has_not_begun_anew(agent, entry, setup, poll, orders):
    await setup(entry)
    await polls(poll, 2)
    agent.job("train", state=FINISHED)
    await polls(poll, 1)
    agent.job("train", state=JobState.UNKNOWN)
    await polls(poll, 1)
    assert (orders().order("train").ended, orders().order("train").ran_s) == (True, 33)


async def test_a_job_is_forgotten_when_it_has_been_gone_for_seven_days(
    agent, entry, setup, poll, orders
):
    await setup(entry)
    orders().async_set_policy("train", Policy.HOLD, dt_util.utcnow())
    agent.forget("train")
    await poll(days=8)  # it is seen to be gone now, not before
    await poll(days=6, hours=23)
    assert orders().policy("train") is Policy.HOLD
    await poll(hours=2)
    assert orders().order("train") is None
    assert orders().order("index") is not None


async def test_a_job_that_comes_back_in_time_has_its_orders(agent, entry, setup, poll, orders):
    await setup(entry)
    orders().async_set_policy("train", Policy.HOLD, dt_util.utcnow())
    before = agent.snapshot
    agent.forget("train")
    await poll()
    await poll(days=6)
    agent.snapshot = before
    await poll()
    agent.forget("train")
    await poll(days=6)
    assert orders().policy("train") is Policy.HOLD


async def test_the_orders_for_a_group_hold_for_its_jobs(agent, entry, setup, orders):
    agent.group("farm", {"1": RUNNING, "2": RUNNING})
    await setup(entry)
    now = dt_util.utcnow()
    orders().async_set_policy("farm", Policy.ALWAYS_RUN, now)
    orders().async_set_deadline("farm", now + timedelta(hours=8), now)
    assert orders().policy("farm:1") is Policy.ALWAYS_RUN
    assert orders().deadline("farm:1", None) == now + timedelta(hours=8)
    assert orders().deadline("farm:2", now) == now  # its own word
    assert orders().policy("train") is Policy.FOLLOW_HEAT


async def test_single_jobs_of_a_group_are_counted_until_they_end(agent, entry, setup, poll, orders):
    agent.group("farm", {"1": RUNNING, "2": RUNNING})
    await setup(entry)
    await polls(poll, 2)
    assert times(orders().order("farm:1")) == (22, 0)
    agent.group("farm", {"1": FINISHED, "2": RUNNING})
    await polls(poll, 1)
    assert orders().order("farm:1") is None
    assert times(orders().order("farm:2")) == (33, 0)
    agent.group("farm", {"2": FINISHED})  # the group has no work left: it has not ended
    await polls(poll, 1)
    assert not orders().order("farm").ended


async def test_jobs_of_a_silent_engine_are_not_gone(agent, entry, setup, poll, orders):
    agent.group("farm", {"1": RUNNING})
    await setup(entry)
    await polls(poll, 1)
    agent.silence("farm")
    await poll(seconds=11)
    await poll(days=8)
    await poll(days=8)
    assert orders().order("farm:1") is not None


async def test_no_more_than_5000_jobs_are_kept_those_of_people_first_and_the_gone_last(
    agent, entry, setup, poll, orders
):
    agent.group("farm", {str(number): RUNNING for number in range(4000)})
    await setup(entry)
    orders().async_set_policy("train", Policy.HOLD, dt_util.utcnow())
    agent.forget("train")
    agent.forget("index")
    agent.group("farm", {str(number): RUNNING for number in range(10, 5100)})
    await polls(poll, 1)
    assert len(orders().to_json()) == 5000
    kept = {
        key
        for key in ("train", "index", "farm", "farm:5", "farm:10", "farm:5099")
        if orders().order(key)
    }
    assert kept == {"train", "farm", "farm:10"}


async def test_who_listens_is_told_of_what_people_order_until_he_no_longer_wants_to_be(
    agent, entry, setup, poll, orders
):
    await setup(entry)
    heard = []
    leave = orders().async_add_listener(heard.append)
    orders().async_set_work("train", 3600.0, dt_util.utcnow())
    await polls(poll, 2)
    assert heard == ["train"]
    leave()
    orders().async_set_work("train", 0, dt_util.utcnow())
    assert heard == ["train"]
    assert orders().remaining_s("train", agent.job("train")) is None


async def test_the_work_that_a_job_tells_only_while_it_runs_is_remembered_while_it_waits(
    agent, entry, setup, poll, orders, reload
):
    """It tells 3600 s, and runs for another 11 s until it is seen paused."""
    agent.job("train", remaining_s=3600.0)
    await setup(entry)
    pause(agent, "train")
    waiting = agent.job("train", remaining_s=None)
    await polls(poll, 3)
    assert orders().remaining_s("train", waiting) == pytest.approx(3589, abs=1)
    await reload()
    assert orders().remaining_s("train", waiting) == pytest.approx(3589, abs=1)
    assert not orders().has_work("train")  # nobody has said it
    agent.job("train", state=FINISHED)
    await polls(poll, 1)
    assert orders().remaining_s("train", waiting) is None


async def test_a_job_that_begins_anew_after_a_pause_has_the_most_work_that_it_told(
    agent, entry, setup, poll, orders
):
    agent.job("train", remaining_s=3600.0, keeps_work=False)
    await setup(entry)
    running = agent.job("train", remaining_s=600.0)
    await polls(poll, 1)
    assert orders().remaining_s("train", running) == 600.0
    pause(agent, "train")
    waiting = agent.job("train", remaining_s=None)
    await polls(poll, 1)
    assert orders().remaining_s("train", waiting) == 3600.0


async def test_nobody_waits_in_an_empty_group(agent, entry, setup, poll, orders):
    agent.group("farm", {"1": PAUSED}, state=PAUSED, paused_by_us=True, members=1)
    await setup(entry)
    await polls(poll, 2)
    assert times(orders().order("farm")) == (0, 22)
    agent.group("farm", {}, members=0)
    await polls(poll, 2)
    assert times(orders().order("farm")) == (0, 0)
