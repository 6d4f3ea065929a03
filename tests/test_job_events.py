"""Events of jobs: what happened to them between two polls."""

from datetime import timedelta

from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_mock_service

from custom_components.gpu_heat.agent.models import JobState

RUNNING, PAUSED, FINISHED, FAILED = (
    JobState.RUNNING,
    JobState.PAUSED,
    JobState.FINISHED,
    JobState.FAILED,
)


@pytest.fixture
def events(hass, entity_id):
    """Collect the events of a job from now on: type, id of the job, and by whom."""

    def collect(job):
        own = entity_id("event", f"_job_{job}_activity")
        captured = async_capture_events(hass, "state_changed")

        def read():
            states = [event.data["new_state"] for event in captured]
            moments = {state.state: state for state in states if state.entity_id == own}
            return [
                (state.attributes["event_type"], state.attributes["job_id"], state.attributes["by"])
                if "more" not in state.attributes
                else (state.attributes["event_type"], state.attributes["more"])
                for moment, state in moments.items()
                if moment not in {"unknown", "unavailable"}
            ]

        return read

    return collect


async def test_nothing_has_happened_when_home_assistant_starts(
    hass, agent, entry, setup, poll, entity_id
):
    agent.job("train", state=PAUSED)
    agent.group("farm", {"1": FAILED})
    await setup(entry)
    await poll()
    for job in ("train", "index", "farm"):
        assert hass.states.get(entity_id("event", f"_job_{job}_activity")).state == "unknown"


async def test_a_pause_and_a_resume_of_ours(hass, agent, entry, setup, poll, entity_id, events):
    await setup(entry)
    told = events("train")
    switch = {"entity_id": entity_id("switch", "train_running")}
    before = dt_util.utcnow()
    await hass.services.async_call(
        "gpu_heat", "pause_jobs", {**switch, "reason": "guests"}, blocking=True
    )
    state = hass.states.get(entity_id("event", "train_activity"))
    assert state.attributes["event_types"] == ["paused", "resumed", "started", "finished", "failed"]
    assert {
        key: state.attributes[key] for key in ("event_type", "job_id", "name", "by", "reason")
    } == {
        "event_type": "paused",
        "job_id": "train",
        "name": "Fine-tune",
        "by": "us",
        "reason": "guests",
    }
    assert state.attributes["since"] == before
    await poll()
    await hass.services.async_call("gpu_heat", "resume_jobs", switch, blocking=True)
    await poll()
    assert told() == [("paused", "train", "us"), ("resumed", "train", "us")]


async def test_a_lease_that_runs_out_resumes_by_us(
    hass, agent, entry, setup, poll, entity_id, events
):
    await setup(entry)
    told = events("train")
    switch = {"entity_id": entity_id("switch", "train_running")}
    await hass.services.async_call(
        "gpu_heat", "pause_jobs", {**switch, "duration": {"minutes": 5}}, blocking=True
    )
    await poll(minutes=6)
    assert told() == [("paused", "train", "us"), ("resumed", "train", "us")]


async def test_what_someone_else_does(agent, entry, setup, poll, events):
    await setup(entry)
    told = events("train")
    agent.job("train", state=PAUSED)
    await poll()
    agent.job("train", state=RUNNING)
    await poll()
    agent.job("train", state=FAILED)
    await poll()
    assert told() == [
        ("paused", "train", "someone_else"),
        ("resumed", "train", "someone_else"),
        ("failed", "train", None),
    ]


async def test_a_pause_that_the_engine_is_to_agree_to_is_told_then(
    hass, agent, entry, setup, poll, entity_id, events
):
    agent.agrees = False
    await setup(entry)
    told = events("train")
    switch = {"entity_id": entity_id("switch", "train_running")}
    await hass.services.async_call("switch", "turn_off", switch, blocking=True)
    await poll()
    assert told() == []
    agent.agree()
    await poll()
    assert told() == [("paused", "train", "us")]


