"""Wishes for groups and single jobs of them: kept up by leases, side by side, and bounded."""

import asyncio
from datetime import timedelta

from aiohttp import web
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.gpu_heat.agent.models import Job, JobState
from custom_components.gpu_heat.holds import Hold

from .conftest import zone_entry

RUNNING, PAUSED, QUEUED, FINISHED = (
    JobState.RUNNING,
    JobState.PAUSED,
    JobState.QUEUED,
    JobState.FINISHED,
)


@pytest.fixture
def act(hass):
    """Pause or resume jobs by their ids."""

    async def call(action, *jobs, **data):
        await hass.services.async_call(
            "gpu_heat", action, {"jobs": list(jobs), **data}, blocking=True
        )

    return call


@pytest.fixture
def schedule(hass):
    """Have the zone decide on its jobs; return what it did to which."""

    async def call(**data):
        response = await hass.services.async_call(
            "gpu_heat", "schedule_jobs", data, blocking=True, return_response=True
        )
        return [(job["job_id"], job["action"], job["reason"]) for job in response["jobs"]]

    return call


@pytest.fixture
def farm(agent):
    """A group of two jobs, and nothing else."""
    for job in ("train", "index"):
        agent.forget(job)
    agent.group("farm", {"1": RUNNING, "2": RUNNING})
    return agent


def holds(entry):
    (source,) = entry.runtime_data.sources.values()
    return source.holds.to_json()


def renewed(agent):
    """Return the ids of the leases that were asked for since this was asked last."""
    leases, agent.leases = agent.leases, []
    return [job_id for job_id, *_ in leases]


async def test_a_job_of_a_group_that_is_paused_alone_is_kept_paused(farm, entry, setup, poll, act):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    assert renewed(farm) == ["farm:1"]
    await poll(minutes=8)
    assert renewed(farm) == ["farm:1"]
    assert [job.state for job in farm.members("farm")] == [PAUSED, RUNNING]


async def test_a_job_that_has_left_its_group_is_forgotten(farm, entry, setup, poll, act):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    farm.group("farm", {"2": RUNNING})
    await poll()
    assert holds(entry) == {"holds": {}, "switched_at": {}}


async def test_a_job_of_a_group_whose_engine_is_silent_is_remembered(farm, entry, setup, poll, act):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    renewed(farm)
    farm.silence("farm")
    await poll(minutes=20)
    assert renewed(farm) == []
    farm.group("farm", {"1": RUNNING, "2": RUNNING}, members=2)  # its lease has run out
    await poll()
    assert renewed(farm) == ["farm:1"]
    assert farm.members("farm")[0].state is PAUSED


async def test_a_paused_group_is_kept_paused_for_jobs_to_come(farm, entry, setup, poll, act):
    await setup(entry)
    await act("pause_jobs", "farm")
    renewed(farm)
    farm.group("farm", {"1": FINISHED})
    await poll(minutes=8)
    assert renewed(farm) == ["farm"]
    farm.group("farm", {})
    await poll(minutes=8)
    assert renewed(farm) == ["farm"]


async def test_a_group_goes_on_with_those_that_were_paused_alone(farm, entry, setup, poll, act):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    await act("pause_jobs", "farm")
    await act("resume_jobs", "farm")
    renewed(farm)
    await poll()
    assert (renewed(farm), holds(entry)["holds"]) == ([], {})
    assert [job.state for job in farm.members("farm")] == [RUNNING, RUNNING]


async def test_a_pause_of_one_job_that_is_over_leaves_it_to_its_group(
    farm, entry, setup, poll, act
):
    await setup(entry)
    await act("pause_jobs", "farm:1", duration={"minutes": 10})
    await act("pause_jobs", "farm")
    await poll(minutes=11)
    assert [job.state for job in farm.members("farm")] == [PAUSED, PAUSED]
    assert list(holds(entry)["holds"]) == ["farm"]


async def test_a_job_that_was_to_run_for_a_time_waits_with_its_group_after_it(
    farm, entry, setup, poll, act
):
    await setup(entry)
    await act("resume_jobs", "farm:1", duration={"minutes": 10})
    await act("pause_jobs", "farm")
    await poll(minutes=11)
    assert [job.state for job in farm.members("farm")] == [PAUSED, PAUSED]


