"""Apps with addresses of their own for pausing, on real HTTP over loopback."""

from collections.abc import Callable, Generator
from pathlib import Path
import socket
from typing import Any

import pytest

from gpu_heat_agent.engines import http
from gpu_heat_agent.engines.driver import Effect, JobDriver, JobView
from gpu_heat_agent.engines.http_spec import read_spec
from gpu_heat_agent.errors import ConflictError, UnreachableError, UsageError
from gpu_heat_agent.job_config import JobConfig
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state_dir import StateDir
from gpu_heat_agent.toml_table import Table

from ...certificates import Certificate
from ..parts import Clock
from .app_server import Answer, App, served

Drive = Callable[..., JobDriver]


@pytest.fixture
def app() -> Generator[App]:
    with served(App()) as running:
        yield running


@pytest.fixture
def drive(app: App, tmp_path: Path) -> Generator[Drive]:
    """Make drivers of one job "app", by default with the app's own addresses."""
    made: list[JobDriver] = []

    def make(**keys: Any) -> JobDriver:
        jobs = [job(tmp_path, **{**addresses(app), **keys})]
        made.append(http.make_driver(jobs, {}, tmp_path))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


def addresses(app: App) -> dict[str, Any]:
    return {verb: f"{app.url}/{verb}" for verb in ("pause", "resume", "state")}


def job(folder: Path, **keys: Any) -> JobConfig:
    table = Table({key: value for key, value in keys.items() if value is not None}, "jobs[0]")
    spec = read_spec(table, "app", folder)
    table.finish()
    return JobConfig(id="app", name="App", kind="http", spec=spec)


def view(driver: JobDriver) -> JobView:
    return driver.observe({})["app"]


def pause(driver: JobDriver) -> dict[str, Any]:
    """Pause as the book does, and return the plan."""
    view(driver)
    plan = {"app": driver.plan_pause("app", {})}
    assert driver.pause(plan) == {}
    return plan


def test_app_is_paused_and_resumed_at_its_own_addresses(app: App, drive: Drive) -> None:
    driver = drive()
    assert view(driver) == JobView(
        state=JobState.RUNNING, can_pause=True, effect=Effect(frees_gpu=False, keeps_work=True)
    )
    plan = pause(driver)
    assert (view(driver).state, view(driver).can_pause) == (JobState.PAUSED, False)
    assert driver.resume(plan) == {}
    assert view(driver).state is JobState.RUNNING
    assert app.calls() == ["POST /pause", "POST /resume"]


def test_plan_holds_neither_address_nor_secret(drive: Drive) -> None:
    driver = drive()
    view(driver)
    assert driver.plan_pause("app", {}) == {"told": "pause"}


def test_resuming_twice_does_no_harm(app: App, drive: Drive) -> None:
    driver = drive()
    plan = pause(driver)
    assert driver.resume(plan) == driver.resume(plan) == {}
    assert not app.paused


def test_next_run_resumes_from_the_plan_alone(app: App, drive: Drive) -> None:
    plan = pause(drive())
    assert drive().resume(plan) == {}
    assert not app.paused


def test_job_that_is_not_configured_any_more_is_to_be_resumed_by_hand(tmp_path: Path) -> None:
    driver = http.make_driver([], {}, tmp_path)
    failure = driver.resume({"app": {"told": "pause"}})["app"]
    driver.close()
    assert isinstance(failure, ConflictError)
    assert "resume it by hand" in str(failure)


def test_method_body_headers_and_statuses_are_as_configured(app: App, drive: Drive) -> None:
    app.answers["PUT /set?job=1"] = lambda: Answer(status=409)
    call = {
        "url": f"{app.url}/set?job=1",
        "method": "PUT",
        "json": {"run": False, "levels": [1, 2.5]},
        "expect": [409],
    }
    driver = drive(pause=call, headers={"X-Api-Version": "2"})
    pause(driver)
    asked = app.asked[-1]
    assert asked.what == "PUT /set?job=1"
    assert asked.body == b'{"run": false, "levels": [1, 2.5]}'
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["X-Api-Version"] == "2"


