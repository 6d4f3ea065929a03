"""Jobs of Kubernetes, over the real wire against a fake API server."""

from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
import re
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest
import yaml

from gpu_heat_agent.engines import kubernetes, kubernetes_client
from gpu_heat_agent.engines.driver import JobView, member_key
from gpu_heat_agent.engines.kinds import KINDS, READERS
from gpu_heat_agent.engines.kubernetes import KubernetesDriver
from gpu_heat_agent.engines.kubernetes_spec import KubernetesSpec, is_selector
from gpu_heat_agent.errors import ConflictError, UnreachableError, UsageError
from gpu_heat_agent.job_config import JobConfig, read_jobs
from gpu_heat_agent.jobs import JobBook
from gpu_heat_agent.models import JobState
from gpu_heat_agent.state import JsonObject
from gpu_heat_agent.state_dir import StateDir, Store
from gpu_heat_agent.toml_table import Table

from ..parts import Clock
from .fake_kubernetes import STARTED, FakeKubernetes, condition, own_certificate, serve, time_text

FLEX = {"labels": {"gpu-heat": "flex"}}
JOB = {"namespace": "ml", "job": "train"}
GROUP = {"namespace": "ml", "label": "gpu-heat=flex"}
WORKLOADS = {"namespace": "ml", "workloads": "gpu-heat=flex"}
QUEUE = {"namespace": "ml", "queue": "flex"}

Make = Callable[..., KubernetesDriver]


@pytest.fixture
def fake() -> Generator[FakeKubernetes]:
    with serve(FakeKubernetes()) as served:
        yield served


@pytest.fixture
def make(fake: FakeKubernetes, tmp_path: Path) -> Generator[Make]:
    """Makes drivers from the keys of their configs, by job id."""
    drivers: list[KubernetesDriver] = []

    def make_driver(**jobs: dict[str, Any]) -> KubernetesDriver:
        driver = kubernetes.make_driver(configs(fake, tmp_path, **jobs), {}, tmp_path)
        assert isinstance(driver, KubernetesDriver)
        drivers.append(driver)
        return driver

    yield make_driver
    for driver in drivers:
        driver.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_client, "_CALL_S", 0.3)


def configs(fake: FakeKubernetes, folder: Path, **jobs: dict[str, Any]) -> tuple[JobConfig, ...]:
    fake.kubeconfig(folder / "kubeconfig")
    tables = [
        Table({"id": job_id, "kind": "kubernetes", "kubeconfig": "kubeconfig", **keys})
        for job_id, keys in jobs.items()
    ]
    return read_jobs(tables, folder, READERS)


def view(driver: KubernetesDriver, key: str, **ours: JsonObject) -> JobView:
    return driver.observe(ours)[key]


def paused(driver: KubernetesDriver, *keys: str, free: bool = False) -> dict[str, JsonObject]:
    """Pause and return the plans."""
    driver.observe({})
    undo = {key: driver.plan_pause(key, {}, free=free) for key in keys}
    assert driver.pause(undo) == {}
    return undo


# Jobs


