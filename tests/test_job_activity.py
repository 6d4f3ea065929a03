"""What jobs did between two looks, told from the looks alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from custom_components.gpu_heat.agent.models import AgentInfo, Job, JobState, Snapshot
from custom_components.gpu_heat.job_activity import MOST_EACH, advance, bounded

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LONG = NOON + timedelta(hours=1)
RUNNING, PAUSED, QUEUED = JobState.RUNNING, JobState.PAUSED, JobState.QUEUED
FINISHED, FAILED, UNKNOWN = JobState.FINISHED, JobState.FAILED, JobState.UNKNOWN


def job(state, job_id="train", **more):
    return Job(id=job_id, name=job_id, kind="process", state=state, **more)


def ours(state, job_id="train", until=LONG, **more):
    return job(state, job_id, paused_by_us=True, lease_expires_at=until, reason="warm", **more)


def group(state, members=2, **more):
    return job(state, "farm", members=members, **more)


def member(state, name="1", **more):
    return job(state, f"farm:{name}", group="farm", **more)


def look(at_s, *jobs, started_at=NOON):
    return Snapshot(
        agent=AgentInfo(id="a", name="a", version="1", started_at=started_at),
        taken_at=NOON + timedelta(seconds=at_s),
        jobs=jobs,
    )


def told(*looks, resumed=()):
    """What the last of some looks tells; what was resumed was so just before it."""
    memory, changes = None, ()
    for index, snapshot in enumerate(looks):
        last = index == len(looks) - 1
        memory, changes = advance(memory, snapshot, resumed if last else ())
    return [(item.activity, item.job_id, item.by) for item in changes]


def test_the_first_look_tells_nothing():
    assert told(look(0, job(PAUSED), group(RUNNING), member(FINISHED))) == []


def test_what_is_as_it_was_tells_nothing():
    for state in JobState:
        assert told(look(0, job(state)), look(10, job(state))) == []


@pytest.mark.parametrize(
    ("before", "after", "activity"),
    [
        (RUNNING, FINISHED, "finished"),
        (RUNNING, FAILED, "failed"),
        (PAUSED, FINISHED, "finished"),
        (QUEUED, RUNNING, "started"),
        (FINISHED, RUNNING, "started"),
        (FAILED, RUNNING, "started"),
        (FINISHED, FAILED, "failed"),
    ],
)
def test_what_a_job_did_by_itself(before, after, activity):
    assert told(look(0, job(before)), look(10, job(after))) == [(activity, "train", None)]


@pytest.mark.parametrize("before", [RUNNING, FINISHED, FAILED])
def test_a_job_that_waits_for_its_turn_again_tells_nothing(before):
    assert told(look(0, job(before)), look(10, job(QUEUED))) == []


def test_a_pause_is_ours_or_someone_elses():
    assert told(look(0, job(RUNNING)), look(10, ours(PAUSED))) == [("paused", "train", "us")]
    assert told(look(0, job(RUNNING)), look(10, job(PAUSED))) == [
        ("paused", "train", "someone_else")
    ]


def test_a_pause_is_told_when_the_engine_has_agreed():
    asked = look(10, ours(RUNNING))
    assert told(look(0, job(RUNNING)), asked) == []
    assert told(look(0, job(RUNNING)), asked, look(20, ours(PAUSED))) == [("paused", "train", "us")]


@pytest.mark.parametrize("state", [RUNNING, QUEUED])
def test_what_we_resumed_was_resumed_by_us(state):
    looks = look(0, ours(PAUSED)), look(10, job(state))
    assert told(*looks, resumed={"train"}) == [("resumed", "train", "us")]


def test_what_we_resumed_is_told_when_the_engine_has_agreed():
    waits = look(10, job(PAUSED))
    assert told(look(0, ours(PAUSED)), waits, resumed={"train"}) == []
    assert told(look(0, ours(PAUSED)), waits, look(20, job(RUNNING))) == [
        ("resumed", "train", "us")
    ]


def test_a_lease_that_ran_out_is_ours():
    paused = ours(PAUSED, until=NOON + timedelta(seconds=5))
    assert told(look(0, paused), look(10, job(RUNNING))) == [("resumed", "train", "us")]


def test_a_pause_that_ends_before_its_lease_was_ended_by_someone_else():
    assert told(look(0, ours(PAUSED)), look(10, job(RUNNING))) == [
        ("resumed", "train", "someone_else")
    ]


def test_a_resume_that_failed_makes_nothing_ours():
    memory, _ = advance(None, look(0, ours(PAUSED)))
    memory, _ = advance(memory, look(10, ours(PAUSED)), {"train"})
    memory, _ = advance(memory, look(20, ours(PAUSED)))
    _, (change,) = advance(memory, look(30, job(RUNNING)))
    assert change.by == "someone_else"


def test_what_someone_else_paused_was_resumed_by_someone_else():
    assert told(look(0, job(PAUSED)), look(10, job(RUNNING)), resumed={"train"}) == [
        ("resumed", "train", "someone_else")
    ]


def test_a_pause_tells_its_reason():
    memory, _ = advance(None, look(0, job(RUNNING)))
    _, (change,) = advance(memory, look(10, ours(PAUSED)))
    assert (change.reason, change.since) == ("warm", NOON)


def test_a_state_that_is_not_known_tells_nothing_and_is_caught_up_with_once():
    """Seen running at 12:00:00, and not again until 12:00:30: it finished in between."""
    memory, _ = advance(None, look(0, job(RUNNING)))
    for at_s in (10, 20):
        memory, changes = advance(memory, look(at_s, job(UNKNOWN)))
        assert changes == ()
    memory, (change,) = advance(memory, look(30, job(FINISHED)))
    assert (change.activity, change.since) == ("finished", NOON)
    assert advance(memory, look(40, job(FINISHED)))[1] == ()


def test_a_clock_that_was_set_back_hides_nothing():
    memory, _ = advance(None, look(3600, job(RUNNING)))
    (change,) = advance(memory, look(0, job(FAILED)))[1]
    assert change.activity == "failed"


def test_a_job_that_is_listed_anew_or_no_longer_tells_nothing():
    assert told(look(0), look(10, job(RUNNING))) == []
    assert told(look(0, job(RUNNING)), look(10)) == []
    assert told(look(0, job(RUNNING)), look(10), look(20, job(FINISHED))) == []


@pytest.mark.parametrize(
    ("came", "activity", "by"),
    [
        (member(RUNNING, "2"), "started", None),
        (ours(PAUSED, "farm:2", group="farm"), "paused", "us"),
        (member(FAILED, "2"), "failed", None),
        (member(FINISHED, "2"), "finished", None),
    ],
)
def test_a_job_that_came_to_its_group_tells_what_it_did(came, activity, by):
    looks = (
        look(0, group(RUNNING), member(RUNNING)),
        look(10, group(RUNNING), member(RUNNING), came),
    )
    assert told(*looks) == [(activity, "farm:2", by)]


def test_a_job_that_came_to_its_group_and_waits_for_its_turn_tells_nothing():
    looks = look(0, group(RUNNING)), look(10, group(RUNNING), member(QUEUED))
    assert told(*looks) == []


def test_what_is_new_to_an_agent_that_was_started_anew_is_not_news():
    """It may only be configured otherwise."""
    later = look(10, group(RUNNING), member(RUNNING), started_at=LONG)
    assert told(look(0, group(RUNNING)), later) == []


def test_the_jobs_of_a_group_are_remembered_while_its_engine_is_silent():
    silent = look(10, job(UNKNOWN, "farm"))
    looks = look(0, group(RUNNING), member(RUNNING)), silent, silent
    back = look(30, group(FAILED), member(FAILED))
    assert told(*looks, back) == [("failed", "farm", None), ("failed", "farm:1", None)]


def test_what_came_while_the_engine_was_silent_is_told_with_the_time_of_the_last_look():
    memory, _ = advance(None, look(0, group(RUNNING), member(RUNNING)))
    memory, _ = advance(memory, look(10, job(UNKNOWN, "farm")))
    both = group(RUNNING), member(RUNNING), member(RUNNING, "2")
    _, (change,) = advance(memory, look(20, *both))
    assert (change.activity, change.job_id, change.since) == ("started", "farm:2", NOON)


def test_a_group_that_we_pause_and_resume_tells_so_with_its_jobs():
    runs = group(RUNNING), member(RUNNING)
    waits = ours(PAUSED, "farm", members=1), ours(PAUSED, "farm:1", group="farm")
    assert told(look(0, *runs), look(10, *waits)) == [
        ("paused", "farm", "us"),
        ("paused", "farm:1", "us"),
    ]
    assert told(look(0, *waits), look(10, *runs), resumed={"farm"}) == [
        ("resumed", "farm", "us"),
        ("resumed", "farm:1", "us"),
    ]


def test_a_group_without_jobs_is_paused_and_resumed():
    empty, held = group(FINISHED, 0), ours(PAUSED, "farm", members=0)
    assert told(look(0, empty), look(10, held)) == [("paused", "farm", "us")]
    assert told(look(0, held), look(10, empty), resumed={"farm"}) == [("resumed", "farm", "us")]


def test_a_group_tells_that_all_its_work_is_done():
    looks = look(0, group(RUNNING), member(RUNNING)), look(10, group(FINISHED), member(FINISHED))
    assert told(*looks) == [("finished", "farm", None), ("finished", "farm:1", None)]


@pytest.mark.parametrize(
    ("before", "after"), [(FINISHED, RUNNING), (RUNNING, QUEUED), (FAILED, FINISHED)]
)
def test_a_group_tells_nothing_else(before, after):
    assert told(look(0, group(before)), look(10, group(after))) == []


def test_a_group_whose_jobs_someone_else_paused_leaves_that_to_them():
    looks = look(0, group(RUNNING), member(RUNNING)), look(10, group(PAUSED), member(PAUSED))
    assert told(*looks) == [("paused", "farm:1", "someone_else")]


def test_only_so_many_jobs_of_a_group_are_told_one_by_one():
    """25 paused, 5 failed: 20 pauses are told, then that there were 5 more of both."""
    names = [str(number) for number in range(30)]
    before = look(0, *(member(RUNNING, name) for name in names))
    states = [PAUSED] * 25 + [FAILED] * 5
    pairs = zip(states, names, strict=True)
    after = look(10, *(member(state, name) for state, name in pairs))
    memory, _ = advance(None, before)
    _, changes = advance(memory, after)
    each, more = bounded(changes)
    assert [item.activity for item in each] == ["paused"] * MOST_EACH
    assert more == {"paused": 5, "failed": 5}


def test_memory_does_not_grow():
    memory = None
    for number in range(50):
        memory, _ = advance(memory, look(number, group(RUNNING), member(RUNNING, str(number))))
    assert len(memory.seen) == 2


def test_changes_do_not_touch_what_was_seen():
    first = look(0, job(RUNNING))
    memory, _ = advance(None, first)
    advance(memory, replace(look(10), jobs=(job(PAUSED),)))
    assert memory.seen["train"].job.state is RUNNING
