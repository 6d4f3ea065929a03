"""How long a job still has to run, from the progress that it writes."""

import asyncio
from collections.abc import Generator
import os
from pathlib import Path

from hypothesis import given, strategies as st
import pytest

from gpu_heat_agent.engines.process_spec import ProcessSpec
from gpu_heat_agent.job_config import JobConfig, Progress
from gpu_heat_agent.models import Job, JobState
from gpu_heat_agent.progress import ProgressMeter, parse_progress
from gpu_heat_agent.progress_reader import ProgressReader, read_file

from .engines.app_server import Answer, App, served
from .parts import Clock


def fed(*looks: tuple[float, bool, float | None]) -> float | None:
    """Return the time left after these looks at (s, running, done)."""
    meter = ProgressMeter()
    for at_s, running, done in looks:
        meter.feed(at_s, running=running, done=done)
    return meter.remaining_s


def run(*looks: tuple[float, float | None]) -> float | None:
    return fed(*((at_s, True, done) for at_s, done in looks))


def test_rate_is_taken_between_changes() -> None:
    # From 0.2 at 10 s to 0.4 at 110 s: 0.002 a second, so 0.6 takes 300 s.
    assert run((0, 0.1), (10, 0.2), (110, 0.4)) == pytest.approx(300)


def test_how_old_the_first_value_is_nobody_knows() -> None:
    # It may have stood at 0.5 for an hour, so 0.1 in 100 s would be made up.
    assert run((0, 0.5), (100, 0.6)) is None
    assert run((0, 0.5), (100, 0.6), (159, 0.7)) is None
    # Now 0.1 took 60 s, so the last 0.3 take 180 s.
    assert run((0, 0.5), (100, 0.6), (160, 0.7)) == pytest.approx(180)


def test_standing_progress_says_nothing() -> None:
    assert run(*((at_s, 0.5) for at_s in range(0, 4000, 10))) is None


def test_waiting_time_does_not_count() -> None:
    meter = ProgressMeter()
    for at_s, done in ((0, 0.0), (10, 0.1), (110, 0.2)):
        meter.feed(at_s, running=True, done=done)
    assert meter.remaining_s == pytest.approx(800)
    for at_s in range(110, 10_000, 10):
        meter.feed(at_s, running=False, done=0.2)
        assert meter.remaining_s == pytest.approx(800)
    # Between 9990 and 10000 s it was let go: half of that counts, so 105 s for 0.1.
    meter.feed(10_000, running=True, done=0.2)
    meter.feed(10_100, running=True, done=0.3)
    # 0.2 in 205 s of running: 0.7 takes 717.5 s.
    assert meter.remaining_s == pytest.approx(717.5)


def test_while_it_waits_it_need_not_answer() -> None:
    looks = [(0, True, 0.0), (10, True, 0.1), (110, True, 0.2)]
    assert fed(*looks, (120, False, None)) == pytest.approx(800)
    assert fed(*looks, (120, True, None)) is None


def test_job_that_begins_anew_is_measured_anew() -> None:
    looks = [(0.0, 0.5), (10, 0.6), (110, 0.7), (120, 0.0)]
    assert run(*looks) is None
    # From 0.1 at 130 s to 0.3 at 230 s: 0.7 at 0.002 a second is 350 s.
    assert run(*looks, (130, 0.1), (230, 0.3)) == pytest.approx(350)


def test_done_is_done() -> None:
    assert run((0, 1.0)) == 0.0
    assert run((0, 0.1), (10, 0.2), (110, 1.0)) == 0.0