async def test_what_a_poll_has_no_time_for_is_left_to_the_next(
    farm, entry, setup, poll, act, monkeypatch
):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    renewed(farm)
    monkeypatch.setattr("custom_components.gpu_heat.holds._EACH_POLL_S", -1.0)
    await poll(minutes=8)
    assert renewed(farm) == []
    monkeypatch.undo()
    await poll()
    assert renewed(farm) == ["farm:1"]


async def test_a_source_can_be_settled_twice_while_commands_are_under_way(
    agent, entry, setup, act, hass
):
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    agent.slow = asyncio.Event()
    acting = hass.async_create_task(act("pause_jobs", "train", "index"))
    for _ in range(2):
        await agent.arrivals.acquire()
    settling = [hass.async_create_task(source.holds.settle()) for _ in range(2)]
    await asyncio.sleep(0)
    agent.slow.set()
    await asyncio.gather(acting, *settling)
    assert len(holds(entry)["holds"]) == 2


async def test_many_renewals_are_spread_over_polls_the_shortest_lease_first(
    farm, entry, setup, poll, act
):
    """150 leases of 15 minutes: 60 are renewed at each of two polls, 30 at the third."""
    ids = [f"farm:{number}" for number in range(150)]
    farm.group("farm", {str(number): RUNNING for number in range(150)})
    await setup(entry)
    await act("pause_jobs", *ids[:100])
    await poll(seconds=30)
    await act("pause_jobs", *ids[100:])
    renewed(farm)
    await poll(minutes=8)
    assert renewed(farm) == ids[:60]
    await poll()
    assert renewed(farm) == ids[60:120]
    await poll()
    assert renewed(farm) == ids[120:]
    await poll()
    assert renewed(farm) == []


async def test_renewals_go_side_by_side_eight_at_a_time(agent, entry, setup, poll, act, hass):
    jobs = [Job(id=f"job{n}", name=f"Job {n}", kind="process", state=RUNNING) for n in range(20)]
    agent.snapshot = agent.snapshot.__class__(
        agent=agent.snapshot.agent, taken_at=agent.snapshot.taken_at, jobs=tuple(jobs)
    )
    await setup(entry)
    await act("pause_jobs", *(job.id for job in jobs))
    assert len(renewed(agent)) == 20
    agent.slow = asyncio.Event()
    polling = hass.async_create_task(poll(minutes=8))
    for _ in range(8):
        await agent.arrivals.acquire()
    for _ in range(200):
        await asyncio.sleep(0)
    assert agent.arrivals.locked()  # no more have come
    agent.slow.set()
    await polling
    assert len(renewed(agent)) == 20


async def test_only_so_many_jobs_can_wait_one_by_one(farm, entry, setup, act, monkeypatch):
    monkeypatch.setattr("custom_components.gpu_heat.holds._MOST", 2)
    farm.group("farm", {"1": RUNNING, "2": RUNNING, "3": RUNNING})
    await setup(entry)
    await act("pause_jobs", "farm:1", "farm:2")
    with pytest.raises(HomeAssistantError, match="pause their group instead"):
        await act("pause_jobs", "farm:3")
    await act("pause_jobs", "farm:1")  # again


async def test_wishes_outlive_a_restart(farm, entry, setup, poll, act, hass):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    await hass.config_entries.async_reload(entry.entry_id)
    renewed(farm)
    await poll(minutes=8)
    assert renewed(farm) == ["farm:1"]


async def test_a_source_that_is_removed_lets_all_its_jobs_go_on(farm, entry, setup, act, hass):
    await setup(entry)
    await act("pause_jobs", "farm:1", "farm")
    hass.config_entries.async_remove_subentry(entry, next(iter(entry.subentries)))
    await hass.async_block_till_done()
    assert [job.state for job in farm.members("farm")] == [RUNNING, RUNNING]


async def test_the_schedule_holds_a_group_as_one_job(farm, setup, schedule):
    entry = zone_entry(farm)
    await setup(entry)
    assert await schedule(demand=0) == [("farm", "pause", "no_demand")]
    assert renewed(farm) == ["farm"]
    assert await schedule(demand=0) == [("farm", "keep", "no_demand")]
    assert await schedule(demand=50) == [("farm", "keep", "minimum_time")]


