"""Reading squeue's page, whatever users have put into it."""

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.engines.slurm_commands import ConflictError, Done, GoneError, _failures
from gpu_heat_agent.engines.slurm_table import (
    Row,
    by_member,
    compress,
    expand,
    parse_rows,
    seconds,
)
from gpu_heat_agent.errors import UnreachableError

MARK = "0123456789abcdef"

ANYTHING = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).filter(
    lambda text: MARK not in text
)


def line(comment: str = "(null)", name: str = "train.sh", job_id: str = "12") -> str:
    fields = (job_id, job_id, "N/A", "RUNNING", "4294901757", "1:02", "58:58", "1:00:00")
    texts = ("heat", "1000", "physics", "normal", "(null)", name, comment)
    return MARK + MARK.join(fields + texts) + MARK + "\n"


@given(st.lists(st.tuples(ANYTHING, ANYTHING), max_size=5))
def test_names_and_comments_cannot_forge_or_hide_jobs(texts: list[tuple[str, str]]) -> None:
    page = "".join(line(comment, name) for comment, name in texts)
    rows = parse_rows(page, MARK)
    assert [row.job_name for row in rows] == [name for _, name in texts]
    assert [row.comment or "" for row in rows] == [
        "" if comment == "(null)" else comment for comment, _ in texts
    ]


@given(st.text())
def test_any_other_page_is_refused_or_empty(page: str) -> None:
    try:
        assert parse_rows(page, MARK) == []
    except UnreachableError:
        assert page.strip()


def test_times_of_a_row_are_in_seconds() -> None:
    [row] = parse_rows(line(), MARK)
    assert (row.elapsed_s, row.left_s, row.limit_s) == (62.0, 3538.0, 3600.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:00", 0.0),
        ("59:59", 3599.0),
        ("1:00:00", 3600.0),
        ("2-03:04:05", 183845.0),
        ("UNLIMITED", None),
        ("NOT_SET", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_durations(text: str, expected: float | None) -> None:
    assert seconds(text) == expected


@given(st.sets(st.integers(0, 500)))
def test_task_lists_come_back_as_they_were(tasks: set[int]) -> None:
    assert {task for span in expand(compress(tasks)) for task in span} == tasks


@given(st.text(max_size=40))
def test_task_lists_of_any_other_form_name_no_tasks_that_they_do_not_list(text: str) -> None:
    for span in expand(text):
        assert str(span.start) in text


def test_tasks_that_wait_are_one_member_and_others_are_each_their_own() -> None:
    rows = [
        Row(id="10_1", job_id="11", task=1, state="RUNNING"),
        Row(id="10_4", job_id="10", task=4, state="PENDING"),
        Row(id="10_5", job_id="15", task=5, state="PENDING", priority=0),
        Row(id="10_6", job_id="10", task=6, state="PENDING"),
        Row(id="10_7", job_id="10", task=7, state="PENDING"),
        Row(id="12", job_id="12", state="RUNNING"),
    ]
    assert {name: row.id for name, row in by_member(rows).items()} == {
        "10_1": "10_1",
        "10_rest": "10_[4,6-7]",
        "10_5": "10_5",
        "12": "12",
    }


def test_failures_of_one_command_are_told_job_by_job() -> None:
    ids = ["1", "2", "3_[4-6]", "5_[1-2]", "7", "8"]
    err = (
        "Access/permission denied for job 1\n"
        "Invalid job id specified for job 2\n"
        "slurm_suspend error: Invalid job id specified\n"
        "3_4: Job has already finished\n"
        "3_5-6: No error\n"
        "5_1-2: Job has already finished\n"
        "scancel: error: Kill job error on job id 7: Job can not be altered now, try again later\n"
    )
    failures = _failures(Done(status=1, out="", err=err), ids)
    assert failures.keys() == {"1", "2", "5_[1-2]", "7"}
    assert "does not permit" in str(failures["1"])
    assert isinstance(failures["2"], GoneError)
    assert isinstance(failures["5_[1-2]"], GoneError)
    assert isinstance(failures["7"], ConflictError)


def test_failure_that_names_no_job_is_one_of_all() -> None:
    failures = _failures(
        Done(status=1, out="", err="slurm_update error: Invalid user id\n"), ["1", "2"]
    )
    assert failures.keys() == {"1", "2"}