def test_steps_of_ten_minutes_are_no_standstill() -> None:
    # 0.1 each 600 s; half a step after 0.3 the estimate stands at 0.7 / 0.1 * 600 s.
    looks = [(at_s, at_s // 600 / 10) for at_s in range(0, 2101, 60)]
    assert run(*looks) == pytest.approx(4200)


def test_job_that_stands_still_takes_ever_longer() -> None:
    # 0.01 each 10 s, 0.3 at 300 s (30 steps, from 0.01 at 10 s). At 600 s the next step is
    # 290 s late: 0.7 at 0.29 in 580 s is 1400 s.
    looks = [(at_s, min(at_s / 1000, 0.3)) for at_s in range(0, 601, 10)]
    assert run(*looks) == pytest.approx(1400)


def test_rate_is_that_of_the_last_hour() -> None:
    # 0.00001 a second for 10,000 s, then 0.0001: after an hour of that only it counts.
    slow = [(at_s, at_s * 1e-5) for at_s in range(0, 10_001, 100)]
    fast = [(10_000 + at_s, 0.1 + at_s * 1e-4) for at_s in range(100, 4001, 100)]
    assert run(*slow, *fast) == pytest.approx(5000)


def test_rare_steps_are_kept_longer_than_an_hour() -> None:
    # A step of 0.1 each two hours: the last 0.6 take twelve.
    looks = [(at_s, at_s // 7200 / 10) for at_s in range(0, 4 * 7200 + 1, 100)]
    assert run(*looks) == pytest.approx(12 * 3600)


def test_gap_that_nobody_watched_is_not_guessed_at() -> None:
    assert run((0, 0.0), (10, 0.1), (110, 0.2), (3000, 0.3)) is None


def test_clock_that_goes_back_begins_anew() -> None:
    assert run((1000, 0.0), (1010, 0.1), (1110, 0.2), (5, 0.3)) is None


@given(
    rate=st.floats(1e-6, 1e-3),
    start=st.floats(0, 0.2),
    waits=st.lists(st.integers(1, 30), max_size=5),
)
def test_steady_job_is_estimated_right_whatever_pauses_it_had(
    rate: float, start: float, waits: list[int]
) -> None:
    """A job is looked at every 10 s while it runs for 100 s between its pauses."""
    meter, at_s, ran_s = ProgressMeter(), 0.0, 0.0
    for wait in (0, *waits, 0):
        for _ in range(10):
            meter.feed(at_s, running=True, done=start + rate * ran_s)
            at_s, ran_s = at_s + 10, ran_s + 10
        at_s, ran_s = at_s - 5, ran_s - 5  # paused half-way to the next look
        for _ in range(wait):
            at_s += 10
            meter.feed(at_s - 5, running=False, done=start + rate * ran_s)
        at_s, ran_s = at_s + 5, ran_s + 5
    left_s = (1 - start - rate * (ran_s - 10)) / rate
    assert meter.remaining_s == pytest.approx(left_s, rel=1e-3)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6), st.booleans(), st.none() | st.floats(0, 1, allow_subnormal=True)
        ),
        max_size=40,
    )
)
def test_estimate_is_never_negative_or_endless(
    looks: list[tuple[float, bool, float | None]],
) -> None:
    left_s = fed(*sorted(looks, key=lambda look: look[0]))
    assert left_s is None or 0 <= left_s <= 10 * 365 * 86_400


@pytest.mark.parametrize(
    ("text", "done"),
    [
        (b"0.25\n", 0.25),
        (b" 1 ", 1.0),
        (b"0", 0.0),
        (b".5", 0.5),
        (b"2.5e-1", 0.25),
        (b'{"progress": 0.25, "step": 10}', 0.25),
        (b'{"progress": 1}', 1.0),
    ],
)
def test_progress_is_a_number_from_0_to_1(text: bytes, done: float) -> None:
    assert parse_progress(text) == done


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nan",
        b"inf",
        b"-0.1",
        b"1.01",
        b"42",
        b"42%",
        b"0,5",
        b"0_5",
        b"0.5 0.6",
        b"1e999",
        b"true",
        b"\xef\xbc\x91",
        b'{"progress": NaN}',
        b'{"progress": true}',
        b'{"progress": "0.5"}',
        b'{"done": 0.5}',
        b"[0.5]",
        b"null",
        b"[" * 5000,
    ],
)
def test_anything_else_is_not_known(text: bytes) -> None:
    assert parse_progress(text) is None