async def test_after_an_outage_what_happened_is_told_once_with_its_span(
    hass, agent, entry, setup, poll, entity_id, events
):
    await setup(entry)
    told = events("train")
    last_seen = dt_util.utcnow()
    await agent.stop()
    await poll(minutes=30)
    assert told() == []
    agent.job("train", state=FINISHED)
    await agent.start()
    await poll()
    await poll()
    assert told() == [("finished", "train", None)]
    state = hass.states.get(entity_id("event", "train_activity"))
    assert state.attributes["since"] == last_seen
    assert dt_util.utcnow() - last_seen > timedelta(minutes=30)


async def test_an_outage_in_which_nothing_happened_tells_nothing(agent, entry, setup, poll, events):
    await setup(entry)
    told = events("train")
    await agent.stop()
    await poll(minutes=30)
    await agent.start()
    await poll()
    assert told() == []


async def test_what_happened_while_home_assistant_was_down_is_not_told(
    hass, agent, entry, setup, poll, entity_id
):
    await setup(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    agent.job("train", state=FINISHED)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    await poll()
    assert hass.states.get(entity_id("event", "train_activity")).state == "unknown"


async def test_the_same_poll_is_told_once(hass, agent, entry, setup, poll, events):
    await setup(entry)
    told = events("train")
    agent.job("train", state=FINISHED)
    await poll()
    for source in entry.runtime_data.sources.values():
        source.async_update_listeners()
    await hass.async_block_till_done()
    assert told() == [("finished", "train", None)]


async def test_a_group_tells_what_each_of_its_jobs_did(agent, entry, setup, poll, events):
    agent.group("farm", {"1": RUNNING, "2": RUNNING})
    await setup(entry)
    told, other = events("farm"), events("train")
    agent.group("farm", {"1": FINISHED, "2": FAILED, "3": RUNNING})
    await poll()
    assert told() == [
        ("finished", "farm:1", None),
        ("failed", "farm:2", None),
        ("started", "farm:3", None),
    ]
    assert other() == []


async def test_of_hundreds_of_jobs_twenty_are_told_and_then_how_many_more(
    hass, agent, entry, setup, poll, entity_id, events
):
    agent.group("farm", {str(number): RUNNING for number in range(500)})
    await setup(entry)
    told = events("farm")
    switch = {"entity_id": entity_id("switch", "farm_running")}
    await hass.services.async_call("switch", "turn_off", switch, blocking=True)
    assert told() == [
        *(("paused", f"farm:{number}", "us") for number in range(20)),
        ("paused", 480),
        ("paused", "farm", "us"),
    ]


async def test_the_last_event_is_kept_over_a_restart(hass, agent, entry, setup, poll, entity_id):
    await setup(entry)
    agent.job("train", state=FINISHED)
    await poll()
    event = entity_id("event", "train_activity")
    before = hass.states.get(event)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = hass.states.get(event)
    assert (after.state, after.attributes["event_type"]) == (before.state, "finished")


async def test_an_automation_hears_of_it_also_after_an_outage_and_the_first_time(
    hass, agent, entry, setup, poll, entity_id
):
    heard = async_mock_service(hass, "test", "heard")
    await setup(entry)
    trigger = {
        "trigger": "event.received",
        "target": {"entity_id": entity_id("event", "_job_train_activity")},
        "options": {"event_type": ["failed", "finished"]},
    }
    text = "{{ trigger.to_state.attributes.name }} {{ trigger.to_state.attributes.event_type }}"
    automation = {"triggers": trigger, "actions": {"action": "test.heard", "data": {"text": text}}}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await poll()
    assert heard == []
    agent.job("train", state=FAILED)
    await poll()
    agent.job("train", state=RUNNING)
    await poll()
    await agent.stop()
    await poll()
    agent.job("train", state=FINISHED)
    await agent.start()
    await poll()
    assert [call.data["text"] for call in heard] == ["Fine-tune failed", "Fine-tune finished"]