def test_job_that_is_paused_is_suspended_and_starts_anew(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    before = view(driver, "train")
    assert (before.state, before.can_pause) == (JobState.RUNNING, True)
    assert before.effect is not None
    assert (before.effect.frees_gpu, before.effect.keeps_work) == (True, False)
    undo = paused(driver, "train")
    assert fake.get("jobs", "train")["spec"]["suspend"] is True
    after = view(driver, "train", **undo)
    assert (after.state, after.can_pause) == (JobState.PAUSED, False)
    assert driver.resume(undo) == {}
    job = fake.get("jobs", "train")
    assert job["spec"]["suspend"] is False
    assert "annotations" not in job["metadata"] or not job["metadata"]["annotations"]
    assert view(driver, "train").state is JobState.RUNNING


def test_job_runs_until_its_pods_have_stopped(make: Make, fake: FakeKubernetes) -> None:
    fake.grace = True
    fake.job("train")
    driver = make(train=JOB)
    undo = paused(driver, "train")
    stopping = view(driver, "train", **undo)
    assert (stopping.state, stopping.can_pause) == (JobState.RUNNING, False)
    fake.pods_gone()
    assert view(driver, "train", **undo).state is JobState.PAUSED


def test_job_that_someone_else_suspended_is_not_ours(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train", spec={"suspend": True})
    driver = make(train=JOB)
    seen = view(driver, "train")
    assert (seen.state, seen.can_pause) == (JobState.PAUSED, False)
    with pytest.raises(ConflictError, match="stopped by someone else"):
        driver.plan_pause("train", {})


def test_job_that_someone_else_suspends_just_before_us_stays_theirs(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.change("jobs", "train", spec={"suspend": True})
    failures = driver.pause(undo)
    assert isinstance(failures["train"], ConflictError)
    assert driver.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is True


def test_change_between_reading_and_patching_is_not_lost(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.before_patch = lambda: fake.change("jobs", "train", spec={"parallelism": 4})
    assert driver.pause(undo) == {}
    spec = fake.get("jobs", "train")["spec"]
    assert (spec["parallelism"], spec["suspend"]) == (4, True)
    assert fake.requests.count("PATCH /apis/batch/v1/namespaces/ml/jobs/train") == 2


def test_suspension_between_reading_and_patching_stays_theirs(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.before_patch = lambda: fake.change("jobs", "train", spec={"suspend": True})
    assert isinstance(driver.pause(undo)["train"], ConflictError)
    assert driver.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is True


def test_job_made_anew_under_the_same_name_is_left_alone(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    undo = paused(driver, "train")
    marked = fake.get("jobs", "train")["metadata"]["annotations"]
    fake.delete("jobs", "train")
    fake.job("train", spec={"suspend": True}, annotations=marked)
    assert driver.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is True
    fake.job("train")
    assert isinstance(driver.pause(undo)["train"], ConflictError)
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


def test_nothing_is_left_of_a_job_that_was_deleted(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    undo = paused(driver, "train")
    fake.delete("jobs", "train")
    assert view(driver, "train", **undo) == JobView(state=JobState.UNKNOWN, can_pause=False)
    assert driver.resume(undo) == {}
    with pytest.raises(ConflictError, match="is gone"):
        driver.plan_pause("train", {})


def test_plan_alone_resumes_a_job_that_is_configured_no_more(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    undo = paused(make(train=JOB), "train")
    later = make(other={"namespace": "ml", "job": "other"})
    assert later.resume(undo) == {}
    assert later.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


def test_job_that_someone_else_let_go_on_loses_our_mark_alone(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    undo = paused(driver, "train")
    fake.change("jobs", "train", spec={"suspend": False})
    assert driver.resume(undo) == {}
    job = fake.get("jobs", "train")
    assert (job["spec"]["suspend"], job["metadata"]["annotations"]) == (False, {})


def test_pause_that_was_cut_short_is_taken_up(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    undo = paused(make(train=JOB), "train")
    driver = make(train=JOB)
    driver.observe(undo)
    again = driver.plan_pause("train", undo["train"])
    assert again == undo["train"]
    assert driver.pause({"train": again}) == {}
    assert driver.resume({"train": again}) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


def test_plan_that_never_became_a_pause_keeps_its_mark(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    first = driver.plan_pause("train", {})
    assert driver.plan_pause("train", first) == first


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([condition("SuccessCriteriaMet", True), condition("Complete", True)], JobState.FINISHED),
        ([condition("FailureTarget", True), condition("Failed", True)], JobState.FAILED),
        ([condition("FailureTarget", True)], JobState.QUEUED),
        ([], JobState.QUEUED),
        ([condition("Complete", False)], JobState.QUEUED),
    ],
)
def test_conditions_tell_how_a_job_ended(
    make: Make, fake: FakeKubernetes, conditions: list[dict[str, Any]], state: JobState
) -> None:
    fake.job("train", status={"active": 0, "ready": 0, "conditions": conditions})
    seen = view(make(train=JOB), "train")
    assert (seen.state, seen.can_pause) == (
        state,
        not any(c["status"] == "True" for c in conditions),
    )


def test_job_of_kueue_is_not_suspended(
    make: Make, fake: FakeKubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    fake.job("train", labels={"kueue.x-k8s.io/queue-name": "flex"})
    driver = make(train=JOB)
    assert view(driver, "train").can_pause is False
    with pytest.raises(ConflictError, match="`workloads` or `queue`"):
        driver.plan_pause("train", {})
    driver.observe({})
    assert caplog.text.count("belongs to Kueue") == 1


def test_job_that_came_to_kueue_meanwhile_is_not_suspended(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.change("jobs", "train", metadata={"labels": {"kueue.x-k8s.io/queue-name": "flex"}})
    assert isinstance(driver.pause(undo)["train"], ConflictError)
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


def test_job_of_a_job_set_is_not_suspended(make: Make, fake: FakeKubernetes) -> None:
    owner = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "controller": True}
    fake.job("train", ownerReferences=[{**owner, "name": "set", "uid": "1"}])
    assert view(make(train=JOB), "train").can_pause is False


# The work left


def ago(seconds: float) -> str:
    return time_text(datetime.now(UTC) - timedelta(seconds=seconds))


def test_rate_of_completions_tells_the_work_left(make: Make, fake: FakeKubernetes) -> None:
    # 2 of 10 in 1000 s leave 8 * 500 s.
    fake.job("train", spec={"completions": 10}, status={"succeeded": 2, "startTime": ago(1000)})
    assert view(make(train=JOB), "train").remaining_s == pytest.approx(4000, abs=40)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"completions": 10}, {"succeeded": 0}),
        ({"completions": 1}, {"succeeded": 0}),
        ({"completions": None}, {"succeeded": 2}),
        ({"completions": 10}, {"succeeded": 11}),
        ({"completions": 10}, {"succeeded": 2, "startTime": "2999-01-01T00:00:00Z"}),
        ({"completions": 10, "successPolicy": {"rules": []}}, {"succeeded": 2}),
        (
            {"completions": 10},
            {"succeeded": 2, "conditions": [condition("Suspended", False, "JobResumed")]},
        ),
    ],
)
def test_work_left_is_not_made_up(
    make: Make, fake: FakeKubernetes, spec: dict[str, Any], status: dict[str, Any]
) -> None:
    fake.job("train", spec=spec, status={"startTime": ago(1000), **status})
    assert view(make(train=JOB), "train").remaining_s is None


def test_completions_before_a_pause_do_not_count_for_the_rate_after_it(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train", spec={"completions": 10}, status={"succeeded": 4, "startTime": ago(1000)})
    driver = make(train=JOB)
    undo = paused(driver, "train")
    assert view(driver, "train", **undo).remaining_s is None
    fake.now = datetime.now(UTC) - timedelta(seconds=300)  # the start is set anew
    driver.resume(undo)
    assert view(driver, "train").remaining_s is None
    fake.change("jobs", "train", status={"succeeded": 5})
    # 1 in 300 s leaves 5 * 300 s.
    assert view(driver, "train").remaining_s == pytest.approx(1500, abs=30)


def test_deadline_is_the_start_and_what_may_pass_since(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train", spec={"activeDeadlineSeconds": 3600})
    driver = make(train=JOB)
    assert view(driver, "train").deadline == STARTED + timedelta(hours=1)
    undo = paused(driver, "train")
    assert view(driver, "train", **undo).deadline is None


# Groups


def test_group_has_the_jobs_that_its_label_fits(make: Make, fake: FakeKubernetes) -> None:
    fake.job("b.2", **FLEX)
    fake.job("a", **FLEX)
    fake.job("other", labels={"gpu-heat": "fixed"})
    fake.job("a", namespace="elsewhere", **FLEX)
    views = make(flex=GROUP).observe({})
    assert [(key, seen.name) for key, seen in views.items()] == [
        ("flex:a", "a"),
        ("flex:b.2", "b.2"),
    ]


def test_hundreds_of_jobs_come_in_pages_and_are_paused(make: Make, fake: FakeKubernetes) -> None:
    for number in range(450):
        fake.job(f"job-{number:03}", **FLEX)
    driver = make(flex=GROUP)
    keys = [member_key("flex", f"job-{number:03}") for number in range(450)]
    assert list(driver.observe({})) == keys
    assert fake.requests == ["GET /apis/batch/v1/namespaces/ml/jobs"] * 3
    undo = paused(driver, *keys)
    assert {seen.state for seen in driver.observe(undo).values()} == {JobState.PAUSED}
    assert driver.resume(undo) == {}
    assert {seen.state for seen in driver.observe({}).values()} == {JobState.RUNNING}


def test_list_whose_next_page_is_no_longer_kept_is_read_anew(
    make: Make, fake: FakeKubernetes
) -> None:
    for number in range(201):
        fake.job(f"job-{number:03}", **FLEX)
    fake.expire_pages = 1
    assert len(make(flex=GROUP).observe({})) == 201


def test_more_jobs_than_are_handled_are_refused(
    make: Make, fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes_client, "_MOST", 2)
    for name in ("a", "b", "c"):
        fake.job(name, **FLEX)
    with pytest.raises(UnreachableError, match="more than 2"):
        make(flex=GROUP).observe({})


def test_group_itself_has_nothing_to_undo(make: Make, fake: FakeKubernetes) -> None:
    driver = make(flex=GROUP)
    driver.observe({})
    assert driver.plan_pause("flex", {}) == {}
    assert driver.pause({"flex": {}}) == {}
    assert driver.resume({"flex": {}}) == {}


def test_job_that_was_not_observed_cannot_be_paused(make: Make, fake: FakeKubernetes) -> None:
    fake.job("other")
    driver = make(flex=GROUP)
    driver.observe({})
    with pytest.raises(ConflictError, match="is gone"):
        driver.plan_pause("flex:other", {})


# Kueue


def test_workload_that_is_paused_is_evicted_and_runs_until_it_is(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.grace = True
    fake.workload("job-train-1a2b3", **FLEX)
    driver = make(flex=WORKLOADS)
    key = "flex:job-train-1a2b3"
    assert driver.observe({})[key].state is JobState.RUNNING
    undo = paused(driver, key)
    assert fake.get("workloads", "job-train-1a2b3")["spec"]["active"] is False
    evicted = driver.observe(undo)[key]
    assert (evicted.state, evicted.can_pause) == (JobState.RUNNING, False)
    fake.pods_gone()
    assert driver.observe(undo)[key].state is JobState.PAUSED
    assert driver.resume(undo) == {}
    assert fake.get("workloads", "job-train-1a2b3")["spec"]["active"] is True


@pytest.mark.parametrize(
    ("spec", "conditions", "state"),
    [
        ({}, [condition("Finished", True, "Succeeded")], JobState.FINISHED),
        ({}, [condition("Finished", True, "JobFinished")], JobState.FINISHED),
        ({}, [condition("Finished", True, "Failed")], JobState.FAILED),
        ({}, [], JobState.QUEUED),
        ({}, [condition("QuotaReserved", True)], JobState.QUEUED),
        ({"active": False}, [], JobState.PAUSED),
        ({"active": False}, [condition("QuotaReserved", True)], JobState.RUNNING),
        ({}, [condition("Admitted", False), condition("Evicted", True)], JobState.QUEUED),
    ],
)
def test_conditions_tell_what_a_workload_does(
    make: Make,
    fake: FakeKubernetes,
    spec: dict[str, Any],
    conditions: list[dict[str, Any]],
    state: JobState,
) -> None:
    fake.workload("w", spec=spec, status={"conditions": conditions}, **FLEX)
    assert make(flex=WORKLOADS).observe({})["flex:w"].state is state


def test_workload_that_kueue_deactivated_is_not_ours(make: Make, fake: FakeKubernetes) -> None:
    fake.workload("w", spec={"active": False}, status={"conditions": []}, **FLEX)
    driver = make(flex=WORKLOADS)
    assert driver.observe({})["flex:w"].can_pause is False
    with pytest.raises(ConflictError, match="someone else"):
        driver.plan_pause("flex:w", {})


def test_execution_time_left_is_a_deadline(make: Make, fake: FakeKubernetes) -> None:
    fake.workload(
        "w",
        spec={"maximumExecutionTimeSeconds": 3600},
        status={"accumulatedPastExecutionTimeSeconds": 600},
        **FLEX,
    )
    seen = make(flex=WORKLOADS).observe({})["flex:w"]
    assert seen.deadline == STARTED + timedelta(seconds=3000)


def test_queue_on_hold_runs_until_what_it_admitted_has_ended(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.queue("flex")
    driver = make(queue=QUEUE)
    before = view(driver, "queue")
    assert before.effect is not None
    assert (before.effect.frees_gpu, before.effect.keeps_work) == (False, True)
    undo = paused(driver, "queue")
    assert fake.get("localqueues", "flex")["spec"]["stopPolicy"] == "Hold"
    held = view(driver, "queue", **undo)
    assert (held.state, held.can_pause) == (JobState.RUNNING, True)
    assert view(driver, "queue").can_pause is False  # not ours, for all that it knows then
    fake.change("localqueues", "flex", status={"admittedWorkloads": 0, "reservingWorkloads": 0})
    assert view(driver, "queue", **undo).state is JobState.PAUSED
    assert driver.resume(undo) == {}
    assert fake.get("localqueues", "flex")["spec"]["stopPolicy"] == "None"
    assert view(driver, "queue").state is JobState.QUEUED


@pytest.mark.parametrize(("keys", "free"), [({"drain": True}, False), ({}, True)])
def test_queue_that_is_drained_frees_the_gpu(
    make: Make, fake: FakeKubernetes, keys: dict[str, Any], free: bool
) -> None:
    fake.queue("flex")
    driver = make(queue={**QUEUE, **keys})
    undo = paused(driver, "queue", free=free)
    assert fake.get("localqueues", "flex")["spec"]["stopPolicy"] == "HoldAndDrain"
    draining = view(driver, "queue", **undo)
    assert draining.state is JobState.RUNNING
    assert draining.effect is not None
    assert (draining.effect.frees_gpu, draining.effect.keeps_work) == (True, False)
    fake.pods_gone()
    assert view(driver, "queue", **undo).state is JobState.PAUSED


def test_queue_whose_stop_policy_someone_else_changed_stays_as_it_is(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.queue("flex")
    driver = make(queue=QUEUE)
    undo = paused(driver, "queue")
    fake.change("localqueues", "flex", spec={"stopPolicy": "HoldAndDrain"})
    assert driver.resume(undo) == {}
    queue = fake.get("localqueues", "flex")
    assert (queue["spec"]["stopPolicy"], queue["metadata"]["annotations"]) == ("HoldAndDrain", {})


def test_queue_that_kueue_has_not_looked_at_is_unknown(make: Make, fake: FakeKubernetes) -> None:
    queue = fake.queue("flex")
    queue["status"].clear()
    assert view(make(queue=QUEUE), "queue").state is JobState.UNKNOWN


def test_cluster_queue_has_no_namespace(make: Make, fake: FakeKubernetes) -> None:
    fake.queue("gpus", namespace=None)
    driver = make(gpus={"cluster_queue": "gpus", "drain": True})
    paused(driver, "gpus")
    policy = fake.get("clusterqueues", "gpus", None)["spec"]["stopPolicy"]
    assert policy == "HoldAndDrain"
    assert "PATCH /apis/kueue.x-k8s.io/v1beta2/clusterqueues/gpus" in fake.requests


def test_older_kueue_is_found_and_remembered(make: Make, fake: FakeKubernetes) -> None:
    fake.unserved = {"v1beta2"}
    fake.queue("flex")
    driver = make(queue=QUEUE)
    undo = paused(driver, "queue")
    assert driver.resume(undo) == {}
    tried = [request for request in fake.requests if "v1beta2" in request]
    assert len(tried) == 1
    fake.unserved = {"v1beta1"}  # Kueue has been upgraded
    with pytest.raises(UnreachableError):
        driver.observe({})
    assert view(driver, "queue").state is JobState.RUNNING


def test_cluster_without_kueue_says_so(make: Make, fake: FakeKubernetes) -> None:
    fake.unserved = {"v1beta1", "v1beta2"}
    with pytest.raises(UnreachableError, match="is Kueue installed"):
        make(queue=QUEUE).observe({})


# What goes wrong


def test_missing_right_is_named(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    fake.denied = {("patch", "jobs")}
    driver = make(train=JOB)
    driver.observe({})
    failure = driver.pause({"train": driver.plan_pause("train", {})})["train"]
    assert isinstance(failure, ConflictError)
    assert str(failure).startswith('not permitted to patch jobs.batch in namespace "ml"')
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


@pytest.mark.parametrize(
    ("keys", "key", "number"),
    [
        (JOB, "job", 0),
        (GROUP, "job:train", 1),
        (WORKLOADS, "job:w", 2),
        (QUEUE, "job", 3),
        ({"cluster_queue": "gpus"}, "job", 4),
    ],
)
def test_documented_roles_are_enough(
    make: Make, fake: FakeKubernetes, keys: dict[str, Any], key: str, number: int
) -> None:
    fake.job("train", **FLEX)
    fake.workload("w", **FLEX)
    fake.queue("flex")
    fake.queue("gpus", namespace=None)
    fake.roles = documented_rules()[number]
    driver = make(job=keys)
    undo = paused(driver, key)
    assert driver.observe(undo)[key].state in {JobState.PAUSED, JobState.RUNNING}
    assert driver.resume(undo) == {}


def documented_rules() -> list[list[dict[str, Any]]]:
    """Return the rules of each role that the page on Kubernetes has."""
    page = Path(__file__).parents[3] / "docs/jobs/kubernetes.md"
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    return [document["rules"] for document in documents if "rules" in document]


def test_group_that_may_not_be_listed_does_not_look_empty(make: Make, fake: FakeKubernetes) -> None:
    fake.denied = {("list", "jobs")}
    fake.job("train")
    with pytest.raises(UnreachableError, match="not permitted to list jobs"):
        make(flex=GROUP, train=JOB).observe({})


def test_group_that_cannot_be_read_for_once_leaves_the_others_alone(
    make: Make, fake: FakeKubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    fake.job("train", **FLEX)
    driver = make(flex=GROUP, train=JOB)
    driver.observe({})
    fake.denied = {("list", "jobs")}
    for _ in range(2):
        views = driver.observe({})
        assert views["flex:train"].state is JobState.UNKNOWN
        assert views["train"].state is JobState.RUNNING
    assert caplog.text.count("not permitted to list") == 1
    fake.denied = set()
    assert driver.observe({})["flex:train"].state is JobState.RUNNING


def test_token_that_is_not_accepted_is_read_anew(
    make: Make, fake: FakeKubernetes, tmp_path: Path
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    fake.token = "another-token"
    with pytest.raises(UnreachableError, match="does not accept") as raised:
        driver.observe({})
    assert "another-token" not in str(raised.value)
    fake.kubeconfig(tmp_path / "kubeconfig", token="another-token")
    assert view(driver, "train").state is JobState.RUNNING


def test_pauses_whose_token_is_not_accepted_fail_alike_and_end_with_another(
    make: Make, fake: FakeKubernetes, tmp_path: Path
) -> None:
    keys = [f"flex:job-{number:02}" for number in range(20)]
    for key in keys:
        fake.job(key.removeprefix("flex:"), **FLEX)
    driver = make(flex=GROUP)
    undo = paused(driver, *keys)
    fake.token = "another-token"
    failures = driver.resume(undo)
    assert {type(failure) for failure in failures.values()} == {ConflictError}
    assert failures.keys() == set(keys)
    fake.kubeconfig(tmp_path / "kubeconfig", token="another-token")
    assert driver.resume(undo) == {}
    assert {seen.state for seen in driver.observe({}).values()} == {JobState.RUNNING}


@pytest.mark.parametrize(
    ("code", "plain"), [(429, False), (500, False), (503, True), (504, False), (302, True)]
)
def test_server_in_trouble_is_unreachable(
    make: Make, fake: FakeKubernetes, code: int, plain: bool
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    fake.fail(code, "etcdserver: leader changed", plain=plain)
    with pytest.raises(UnreachableError):
        driver.observe({})
    assert view(driver, "train").state is JobState.RUNNING


@pytest.mark.parametrize("body", ["not JSON", "[]", '{"metadata": {}}', "null", '"text"'])
def test_answer_that_is_no_object_is_unreachable(
    make: Make, fake: FakeKubernetes, body: str
) -> None:
    fake.job("train", **FLEX)
    driver = make(train=JOB, flex=GROUP)
    fake.fail(200, body, plain=True, times=2)
    with pytest.raises(UnreachableError):
        driver.observe({})


def test_server_that_is_gone_is_unreachable(tmp_path: Path) -> None:
    with serve(FakeKubernetes()) as fake:
        fake.job("train")
        jobs = configs(fake, tmp_path, train=JOB)
        driver = kubernetes.make_driver(jobs, {}, tmp_path)
        assert isinstance(driver, KubernetesDriver)
        undo = paused(driver, "train")
    with pytest.raises(UnreachableError):
        driver.observe({})
    assert isinstance(driver.resume(undo)["train"], UnreachableError)
    driver.close()


@pytest.mark.usefixtures("impatient")
def test_server_that_never_answers_is_given_up(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    fake.hang = {"GET"}
    with pytest.raises(UnreachableError, match="train"):
        make(train=JOB).observe({})


@pytest.mark.usefixtures("impatient")
def test_server_that_never_answers_is_not_asked_for_every_job(
    make: Make, fake: FakeKubernetes
) -> None:
    names = [f"job-{number:02}" for number in range(40)]
    for name in names:
        fake.job(name, **FLEX)
    driver = make(flex=GROUP)
    undo = paused(driver, *(member_key("flex", name) for name in names))
    fake.hang = {"GET"}
    fake.requests.clear()
    failures = driver.resume(undo)
    assert len(failures) == 40
    assert len(fake.requests) <= 8
    fake.hang = set()
    assert driver.resume(undo) == {}


@pytest.mark.usefixtures("impatient")
def test_pause_that_got_no_answer_cannot_come_true_after_it_was_undone(
    make: Make, fake: FakeKubernetes
) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.hang = {"PATCH"}
    assert isinstance(driver.pause(undo)["train"], UnreachableError)
    fake.hang = set()
    assert driver.resume(undo) == {}
    [late] = fake.held_up
    assert late().status == 409
    job = fake.get("jobs", "train")
    assert (job["spec"]["suspend"], job["metadata"]["annotations"]) == (False, {})


@pytest.mark.usefixtures("impatient")
def test_pause_that_got_no_answer_and_came_true_is_undone(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}
    fake.hang = {"PATCH"}
    assert isinstance(driver.pause(undo)["train"], UnreachableError)
    fake.hang = set()
    [late] = fake.held_up
    assert late().status == 200
    assert driver.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


def test_object_that_changes_all_the_time_is_given_up(make: Make, fake: FakeKubernetes) -> None:
    fake.job("train")
    driver = make(train=JOB)
    driver.observe({})
    undo = {"train": driver.plan_pause("train", {})}

    def change() -> None:
        fake.change("jobs", "train", metadata={"labels": {"n": str(len(fake.requests))}})
        fake.before_patch = change

    fake.before_patch = change
    assert isinstance(driver.pause(undo)["train"], ConflictError)
    fake.before_patch = None
    assert driver.resume(undo) == {}
    assert fake.get("jobs", "train")["spec"]["suspend"] is False


# The book of pauses over it


class Run:
    """One run of an agent's job book."""

    def __init__(self, fake: FakeKubernetes, folder: Path, clock: Clock, **jobs: Any) -> None:
        self.jobs = configs(fake, folder, **jobs)
        self.store: Store = StateDir(folder / "state").open_store()
        self.driver = kubernetes.make_driver(self.jobs, {}, folder)
        self.book = JobBook("kubernetes", self.jobs, self.driver, self.store, clock)
        self.book.start()

    def states(self) -> dict[str, tuple[JobState, bool]]:
        self.book.tick()
        return {job.id: (job.state, job.paused_by_us) for job in self.book.jobs}

    def crash(self) -> None:
        self.driver.close()


def test_book_pauses_a_group_with_those_that_come_to_it_and_lets_all_go(
    fake: FakeKubernetes, tmp_path: Path
) -> None:
    clock = Clock()
    fake.job("a", **FLEX)
    fake.job("b", spec={"suspend": True}, **FLEX)
    run = Run(fake, tmp_path, clock, flex=GROUP)
    run.book.pause("flex", lease_s=600, reason="hot")
    fake.job("c", **FLEX)
    clock.passes(6)
    run.book.tick()
    assert run.states() == {
        "flex": (JobState.PAUSED, True),
        "flex:a": (JobState.PAUSED, True),
        "flex:b": (JobState.PAUSED, False),
        "flex:c": (JobState.PAUSED, True),
    }
    clock.passes(600)
    run.book.tick()
    suspended = {name: fake.get("jobs", name)["spec"]["suspend"] for name in "abc"}
    assert suspended == {"a": False, "b": True, "c": False}
    run.crash()


def test_book_resumes_after_a_crash_when_the_lease_is_over(
    fake: FakeKubernetes, tmp_path: Path
) -> None:
    clock = Clock()
    fake.job("train")
    fake.queue("flex")
    first = Run(fake, tmp_path, clock, train=JOB, queue=QUEUE)
    for job_id in ("train", "queue"):
        first.book.pause(job_id, lease_s=600, reason="hot")
    first.crash()
    clock.passes(60)
    second = Run(fake, tmp_path, clock, queue=QUEUE)  # the other is configured no more
    assert fake.get("jobs", "train")["spec"]["suspend"] is False
    assert second.states() == {"queue": (JobState.RUNNING, True)}
    assert fake.get("localqueues", "flex")["spec"]["stopPolicy"] == "Hold"
    clock.passes(600)
    assert second.states() == {"queue": (JobState.RUNNING, False)}
    assert fake.get("localqueues", "flex")["spec"]["stopPolicy"] == "None"
    second.crash()


# TLS, and the config


def test_certificate_of_the_cluster_is_checked(tmp_path: Path) -> None:
    context = own_certificate(tmp_path / "ca.crt")
    with serve(FakeKubernetes(), context) as fake:
        fake.job("train")
        jobs = configs(fake, tmp_path, train=JOB)
        unknown = kubernetes.make_driver(jobs, {}, tmp_path)
        with pytest.raises(UnreachableError):
            unknown.observe({})
        unknown.close()
        assert fake.requests == []
        fake.kubeconfig(tmp_path / "kubeconfig", ca="ca.crt")
        known = kubernetes.make_driver(jobs, {}, tmp_path)
        assert known.observe({})["train"].state is JobState.RUNNING
        known.close()


def spec_of(fake: FakeKubernetes, folder: Path, **keys: Any) -> KubernetesSpec:
    [job] = configs(fake, folder, one=keys)
    assert isinstance(job.spec, KubernetesSpec)
    return job.spec


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"namespace": "ml"}, "job"),
        ({**JOB, "label": "a=b"}, "job"),
        ({"job": "train"}, "namespace"),
        ({**JOB, "namespace": "ML"}, "namespace"),
        ({**JOB, "namespace": "a/b"}, "namespace"),
        ({**JOB, "job": "../secrets/x"}, "job"),
        ({**JOB, "job": "Train"}, "job"),
        ({**JOB, "job": "a" * 254}, "job"),
        ({**JOB, "job": ""}, "job"),
        ({"namespace": "ml", "label": " "}, "label"),
        ({"namespace": "ml", "label": "a=b&limit=1"}, "label"),
        ({"namespace": "ml", "label": "a in ()x"}, "label"),
        ({"namespace": "ml", "workloads": "a==b,"}, "workloads"),
        ({"cluster_queue": "gpus", "namespace": "ml"}, "namespace"),
        ({**QUEUE, "drain": "yes"}, "drain"),
        ({**JOB, "drain": True}, "drain"),
        ({**GROUP, "progress": {"file": "p"}}, "progress"),
        ({**JOB, "checkpoint": {"signal": "USR1"}}, "signal"),
        ({**JOB, "after_max_pause": "free"}, "after_max_pause"),
        ({**JOB, "kubeconfig": "missing"}, "kubeconfig"),
        ({**JOB, "context": "missing"}, "kubeconfig"),
    ],
)
def test_wrong_config_is_named(
    fake: FakeKubernetes, tmp_path: Path, keys: dict[str, Any], key: str
) -> None:
    with pytest.raises(UsageError, match=key):
        spec_of(fake, tmp_path, **keys)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a: [secret",
        "secret",
        "clusters: 1\ncontexts: 2\n",
        '{"clusters": [], "contexts": [{"name": "c"}], "current-context": "c"}',
        '{"clusters": [{"name": "c", "cluster": {"server": "secret"}}], "contexts": '
        '[{"name": "c", "context": {"cluster": "c", "user": "u"}}], "current-context": "c"}',
        '{"clusters": [], "users": [], "contexts": '
        '[{"name": "c", "context": {"cluster": "secret", "user": "u"}}], "current-context": "c"}',
    ],
)
def test_kubeconfig_that_is_none_is_refused_without_its_contents(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "broken").write_text(content)
    table = Table({"id": "one", "kind": "kubernetes", "kubeconfig": "broken", **JOB})
    with pytest.raises(UsageError, match="kubeconfig") as raised:
        read_jobs([table], tmp_path, READERS)
    assert "secret" not in str(raised.value)


def test_kubeconfig_that_runs_a_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exec").write_text(
        '{"clusters": [{"name": "c", "cluster": {"server": "https://localhost"}}], "users": '
        '[{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", '
        '"command": "aws"}}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": '
        '"u"}}], "current-context": "c"}'
    )
    table = Table({"id": "one", "kind": "kubernetes", "kubeconfig": "exec", **JOB})
    with pytest.raises(UsageError, match="make one with a token"):
        read_jobs([table], tmp_path, READERS)


def test_only_a_queue_on_hold_can_free_the_gpu_later(fake: FakeKubernetes, tmp_path: Path) -> None:
    assert spec_of(fake, tmp_path, **QUEUE, after_max_pause="free").can_free is True
    assert spec_of(fake, tmp_path, **QUEUE, drain=True).can_free is False
    assert spec_of(fake, tmp_path, **JOB).can_free is False


@pytest.mark.parametrize(
    "selector",
    ["gpu-heat=flex", "a==b, c!=d", "team in (a, b),!fixed", "x.y/z notin (1)", "flex", "a="],
)
def test_selectors_of_kubernetes_are_taken(
    fake: FakeKubernetes, tmp_path: Path, selector: str
) -> None:
    spec = spec_of(fake, tmp_path, namespace="ml", label=selector)
    assert (spec.selector, spec.group) == (selector, True)


_word = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?", fullmatch=True)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(_word, st.sampled_from(["=", "==", "!="]), _word).map("".join),
            st.tuples(_word, st.sampled_from([" in ", " notin "]), st.lists(_word, min_size=1)).map(
                lambda parts: f"{parts[0]}{parts[1]}({','.join(parts[2])})"
            ),
            _word,
            _word.map("!{}".format),
        ),
        min_size=1,
        max_size=4,
    ).map(", ".join)
)
def test_every_selector_that_is_built_by_the_rules_is_taken(selector: str) -> None:
    assert is_selector(selector)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text()))
def test_plan_that_is_none_is_harmless(document: JsonObject) -> None:
    driver = KubernetesDriver({})
    try:
        assert driver.resume({"job": document}) == {}
    finally:
        driver.close()


def test_kind_names_its_extra() -> None:
    assert KINDS["kubernetes"].extra == "kubernetes"
