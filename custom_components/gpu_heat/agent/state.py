"""What the agent remembers between two runs, and how that is written down. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
import json
import math
from typing import TypeAlias
import uuid

from .energy import EnergyMeter, HostMeter
from .models import EnergyOrigin

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JsonObject: TypeAlias = dict[str, Json]

STATE_VERSION = 1


class StateError(ValueError):
    """A document is not a state that this version can read."""


class Stage(StrEnum):
    """How far a pause has come."""

    CHECKPOINT = "checkpoint"
    """The job writes down what it has; nothing has been stopped."""
    ASKED = "asked"
    """The engine has been asked, or was about to be."""
    HELD = "held"
    """The engine has said that the job is paused."""
    LET_GO = "let_go"
    """The job runs while no agent does; the next one takes the pause up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause that we made, on both clocks; `undo` is what the driver of `kind` needs to end it.

    `began_at_s` and `began_steady_s` are when it began, whatever became of its lease since.
    `of_group` tells that it came with the pause of its job's group; `free`, that the job has let
    go of its GPU. `exempt` are the jobs of a group that are to run although the group waits.
    """

    kind: str
    reason: str
    lease_s: float
    expires_at_s: float
    steady_deadline_s: float
    boot_id: str
    began_at_s: float
    began_steady_s: float
    undo: JsonObject
    stage: Stage
    of_group: bool = False
    free: bool = False
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What is known of one job: its driver's own memory, and our pause."""

    memory: JsonObject = field(default_factory=dict)
    pause: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who a device is, for when it does not say so itself."""

    name: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that must survive; `agent_id` is new whenever the meters start anew.

    `found_limits_w` are the power limits, in W, that devices had before we set others.
    """

    agent_id: str
    meters: Mapping[str, EnergyMeter] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    host: HostMeter = field(default_factory=HostMeter)
    jobs: Mapping[str, JobRecord] = field(default_factory=dict)
    found_limits_w: Mapping[str, float] = field(default_factory=dict)


def new_state() -> State:
    """Return the state of an agent that starts for the first time."""
    return State(agent_id=str(uuid.uuid4()))


def dump_state(state: State) -> str:
    """Return the state as a JSON document."""
    return json.dumps({"version": STATE_VERSION, **asdict(state)}, allow_nan=False)


def parse_state(text: str) -> State:
    """Read what `dump_state` wrote. Raises StateError."""
    try:
        document = json.loads(text)
        if document["version"] != STATE_VERSION:
            raise StateError(f"version {document['version']} is not {STATE_VERSION}")
        state = State(
            agent_id=str(uuid.UUID(document["agent_id"])),
            meters={key: meter_from_json(item) for key, item in document["meters"].items()},
            seen={key: _seen(item) for key, item in document.get("seen", {}).items()},
            host=_host(document["host"]),
            jobs={key: _job(item) for key, item in document["jobs"].items()},
            found_limits_w={k: _number(v) for k, v in document["found_limits_w"].items()},
        )
        dump_state(state)  # nesting that can be read may still be too deep to be written
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as err:
        raise StateError(f"not a state of this agent: {err!r}") from err
    except RecursionError as err:
        raise StateError("nested too deeply") from err
    return state


def meter_from_json(document: Mapping[str, object]) -> EnergyMeter:
    """Read what `asdict` made of a meter. Raises KeyError, TypeError, ValueError."""
    return EnergyMeter(
        total_j=_number(document["total_j"]),
        origin=EnergyOrigin(str(document["origin"])),
        counter_j=_optional(document["counter_j"]),
        counted_at_s=_optional(document["counted_at_s"]),
        power_w=_optional(document["power_w"]),
        powered_at_s=_optional(document["powered_at_s"]),
        provisional_j=_number(document.get("provisional_j", 0.0)),
    )


def _host(document: Mapping[str, Mapping[str, object]]) -> HostMeter:
    """Read the machine's meter; earlier versions had but one way to find its power."""
    fresh = asdict(EnergyMeter())
    return HostMeter(
        total_j=_number(document["total_j"]),
        base=meter_from_json(document["base"]),
        processors=meter_from_json(document.get("processors", fresh)),
        wall=meter_from_json(document.get("wall", fresh)),
    )


def _seen(document: Mapping[str, object]) -> Seen:
    return Seen(name=str(document["name"]), index=int(_number(document["index"])))


def _job(document: Mapping[str, object]) -> JobRecord:
    memory, pause = document["memory"], document["pause"]
    return JobRecord(
        memory=_object(memory), pause=None if pause is None else _pause(_object(pause))
    )


def _pause(document: JsonObject) -> Pause:
    """Read a pause; those of earlier versions had no stages, and began when their lease did."""
    lease_s = _number(document["lease_s"])
    expires_at_s = _number(document["expires_at_s"])
    steady_deadline_s = _number(document["steady_deadline_s"])
    undo = _object(document["undo"])
    return Pause(
        kind=str(document["kind"]),
        reason=str(document["reason"]),
        lease_s=lease_s,
        expires_at_s=expires_at_s,
        steady_deadline_s=steady_deadline_s,
        boot_id=str(document["boot_id"]),
        began_at_s=_number(document.get("began_at_s", expires_at_s - lease_s)),
        began_steady_s=_number(document.get("began_steady_s", steady_deadline_s - lease_s)),
        undo=undo,
        stage=Stage(str(document.get("stage", Stage.HELD if undo else Stage.LET_GO))),
        of_group=document.get("of_group") is True,
        free=document.get("free") is True,
        exempt=_strings(document.get("exempt", [])),
    )


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise StateError(f"{value!r} is not a list")
    return tuple(str(item) for item in value)


def _object(value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise StateError(f"{value!r} is not an object")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise StateError(f"{value!r} is not a number")
    return float(value)


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)