def test_token_comes_from_its_file_at_each_request(
    app: App, drive: Drive, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    path.chmod(0o600)
    driver = drive(token_file="token")
    view(driver)
    path.write_text("second\n")
    view(driver)
    given = [asked.headers["Authorization"] for asked in app.asked]
    assert given == ["Bearer first", "Bearer second"]
    path.write_text("third")
    path.chmod(0o604)
    assert view(driver).state is JobState.UNKNOWN
    path.write_text("two\nlines")
    path.chmod(0o600)
    assert view(driver).state is JobState.UNKNOWN
    assert len(app.asked) == 2
    assert "open to all users" in caplog.text
    assert not {"first", "second", "third", "two"} & set(caplog.text.split())


def test_redirect_is_not_followed(app: App, drive: Drive) -> None:
    app.answers["POST /pause"] = lambda: Answer(307, headers={"Location": f"{app.url}/elsewhere"})
    driver = drive()
    view(driver)
    failure = driver.pause({"app": driver.plan_pause("app", {})})["app"]
    assert isinstance(failure, ConflictError)
    assert str(failure) == 'job "app": it answered with status 307'
    assert app.calls() == ["POST /pause"]


def test_app_that_refused_to_pause_is_not_told_to_go_on(app: App, drive: Drive) -> None:
    app.answers["POST /pause"] = lambda: Answer(409)
    driver = drive()
    view(driver)
    plan = {"app": driver.plan_pause("app", {})}
    assert isinstance(driver.pause(plan)["app"], ConflictError)
    app.paused = True  # by someone else
    assert driver.resume(plan) == {}
    assert app.calls() == ["POST /pause"]


def test_app_that_failed_at_pausing_is_told_to_go_on(app: App, drive: Drive) -> None:
    app.answers["POST /pause"] = lambda: Answer(500)
    driver = drive()
    view(driver)
    plan = {"app": driver.plan_pause("app", {})}
    assert isinstance(driver.pause(plan)["app"], UnreachableError)
    assert driver.resume(plan) == {}
    assert app.calls() == ["POST /pause", "POST /resume"]


def test_app_that_takes_its_time_to_pause_is_waited_for(app: App, drive: Drive) -> None:
    app.answers["POST /pause"] = lambda: Answer(hangs=True)
    driver = drive()
    plan = pause(driver)
    assert view(driver).state is JobState.RUNNING
    app.answers["POST /resume"] = lambda: Answer(409)  # not paused yet
    assert isinstance(driver.resume(plan)["app"], ConflictError)
    app.paused = True
    assert view(driver).state is JobState.PAUSED
    app.answers["POST /resume"] = lambda: app.turn(paused=False)
    assert driver.resume(plan) == {}


def test_app_that_someone_else_resumed_may_refuse_to_go_on(app: App, drive: Drive) -> None:
    driver = drive()
    plan = pause(driver)
    view(driver)
    app.paused = False
    app.answers["POST /resume"] = lambda: Answer(409)
    assert driver.resume(plan) == {}


def test_app_that_refuses_to_go_on_keeps_its_record(app: App, drive: Drive) -> None:
    driver = drive()
    plan = pause(driver)
    app.answers["POST /resume"] = lambda: Answer(403)
    failure = driver.resume(plan)["app"]
    assert isinstance(failure, ConflictError)
    assert "token_file" in str(failure)


def test_app_that_says_yes_and_stays_paused_keeps_its_record(app: App, drive: Drive) -> None:
    driver = drive()
    plan = pause(driver)
    app.answers["POST /resume"] = Answer
    failure = driver.resume(plan)["app"]
    assert isinstance(failure, UnreachableError)
    assert "paused still" in str(failure)


def test_app_that_has_ended_is_left_alone(app: App, drive: Drive) -> None:
    driver = drive()
    plan = pause(driver)
    app.answers["GET /state"] = lambda: Answer(body=b"finished")
    assert not view(driver).can_pause
    assert driver.resume(plan) == {}
    assert app.calls() == ["POST /pause"]


def test_app_that_does_not_run_cannot_be_paused(app: App, drive: Drive) -> None:
    app.paused = True
    driver = drive()
    view(driver)
    with pytest.raises(ConflictError, match="does not run"):
        driver.plan_pause("app", {})


def test_silent_app_is_unknown_and_no_other(app: App, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        silent = {verb: f"{nobody}/{verb}?key=secret" for verb in ("pause", "resume", "state")}
        jobs = [
            job(tmp_path, **addresses(app)),
            JobConfig(id="gone", name="Gone", kind="http", spec=job(tmp_path, **silent).spec),
        ]
        driver = http.make_driver(jobs, {}, tmp_path)
        views = driver.observe({})
        failure = driver.resume({"gone": {"told": "pause"}})["gone"]
        driver.close()
    assert views["app"].state is JobState.RUNNING
    assert (views["gone"].state, views["gone"].can_pause) == (JobState.UNKNOWN, False)
    assert isinstance(failure, UnreachableError)  # it is asked again when it is back
    assert "secret" not in str(failure)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, body=b"running"),
        Answer(body=b""),
        Answer(body=b"busy"),
        Answer(body=b"\xff\xfe"),
        Answer(body=b'{"state": "busy"}'),
        Answer(body=b'{"state": true}'),
        Answer(body=b'["running"]'),
        Answer(body=b"[" * 60_000),
        Answer(body=b'{"state": "running", "x": NaN}'),
        Answer(body=b'{"state": "running"}' + b" " * 65_536),
        Answer(hangs=True),
    ],
)
def test_state_that_cannot_be_read_is_unknown(app: App, drive: Drive, answer: Answer) -> None:
    app.answers["GET /state"] = lambda: answer
    seen = view(drive())
    assert (seen.state, seen.can_pause) == (JobState.UNKNOWN, False)


