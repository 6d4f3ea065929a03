"""The process table and signals."""

from collections.abc import Callable, Generator
import errno
import os
from pathlib import Path
import resource
import signal
import subprocess

import pytest

from gpu_heat_agent.clock import boot_id, read_clock
from gpu_heat_agent.engines import processes
from gpu_heat_agent.engines.process_tree import Tree
from gpu_heat_agent.engines.processes import (
    Identity,
    Row,
    ancestors,
    find,
    has_variable,
    identify,
    identity_from_json,
    scan,
    send,
    send_all,
)
from gpu_heat_agent.errors import ConflictError, UnreachableError

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def test_table_says_who_belongs_to_whom(spawn: Spawn) -> None:
    pid = spawn("sleep", "600").pid
    row = scan()[pid]
    assert (row.parent, row.group, row.session) == (os.getpid(), pid, pid)
    assert (row.stopped, row.zombie) == (False, False)


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


@pytest.fixture
def no_descriptors() -> Generator[None]:
    """Let this process open nothing more, as a flood of connections does."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("no_descriptors")
@pytest.mark.parametrize(
    "act",
    [
        scan,
        lambda: identify(os.getpid()),
        lambda: has_variable(os.getpid(), "A", "B"),
        lambda: send(Identity(pid=os.getpid(), start="0", boot_id="b"), signal.SIGCONT),
    ],
)
def test_want_of_descriptors_is_not_taken_for_want_of_processes(act: Callable[[], object]) -> None:
    with pytest.raises(UnreachableError, match="cannot be seen: Too many open files"):
        act()


def test_process_that_refuses_a_signal_does_not_keep_it_from_others(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing, process = spawn("sleep", "600"), spawn("sleep", "600")
    rows, real = scan(), processes.send

    def refuse(identity: Identity, signum: signal.Signals) -> bool:
        if identity.pid == refusing.pid:
            raise PermissionError(errno.EPERM, "refused")
        return real(identity, signum)

    monkeypatch.setattr(processes, "send", refuse)
    with pytest.raises(ConflictError, match=f"process {refusing.pid} belongs to another user"):
        send_all([rows[refusing.pid], rows[process.pid]], signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL


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


def test_pause_that_is_renewed_knows_what_it_had_stopped() -> None:
    rows = table(row(10, 1, 10), row(11, 10, 10), row(12, 10, 10, stopped=True))
    tree = Tree(root=rows[10].identity, session=True)
    before = tree.with_stopped(rows)
    later = {**rows, 11: row(11, 10, 10, stopped=True), 20: row(20, 1, 20, stopped=True)}
    again = tree.with_members([later[20]]).with_stopped(later, before)
    assert [member.pid for member in again.members] == [10, 20, 11, 12]
    assert [member.pid for member in again.already] == [20, 12]


def test_pause_that_is_renewed_on_another_root_keeps_hold_of_the_first() -> None:
    old, new = table(row(10, 1, 10)), table(row(10, 1, 10, stopped=True), row(20, 1, 20))
    before = Tree(root=old[10].identity, session=True).with_stopped(old)
    tree = Tree(root=new[20].identity, session=True).with_stopped(new, before)
    assert [member.pid for member in tree.stopped_by_us(new)] == [10]


def test_ancestors_end_at_the_first_process() -> None:
    assert ancestors(table(row(1, 0, 1), row(10, 1, 10), row(11, 10, 10)), 11) == {11, 10, 1}


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
