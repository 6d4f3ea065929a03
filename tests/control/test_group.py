"""A group whose jobs are decided on one by one: few commands, and nothing disturbed that runs."""

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.control.group import MOST_COMMANDS, Command, Member, commands
from custom_components.gpu_heat.control.reasons import Action

RUN, PAUSE = Action.RUN, Action.PAUSE


def member(key, shall_run, *, at_work=False, waiting=False):
    return Member(id=f"farm:{key}", shall_run=shall_run, at_work=at_work, waiting=waiting)


def told(paused, *members):
    return [(each.job_id, each.action) for each in commands("farm", paused, members)]


def test_a_group_none_of_whose_jobs_shall_run_is_paused_as_a_whole():
    assert told(False, member(1, False, at_work=True), member(2, False)) == [("farm", PAUSE)]


def test_a_group_all_of_whose_jobs_shall_run_goes_on_as_a_whole():
    waiting = member(1, True, waiting=True)
    assert told(True, waiting, member(2, True, waiting=True)) == [("farm", RUN)]


def test_those_of_a_paused_group_that_shall_run_go_on_alone():
    first, second = member(1, True, waiting=True), member(2, False, waiting=True)
    assert told(True, first, second) == [("farm:1", RUN)]


def test_of_a_group_that_only_queues_all_wait_but_those_that_shall_run():
    assert told(False, member(1, True), member(2, False), member(3, False)) == [
        ("farm", PAUSE),
        ("farm:1", RUN),
    ]


def test_what_runs_and_shall_go_on_is_not_stopped_for_the_others():
    runs = member(1, True, at_work=True)
    assert told(False, runs, member(2, False), member(3, False)) == [
        ("farm:2", PAUSE),
        ("farm:3", PAUSE),
    ]


def test_what_went_on_alone_is_paused_alone():
    alone = member(1, False, at_work=True)
    assert told(True, alone, member(2, False, waiting=True)) == [("farm:1", PAUSE)]


@pytest.mark.parametrize(
    ("paused", "members"),
    [
        (False, []),
        (True, []),
        (False, [member(1, True, at_work=True)]),
        (True, [member(1, False, waiting=True)]),
        (True, [member(1, None, waiting=True)]),
    ],
)
def test_what_is_as_it_shall_be_is_left_alone(paused, members):
    assert told(paused, *members) == []


def test_what_a_person_wants_to_run_keeps_its_group_from_being_paused():
    by_hand = member(1, None)
    assert told(False, by_hand, member(2, False)) == [("farm:2", PAUSE)]


def test_no_more_than_sixty_jobs_are_switched_at_a_time():
    many = [member(key, False) for key in range(100)]
    runs = member("first", True, at_work=True)
    assert len(told(False, runs, *many)) == MOST_COMMANDS == 60


_members = st.lists(
    st.builds(
        Member,
        id=st.uuids().map("farm:{}".format),
        shall_run=st.sampled_from([True, False, None]),
        at_work=st.booleans(),
        waiting=st.booleans(),
    ),
    max_size=40,
)


@given(paused=st.booleans(), members=_members)
def test_after_the_commands_each_job_does_what_it_shall(paused, members):
    members = [m for m in members if not (m.at_work and m.waiting)]
    waiting = {each.id: each.waiting for each in members}
    for command in commands("farm", paused, members):
        named = list(waiting) if command.job_id == "farm" else [command.job_id]
        for each in named:
            waiting[each] = command.action is PAUSE
            by_id = next(item for item in members if item.id == each)
            if command == Command(job_id="farm", action=PAUSE):
                assert not by_id.disturbed
    for each in members:
        if each.shall_run is not None:
            assert waiting[each.id] is not each.shall_run