@pytest.mark.parametrize(
    ("body", "remaining_s"),
    [
        (b'{"state": "Running", "remaining_s": 90.5}', 90.5),
        (b'{"state": "running", "remaining_s": 0}', 0.0),
        (b'{"state": "running", "remaining_s": -1}', None),
        (b'{"state": "running", "remaining_s": true}', None),
        (b'{"state": "running", "remaining_s": "90"}', None),
        (b'{"state": "running", "remaining_s": 1e400}', None),
        (b'{"state": "running", "progress": 0.5}', None),
        (b'"running"', None),
        (b" running\n", None),
    ],
)
def test_state_in_our_own_words(
    app: App, drive: Drive, body: bytes, remaining_s: float | None
) -> None:
    app.answers["GET /state"] = lambda: Answer(body=body)
    seen = view(drive())
    assert (seen.state, seen.remaining_s) == (JobState.RUNNING, remaining_s)


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b'{"status": [{"phase": "Busy"}]}', JobState.RUNNING),
        (b'{"status": [{"phase": 1}]}', JobState.PAUSED),
        (b'{"status": [{"phase": true}]}', JobState.FINISHED),
        (b'{"status": [{"phase": "oops"}]}', JobState.FAILED),
        (b'{"status": [{"phase": "Held"}]}', JobState.UNKNOWN),
        (b'{"status": [{"phase": null}]}', JobState.UNKNOWN),
        (b'{"status": []}', JobState.UNKNOWN),
        (b'{"status": "Busy"}', JobState.UNKNOWN),
        (b"Busy", JobState.UNKNOWN),
    ],
)
def test_state_in_the_apps_own_words(app: App, drive: Drive, body: bytes, state: JobState) -> None:
    app.answers["GET /state"] = lambda: Answer(body=body)
    driver = drive(
        state_path="status.0.phase",
        running_when=["Busy", "Waiting"],
        paused_when=[1],
        finished_when=[True],
        failed_when=["oops"],
    )
    assert view(driver).state is state


