"""A unit as systemd describes it, and what a job made of it is doing. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..models import JobState
from ..state import JsonObject
from .driver import STANDS_STILL, STARTS_ANEW, JobView
from .systemd_spec import Manager, Verb

_DOWN = frozenset({"inactive", "failed"})
_UP = frozenset({"active", "activating", "reloading", "refreshing"})
_FROZEN = frozenset({"frozen", "frozen-by-parent"})
_FROZEN_ITSELF = frozenset({"frozen", "freezing"})
_STARTS = frozenset({"start", "restart", "try-restart", "reload-or-start"})
_INFINITY_US = 2**64 - 1
_STOPS = frozenset({"stop", "restart", "try-restart"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit; times are µs of the monotonic clock, 0 where it never came to that.

    `invocation` is the id of its last run in hex, empty if systemd keeps none. `stops_along`
    are the units that systemd stops with it. `job_type` is what systemd is about to do to it.
    """

    name: str
    path: str
    names: frozenset[str] = frozenset()
    load_state: str = ""
    active_state: str = ""
    sub_state: str = ""
    freezer_state: str | None = None
    can_freeze: bool = True
    can_start: bool = True
    can_stop: bool = True
    transient: bool = False
    invocation: str = ""
    inactive_exit_us: int = 0
    active_exit_us: int = 0
    main_exit_us: int = 0
    watchdog_us: int = 0
    job_path: str | None = None
    job_type: str = ""
    stops_along: frozenset[str] = frozenset()

    def with_job(self, job_type: str | None) -> "Unit":
        """Return it with the type of its job, or without the job if that has gone."""
        path = None if job_type is None else self.job_path
        return replace(self, job_path=path, job_type=job_type or "")

    def with_main_exit(self, main_exit_us: int) -> "Unit":
        """Return it with the time at which its main process ended."""
        return replace(self, main_exit_us=main_exit_us)

    def with_watchdog(self, watchdog_us: int) -> "Unit":
        """Return it with the time after which systemd ends it if it gives no sign of life."""
        return replace(self, watchdog_us=watchdog_us)

    @property
    def down(self) -> bool:
        """Whether nothing of it runs."""
        return self.active_state in _DOWN

    @property
    def frozen_itself(self) -> bool:
        """Whether it is or soon will be frozen, and not only by a slice around it."""
        return self.freezer_state in _FROZEN_ITSELF

    @property
    def ended_by_itself(self) -> bool:
        """Whether it is sure that its main process had gone before systemd began to stop it."""
        was_active = self.active_exit_us > self.inactive_exit_us
        return was_active and 0 < self.main_exit_us <= self.active_exit_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to undo a pause: what was done to which run of which unit."""

    verb: Verb
    manager: Manager
    unit: str
    invocation: str

    def to_json(self) -> JsonObject:
        """Return it as the state file has it."""
        return {
            "verb": self.verb.value,
            "manager": self.manager.value,
            "unit": self.unit,
            "invocation": self.invocation,
        }

    @staticmethod
    def from_json(undo: JsonObject) -> "Plan | None":
        """Return the plan, None if nothing is to be undone."""
        unit, invocation = undo.get("unit"), undo.get("invocation")
        if not isinstance(unit, str) or not isinstance(invocation, str):
            return None
        try:
            verb, manager = Verb(str(undo.get("verb"))), Manager(str(undo.get("manager")))
        except ValueError:
            return None
        return Plan(verb=verb, manager=manager, unit=unit, invocation=invocation)

    def stopped(self, unit: Unit) -> bool:
        """Return whether the unit is down, or on its way, because we stopped it.

        A run that systemd has forgotten counts as ours: rather once too often than never.
        """
        if self.verb is not Verb.STOP or self.unit != unit.name:
            return False
        if unit.ended_by_itself:
            return False
        if unit.down:
            return unit.invocation in {"", self.invocation}
        stopping = unit.active_state == "deactivating" or unit.job_type == "stop"
        return stopping and unit.invocation == self.invocation

    def froze(self, unit: Unit) -> bool:
        """Return whether the unit is frozen, or on its way, because we froze it.

        systemd may call one frozen that was killed there; of that nothing is left to thaw.
        """
        same = self.unit == unit.name and self.invocation == unit.invocation
        return self.verb is Verb.FREEZE and same and unit.frozen_itself and not unit.down


def obstacle(unit: Unit, verb: Verb) -> str | None:
    """Return why a unit cannot be paused so now, None if it can."""
    if unit.load_state in {"not-found", "bad-setting", "error"}:
        return f"systemd cannot load it ({unit.load_state})"
    if unit.active_state not in _UP or unit.sub_state == "exited":
        return f"it does not run, it is {unit.active_state} ({unit.sub_state})"
    if unit.freezer_state not in {None, "running"}:
        return f"someone else froze it, or its slice: it is {unit.freezer_state}"
    if unit.job_type in _STOPS:
        return "someone else is stopping it"
    if unit.sub_state.startswith("auto-restart"):
        return "it has ended, and systemd is about to start it again"
    return _freeze_obstacle(unit) if verb is Verb.FREEZE else _stop_obstacle(unit)


def _freeze_obstacle(unit: Unit) -> str | None:
    if unit.freezer_state is None:
        return "systemd has to be 246 or newer to freeze units"
    if not unit.can_freeze:
        return 'systemd says that it cannot be frozen; pause = "stop" may do'
    if unit.active_state != "active":
        return f'systemd freezes no unit that is {unit.active_state}; pause = "stop" may do'
    if unit.job_path is not None:
        return "systemd is at work on it"
    if 0 < unit.watchdog_us < _INFINITY_US:
        return 'its WatchdogSec= would end it in the freezer; pause = "stop" may do'
    return None


def _stop_obstacle(unit: Unit) -> str | None:
    if not unit.name.endswith(".service"):
        return "only a service can be started again"
    if unit.transient:
        return "it was made by systemd-run, and would be gone"
    if not unit.can_stop or not unit.can_start:
        return "its unit file refuses to be stopped and started by hand"
    return None


def view(unit: Unit, plan: Plan | None, verb: Verb, *, touchable: bool, grouped: bool) -> JobView:
    """Return the job that a unit is; `plan` is our pause of it, `verb` what a pause would do."""
    state = _state(unit, plan)
    done = verb if plan is None or plan.unit != unit.name else plan.verb
    hindered = obstacle(unit, verb)
    return JobView(
        state=state,
        can_pause=touchable and state is JobState.RUNNING and hindered is None,
        obstacle=hindered if state is JobState.RUNNING else None,
        effect=STANDS_STILL if done is Verb.FREEZE else STARTS_ANEW,
        name=unit.name if grouped else None,
    )


def _state(unit: Unit, plan: Plan | None) -> JobState:
    if unit.down:
        if unit.job_type in _STARTS:
            return JobState.QUEUED
        if plan is not None and plan.stopped(unit):
            return JobState.PAUSED
        if unit.load_state in {"not-found", "bad-setting", "error"}:
            return JobState.UNKNOWN
        return JobState.FAILED if unit.active_state == "failed" else JobState.FINISHED
    if unit.sub_state == "exited":  # nothing runs, but systemd keeps it up: RemainAfterExit=
        return JobState.FINISHED
    if unit.freezer_state in _FROZEN:
        return JobState.PAUSED
    if unit.active_state in _UP or unit.active_state == "deactivating":
        return JobState.RUNNING
    return JobState.UNKNOWN


def unit_from(path: str, properties: Mapping[str, object]) -> Unit:
    """Return a unit from the properties of `org.freedesktop.systemd1.Unit`."""
    job = properties.get("Job")
    job_id, job_path = job if isinstance(job, list | tuple) and len(job) == 2 else (0, None)
    return Unit(
        name=_text(properties, "Id"),
        path=path,
        names=frozenset(_texts(properties, "Names")),
        load_state=_text(properties, "LoadState"),
        active_state=_text(properties, "ActiveState"),
        sub_state=_text(properties, "SubState"),
        freezer_state=_text(properties, "FreezerState") or None,
        can_freeze=properties.get("CanFreeze") is not False,
        can_start=properties.get("CanStart") is not False,
        can_stop=properties.get("CanStop") is not False,
        transient=properties.get("Transient") is True,
        invocation=_hex(properties.get("InvocationID")),
        inactive_exit_us=_number(properties, "InactiveExitTimestampMonotonic"),
        active_exit_us=_number(properties, "ActiveExitTimestampMonotonic"),
        job_path=job_path if job_id and isinstance(job_path, str) else None,
        stops_along=frozenset(name for key in _STOPPED_ALONG for name in _texts(properties, key)),
    )


_STOPPED_ALONG = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo")


def _text(properties: Mapping[str, object], key: str) -> str:
    value = properties.get(key)
    return value if isinstance(value, str) else ""


def _texts(properties: Mapping[str, object], key: str) -> Iterable[str]:
    value = properties.get(key)
    return (item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _number(properties: Mapping[str, object], key: str) -> int:
    value = properties.get(key)
    return value if isinstance(value, int) else 0


def _hex(value: object) -> str:
    """Return an id, which systemd leaves empty or zero where there is none."""
    raw = bytes(value) if isinstance(value, bytes | bytearray | list) else b""
    return raw.hex() if any(raw) else ""