@pytest.mark.parametrize("states", [{"1": QUEUED}, {}, {"1": FINISHED}])
async def test_the_schedule_holds_a_group_before_its_jobs_run(farm, entry, setup, schedule, states):
    farm.group("farm", states)
    await setup(entry)
    assert await schedule(demand=0) == [("farm", "pause", "no_demand")]
    farm.group("farm", {"1": QUEUED})
    assert farm.snapshot.jobs[0].paused_by_us


async def test_the_schedule_leaves_a_pause_that_the_engine_is_to_agree_to(
    farm, entry, setup, schedule
):
    farm.agrees = False
    await setup(entry)
    await schedule(demand=0)
    assert await schedule(demand=0) == [("farm", "keep", "no_demand")]
    assert renewed(farm) == ["farm"]


async def test_the_schedule_lets_a_group_run_while_heat_is_wanted(farm, entry, setup, schedule):
    farm.group("farm", {"1": QUEUED})
    await setup(entry)
    assert await schedule(demand=50) == [("farm", "keep", "wanted_heat")]


async def test_what_cannot_be_paused_is_left(agent, entry, setup, schedule):
    agent.job("train", state=QUEUED, can_pause=False)
    agent.job("index", state=FINISHED)
    await setup(entry)
    for demand in (0, 50):
        assert await schedule(demand=demand) == [
            ("train", "keep", "not_controllable"),
            ("index", "keep", "not_controllable"),
        ]


async def test_a_groups_pause_that_is_over_leaves_a_job_that_a_person_paused(
    farm, entry, setup, poll, act
):
    await setup(entry)
    await act("pause_jobs", "farm:1")
    await act("pause_jobs", "farm", duration={"minutes": 10})
    await poll(minutes=11)
    assert farm.members("farm")[0].state is PAUSED
    assert list(holds(entry)["holds"]) == ["farm:1"]


async def test_the_schedule_lets_a_group_go_on_without_a_job_that_a_person_paused(
    farm, setup, poll, act, schedule
):
    """The pause of the group is left to its end, as a resume would end that of the job too."""
    entry = zone_entry(farm, control={"minimum_on": {"seconds": 0}, "minimum_off": {"seconds": 0}})
    await setup(entry)
    await act("pause_jobs", "farm:1")
    await schedule(demand=0)
    renewed(farm)
    assert await schedule(demand=50) == [("farm", "run", "wanted_heat")]
    assert farm.leases[0] == ("farm", 60, "wanted_heat")
    await poll()
    assert list(holds(entry)["holds"]) == ["farm:1"]
    assert farm.members("farm")[0].state is PAUSED


async def test_a_server_that_answers_nothing_is_not_kept_paused_by_what_is_to_go_on(
    farm, entry, setup
):
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    until = dt_util.utcnow() + timedelta(hours=2)
    for job_id, manual in (("farm", False), ("farm:1", True), ("farm:2", False)):
        hold = Hold(paused=True, manual=manual, reason="manual", until=until)
        await source.async_pause(job_id, hold)
    farm.refusal = web.Response(status=503)
    await source.holds.end_schedule(dt_util.utcnow(), "automatic control is off")
    assert list(holds(entry)["holds"]) == ["farm:1"]


async def test_a_job_that_is_let_go_out_of_its_groups_pause_was_switched(farm, entry, setup, poll):
    await setup(entry)
    (source,) = entry.runtime_data.sources.values()
    began = dt_util.utcnow()
    hold = Hold(paused=True, manual=False, reason="schedule", until=began + timedelta(hours=2))
    await source.holds.pause("farm", began, hold)
    await poll(minutes=31)
    let_go = dt_util.utcnow()
    await source.holds.let_go("farm:1", let_go, "wanted_heat")
    await poll()
    jobs = {job.id: job for job in source.snapshot.jobs}
    first = source.holds.flexible(jobs["farm:1"], dt_util.utcnow())
    second = source.holds.flexible(jobs["farm:2"], dt_util.utcnow())
    assert (first.switched_at, first.switches) == (let_go, 2)
    assert (second.switched_at, second.switches) == (began, 1)