@pytest.mark.parametrize(
    ("preset", "answer", "pause_at", "resume_at", "effect"),
    [
        (
            "vllm",
            ("GET /is_sleeping", b'{"is_sleeping":%s}'),
            "POST /sleep?level=1",
            "POST /wake_up",
            Effect(frees_gpu=True, keeps_work=False),
        ),
        (
            "vllm_keep",
            ("GET /is_paused", b'{"is_paused":%s}'),
            "POST /pause?mode=keep",
            "POST /resume",
            Effect(frees_gpu=False, keeps_work=True),
        ),
    ],
)
def test_vllm_is_known(
    app: App,
    drive: Drive,
    preset: str,
    answer: tuple[str, bytes],
    pause_at: str,
    resume_at: str,
    effect: Effect,
) -> None:
    app.answers[answer[0]] = lambda: Answer(body=answer[1] % (b"true" if app.paused else b"false"))
    app.answers[pause_at] = lambda: app.turn(paused=True)
    app.answers[resume_at] = lambda: app.turn(paused=False)
    driver = drive(preset=preset, url=f"{app.url}/", pause=None, resume=None, state=None)
    assert view(driver).effect == effect
    plan = pause(driver)
    assert view(driver).state is JobState.PAUSED
    assert driver.resume(plan) == {}
    assert app.calls() == [pause_at, resume_at]


