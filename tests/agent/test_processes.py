"""The process table and signals."""

from collections.abc import Callable
import errno
import os
from pathlib import Path
import signal
import subprocess

import pytest

from gpu_heat_agent import processes
from gpu_heat_agent.clock import boot_id, read_clock
from gpu_heat_agent.process_tree import Tree
from gpu_heat_agent.processes import (
    Identity,
    Row,
    find,
    identify,
    identity_from_json,
    scan,
    scan_proc,
    scan_psutil,
    send,
)

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def no_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without /proc and file descriptors of processes."""
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.delattr(os, "pidfd_open")


def test_both_ways_to_read_the_table_agree(spawn: Spawn) -> None:
    pid = spawn("sleep", "600").pid
    ours, general = scan_proc()[pid], scan_psutil()[pid]
    assert (ours.parent, ours.group, ours.session) == (os.getpid(), pid, pid)
    assert (general.parent, general.group, general.session) == (os.getpid(), pid, pid)
    assert not ours.stopped
    assert not general.zombie


def test_table_without_proc_tells_who_is_stopped(spawn: Spawn, no_proc: None) -> None:
    pid = spawn("sleep", "600").pid
    identity = identify(pid)
    assert identity is not None
    assert send(identity, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    assert scan()[pid].stopped
    assert send(identity, signal.SIGCONT)


def test_signal_does_not_reach_the_next_owner_of_a_pid(spawn: Spawn) -> None:
    process = spawn("sleep", "600")
    stranger = Identity(pid=process.pid, start="0", boot_id=boot_id())
    assert not send(stranger, signal.SIGKILL)
    assert process.poll() is None


def test_signal_to_a_process_that_is_gone_is_not_sent(spawn: Spawn) -> None:
    process = spawn("true")
    identity = identify(process.pid)
    process.wait(10)
    assert identity is not None
    assert not send(identity, signal.SIGKILL)


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM])
def test_system_that_offers_no_descriptor_of_a_process_still_signals(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(_: int) -> int:
        raise OSError(error, "refused")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    process = spawn("sleep", "600")
    identity = identify(process.pid)
    assert identity is not None
    assert send(identity, signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL


def test_other_errors_are_not_hidden(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    identity = identify(spawn("sleep", "600").pid)
    assert identity is not None
    with pytest.raises(OSError, match="too many"):
        send(identity, signal.SIGKILL)


def test_identity_is_read_as_it_was_written() -> None:
    identity = Identity(pid=42, start="7", boot_id="b")
    assert identity_from_json(identity.to_json()) == identity
    for document in (None, {}, {"pid": 1, "start": "7", "boot_id": "b"}, {"pid": "42"}):
        assert identity_from_json(document) is None


def row(pid: int, parent: int, session: int, *, stopped: bool = False) -> Row:
    identity = Identity(pid=pid, start="1", boot_id="b")
    return Row(
        identity=identity,
        parent=parent,
        group=session,
        session=session,
        stopped=stopped,
        zombie=False,
    )


def table(*rows: Row) -> dict[int, Row]:
    return {row.pid: row for row in rows}


def test_tree_holds_descendants_in_other_sessions_and_orphans_of_its_own() -> None:
    rows = table(row(10, 1, 10), row(11, 10, 11), row(12, 11, 11), row(13, 1, 10), row(20, 1, 20))
    tree = Tree(root=rows[10].identity, session=True)
    assert [member.pid for member in tree.rows(rows)] == [10, 13, 11, 12]


def test_tree_whose_root_has_ended_is_known_by_its_members() -> None:
    rows = table(row(10, 1, 10), row(11, 10, 10))
    tree = Tree(root=rows[10].identity, session=True).seen(rows)
    later = table(row(11, 1, 10), row(12, 11, 10))
    assert [member.pid for member in tree.rows(later)] == [11, 12]


def test_session_number_in_other_hands_is_not_the_tree() -> None:
    tree = Tree(root=Identity(pid=10, start="0", boot_id="b"), session=True)
    assert tree.rows(table(row(10, 1, 10), row(11, 10, 10))) == []


def test_tree_is_read_as_it_was_written() -> None:
    rows = table(row(10, 1, 10, stopped=True), row(11, 10, 10))
    tree = Tree(root=rows[10].identity, session=True).with_stopped(rows)
    assert Tree.from_json(tree.to_json()) == tree
    assert tree.already == (rows[10].identity,)
    assert Tree.from_json({}) is None
    without_lists = Tree.from_json({"root": rows[10].identity.to_json()})
    assert without_lists == Tree(root=rows[10].identity, session=False)


def test_find_wants_the_very_process() -> None:
    rows = table(row(10, 1, 10))
    assert find(rows, rows[10].identity) is rows[10]
    assert find(rows, None) is None


def test_clock_of_a_system_without_a_boot_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_heat_agent.clock._BOOT_ID", tmp_path / "none")
    assert int(boot_id()) > 0
    assert read_clock().boot_id == boot_id()
