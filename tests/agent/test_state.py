"""The state folder and what is in it."""

from dataclasses import replace
import os
from pathlib import Path

import pytest

from gpu_heat_agent.energy import EnergyMeter, HostMeter
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.models import EnergyOrigin
from gpu_heat_agent.state import (
    JobRecord,
    Pause,
    Stage,
    StateError,
    dump_state,
    new_state,
    parse_state,
)
from gpu_heat_agent.state_dir import StateDir

PAUSE = Pause(
    kind="process",
    reason="warm",
    lease_s=600,
    expires_at_s=1.8e9,
    steady_deadline_s=100,
    boot_id="b",
    began_at_s=1.8e9 - 900,
    began_steady_s=-800,
    undo={"root": None},
    stage=Stage.HELD,
    of_group=True,
    free=True,
    exempt=("train:7",),
)
STATE = replace(
    new_state(),
    meters={"GPU-a": EnergyMeter(total_j=5, origin=EnergyOrigin.COUNTER, counter_j=7)},
    host=HostMeter(total_j=9),
    jobs={"train": JobRecord(memory={"root": 1}, pause=PAUSE), "idle": JobRecord()},
    found_limits_w={"GPU-a": 700},
)


def test_state_is_read_as_it_was_written() -> None:
    assert parse_state(dump_state(STATE)) == STATE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version": 1', '"version": 2'),
        ('"total_j": 5', '"total_j": "5"'),
        ('"total_j": 5', '"total_j": true'),
        ('"total_j": 5', '"total_j": NaN'),
        ('"origin": "counter"', '"origin": "guess"'),
        ('"lease_s"', '"lease"'),
        ('"undo": {"root": null}', '"undo": []'),
        ('"stage": "held"', '"stage": "lost"'),
        ('"exempt": ["train:7"]', '"exempt": 7'),
        ('"meters"', '"meter"'),
        ('"agent_id": "', '"agent_id": "x'),
        ('"jobs": {', '"jobs": 1, "x": {'),
    ],
)
def test_damaged_state_is_refused(old: str, new: str) -> None:
    text = dump_state(STATE)
    assert old in text
    with pytest.raises(StateError):
        parse_state(text.replace(old, new))


def test_store_survives_and_keeps_its_id(tmp_path: Path) -> None:
    store = StateDir(tmp_path).open_store()
    store.update(lambda state: replace(state, meters=STATE.meters))
    again = StateDir(tmp_path).open_store()
    assert again.state == store.state
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_change_that_cannot_be_written_does_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StateDir(tmp_path).open_store()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        store.update(lambda state: replace(state, meters=STATE.meters))
    monkeypatch.undo()
    assert store.state.meters == {}
    assert StateDir(tmp_path).open_store().state == store.state


def test_token_is_made_once_and_is_private(tmp_path: Path) -> None:
    token = StateDir(tmp_path).token()
    assert StateDir(tmp_path).token() == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_token_that_others_could_read_is_private_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = StateDir(tmp_path).token()
    (tmp_path / "token").chmod(0o644)
    assert StateDir(tmp_path).token() == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert "Others could read" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe"])
def test_token_file_without_a_token_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UsageError, match="token"):
        StateDir(tmp_path).token()


def test_folder_is_for_one_agent_at_a_time(tmp_path: Path) -> None:
    first, second = StateDir(tmp_path), StateDir(tmp_path)
    first.lock()
    with pytest.raises(UsageError, match="another agent"):
        second.lock()
    first.unlock()
    first.unlock()
    second.lock()
    second.unlock()


def test_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--state-dir"):
        StateDir(tmp_path / "file" / "state")
    folder = StateDir(tmp_path / "state")
    (folder.path / "lock").mkdir()
    with pytest.raises(UsageError, match="--state-dir"):
        folder.lock()
    (folder.path / "state.json").mkdir()
    with pytest.raises(UsageError, match="--state-dir"):
        folder.open_store()


def test_folder_that_fills_up_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UsageError, match="No space left"):
        StateDir(tmp_path).open_store()


def test_state_that_cannot_be_read_is_set_aside_and_counting_starts_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = StateDir(tmp_path).open_store().state
    (tmp_path / "state.json").write_text('{"version": 1, "agent')
    after = StateDir(tmp_path).open_store().state
    assert after.agent_id != before.agent_id
    [aside] = tmp_path.glob("state.json.corrupt-*")
    assert aside.read_text() == '{"version": 1, "agent'
    assert "set aside" in caplog.text


@pytest.mark.parametrize("depth", [5000, 100_000])
def test_state_that_is_nested_too_deeply_is_set_aside(tmp_path: Path, depth: int) -> None:
    nested = '{"a": ' * depth + "1" + "}" * depth
    text = dump_state(STATE).replace('"memory": {}', f'"memory": {{"x": {nested}}}')
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(StateError):
        parse_state(text)
    assert StateDir(tmp_path).open_store().state.agent_id != STATE.agent_id
    assert len(list(tmp_path.glob("state.json.corrupt-*"))) == 1


def test_number_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(StateError):
        parse_state(dump_state(STATE).replace('"total_j": 9', '"total_j": 1' + "0" * 400))