def test_vllm_without_these_addresses_is_told_how_to_start(
    app: App, drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    driver = drive(preset="vllm", url=app.url, pause=None, resume=None, state=None)
    assert view(driver).state is view(driver).state is JobState.UNKNOWN
    assert caplog.text.count("VLLM_SERVER_DEV_MODE=1 and --enable-sleep-mode") == 1
    app.answers["GET /is_sleeping"] = lambda: Answer(body=b'{"is_sleeping": false}')
    view(driver)
    failure = driver.pause({"app": driver.plan_pause("app", {})})["app"]
    assert "VLLM_SERVER_DEV_MODE=1" in str(failure)


def test_what_is_written_goes_over_a_preset(app: App, drive: Drive) -> None:
    app.answers["GET /is_sleeping"] = lambda: Answer(body=b'{"is_sleeping": false}')
    app.answers["POST /sleep?level=1&mode=wait"] = Answer
    driver = drive(
        preset="vllm",
        url=app.url,
        pause=f"{app.url}/sleep?level=1&mode=wait",
        resume=None,
        state=None,
        keeps_work=True,
    )
    pause(driver)
    assert app.calls() == ["POST /sleep?level=1&mode=wait"]
    assert view(driver).effect == Effect(frees_gpu=True, keeps_work=True)


def test_certificate_has_to_be_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate = Certificate(tmp_path, "app")
    with served(App(), certificate.server()) as app:
        jobs = [
            job(tmp_path, **addresses(app)),
            JobConfig(
                id="trusted",
                name="",
                kind="http",
                spec=job(tmp_path, ca_file="app.pem", **addresses(app)).spec,
            ),
        ]
        driver = http.make_driver(jobs, {}, tmp_path)
        views = driver.observe({})
        driver.close()
    assert views["app"].state is JobState.UNKNOWN
    assert "its certificate is not trusted" in caplog.text
    assert views["trusted"].state is JobState.RUNNING


def test_token_in_the_clear_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = {verb: f"http://192.0.2.1/{verb}" for verb in ("pause", "resume", "state")}
    http.make_driver([job(tmp_path, token_file="later", **keys)], {}, tmp_path).close()
    assert "crosses the network in the clear" in caplog.text


def test_book_leaves_alone_what_someone_else_paused(app: App, drive: Drive, tmp_path: Path) -> None:
    clock, driver = Clock(), drive()
    store = StateDir(tmp_path / "state").open_store()
    book = JobBook("http", [job(tmp_path, **addresses(app))], driver, store, clock)
    app.paused = True
    book.start()
    with pytest.raises(ConflictError, match="someone else"):
        book.pause("app", lease_s=60, reason="test")
    app.paused = False
    assert book.pause("app", lease_s=60, reason="test").state is JobState.PAUSED
    clock.passes(61)
    book.tick()
    assert (book.jobs[0].state, book.jobs[0].paused_by_us) == (JobState.RUNNING, False)
    assert app.calls() == ["POST /pause", "POST /resume"]


def test_book_forgets_a_pause_that_was_refused(app: App, drive: Drive, tmp_path: Path) -> None:
    store = StateDir(tmp_path / "state").open_store()
    book = JobBook("http", [job(tmp_path, **addresses(app))], drive(), store, Clock())
    book.start()
    app.answers["POST /pause"] = lambda: Answer(404)
    with pytest.raises(ConflictError, match="status 404"):
        book.pause("app", lease_s=60, reason="test")
    assert not book.jobs[0].paused_by_us
    assert app.calls() == ["POST /pause"]


PAUSE = "http://127.0.0.1:1/pause"
FULL = {"pause": PAUSE, "resume": PAUSE, "state": PAUSE}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"pause": PAUSE, "resume": PAUSE}, "jobs[0].state: give the address"),
        ({**FULL, "pause": "ftp://x/"}, "jobs[0].pause: write an address"),
        ({**FULL, "pause": "http://u:p@x/"}, "jobs[0].pause: write an address"),
        ({**FULL, "pause": "http://x/\n"}, "jobs[0].pause: write an address"),
        ({**FULL, "pause": "http://[x/"}, "jobs[0].pause: write an address"),
        ({**FULL, "pause": 1}, "jobs[0].pause: write a text"),
        ({**FULL, "pause": {}}, "jobs[0].pause.url: give the address"),
        ({**FULL, "pause": {"url": PAUSE, "method": "HEAD"}}, "jobs[0].pause.method"),
        ({**FULL, "pause": {"url": PAUSE, "metod": "GET"}}, "jobs[0].pause.metod: there is no"),
        ({**FULL, "pause": {"url": PAUSE, "json": float("nan")}}, "jobs[0].pause.json"),
        ({**FULL, "state": {"url": PAUSE, "json": 1}}, "jobs[0].state.json: a GET has no body"),
        ({**FULL, "pause": {"url": PAUSE, "expect": [20]}}, "jobs[0].pause.expect"),
        ({**FULL, "state_path": "a"}, "jobs[0].paused_when: list the values"),
        ({**FULL, "paused_when": ["a"]}, "jobs[0].paused_when: goes with state_path"),
        (
            {**FULL, "state_path": "a", "paused_when": ["x"], "running_when": ["x"]},
            "jobs[0].state_path: 'x' is listed with two meanings",
        ),
        ({**FULL, "headers": {"A B": "x"}}, "jobs[0].headers.A B"),
        ({**FULL, "headers": {"A": "x\r\nB: y"}}, "jobs[0].headers.A"),
        ({**FULL, "headers": {"Content-Length": "1"}}, "jobs[0].headers.Content-Length"),
        ({**FULL, "ca_file": "nowhere.pem"}, "jobs[0].ca_file"),
        ({**FULL, "token_file": "open"}, "jobs[0].token_file"),
        ({**FULL, "token_file": "."}, "is not a file"),
        ({**FULL, "url": PAUSE}, "jobs[0].url: goes with preset"),
        ({"preset": "vllm"}, "jobs[0].url: goes with preset"),
        ({"preset": "comfyui", "url": PAUSE}, 'write one of "vllm", "vllm_keep"'),
        ({"preset": "vllm", "url": f"{PAUSE}?x"}, "jobs[0].url: write the address alone"),
        ({**FULL, "frees_gpu": "yes"}, "jobs[0].frees_gpu: write true or false"),
    ],
)
def test_wrong_config_is_named(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    (tmp_path / "open").write_text("token")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(UsageError) as caught:
        job(tmp_path, **keys)
    assert text in str(caught.value)