@given(st.binary(max_size=80))
def test_progress_is_never_garbage(text: bytes) -> None:
    done = parse_progress(text)
    assert done is None or 0 <= done <= 1


class Looks:
    """A reader of one job's progress, and its clock."""

    def __init__(self, progress: Progress) -> None:
        self.clock = Clock()
        self.reader = ProgressReader([config(progress)], self.clock)

    def look(self, seconds: float, state: JobState = JobState.RUNNING) -> float | None:
        """Look after some time; return what is left."""
        self.clock.passes(seconds)
        self.reader.look({"job": state})
        return self.reader.remaining_s().get("job")


def config(progress: Progress) -> JobConfig:
    return JobConfig(id="job", name="Job", spec=ProcessSpec(), progress=progress)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress"


@pytest.fixture
def looks(path: Path) -> Generator[Looks]:
    made = Looks(Progress(file=path))
    yield made
    asyncio.run(made.reader.close())


def test_file_is_read(looks: Looks, path: Path) -> None:
    assert looks.look(10) is None
    for seconds, done in ((10, "0.1"), (10, "0.2\n"), (100, '{"progress": 0.3}')):
        path.write_text(done)
        left_s = looks.look(seconds)
    assert left_s == pytest.approx(700)
    path.write_text("soon")
    assert looks.look(10) is None


def test_old_figure_is_not_kept_for_ever(looks: Looks, path: Path) -> None:
    path.write_text("1")
    assert looks.look(10) == 0.0
    looks.clock.passes(61)
    assert looks.reader.remaining_s() == {}


def test_what_an_ended_run_left_behind_says_nothing_of_the_next(looks: Looks, path: Path) -> None:
    path.write_text("1")
    assert looks.look(10) == 0.0
    assert looks.look(10, JobState.FINISHED) is None
    assert looks.look(10) is None
    path.write_text("0.1")
    looks.look(10)
    path.write_text("1")
    assert looks.look(10) == 0.0


def test_pipe_that_nobody_writes_to_is_not_waited_for(looks: Looks, path: Path) -> None:
    os.mkfifo(path)
    assert looks.look(10) is None


@pytest.mark.parametrize("made", ["folder", "long", "pipe"])
def test_what_is_no_small_file_is_not_read(path: Path, made: str) -> None:
    if made == "folder":
        path.mkdir()
    elif made == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("0." + "1" * 63)
    with pytest.raises(OSError, match=str(path)):
        read_file(path)


@pytest.mark.parametrize(
    ("answer", "left_s"),
    [
        (Answer(body=b"1"), 0.0),
        (Answer(body=b'{"progress": 1.0}'), 0.0),
        (Answer(404, body=b"1"), None),
        (Answer(302, body=b"1", headers={"Location": "/state"}), None),
        (Answer(body=b'{"progress": 1.0}' + b" " * 1024), None),
        (Answer(hangs=True), None),
    ],
)
def test_address_is_asked(answer: Answer, left_s: float | None) -> None:
    with served(App()) as app:
        app.answers["GET /progress"] = lambda: answer
        looks = Looks(Progress(url=f"{app.url}/progress"))
        assert looks.look(10) == left_s
        asyncio.run(looks.reader.close())
        assert len(app.asked) == 1


async def test_reader_looks_while_the_agent_runs(path: Path) -> None:
    path.write_text("1")
    reader = ProgressReader([config(Progress(file=path))], Clock())
    job = Job(id="job", name="Job", kind="process", state=JobState.RUNNING)
    looking = asyncio.create_task(reader.run(lambda: (job,)))
    async with asyncio.timeout(10):
        while not reader.remaining_s():  # noqa: ASYNC110 - a thread fills it
            await asyncio.sleep(0.01)
    looking.cancel()
    await reader.close()
    assert reader.remaining_s() == {"job": 0.0}
