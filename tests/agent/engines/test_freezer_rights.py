"""What may be frozen: by a tree of files in the place of /proc, and as a plain user."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import pickle
import resource
import shutil
import subprocess
import tempfile
from typing import Any

import pytest

from gpu_heat_agent.engines.cgroups import Cgroup, cgroup_at, cgroup_from_json
from gpu_heat_agent.engines.freezer import Freezer, move
from gpu_heat_agent.engines.process import ProcessDriver
from gpu_heat_agent.engines.process_spec import OnStop, ProcessSpec
from gpu_heat_agent.engines.processes import Identity, Row
from gpu_heat_agent.errors import ConflictError, UnreachableError
from gpu_heat_agent.models import JobState

from ..cgroups import own_cgroup, stands_still
from ..parts import Clock
from .one_job import SLEEP, Run, command, inside, pidfile, wait_for

Spawn = Callable[..., "subprocess.Popen[bytes]"]

NOBODY = 65534

# pytest's plugins have threads, none of which holds what the child of a fork needs here.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@pytest.fixture
def cgroup() -> Generator[Cgroup]:
    with own_cgroup() as made:
        yield made


class Files:
    """A /proc with processes in cgroups that are plain folders."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.root = folder / "proc", folder / "cg roup"
        (self.proc / "self").mkdir(parents=True)
        mount = str(self.root).replace(" ", "\\040")
        self.mountinfo(
            "25 30 0:23 / /sys rw - sysfs sysfs rw",
            f"26 25 0:24 / {mount} rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate",
        )
        self.process("self", "/agent.service")

    def mountinfo(self, *lines: str) -> None:
        (self.proc / "self" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))

    def process(self, pid: int | str, cgroup: str) -> Row:
        (self.proc / str(pid)).mkdir(exist_ok=True)
        (self.proc / str(pid) / "cgroup").write_text(f"4:memory:/x\n0::{cgroup}\n")
        folder = self.root / cgroup.lstrip("/")
        if ".." not in cgroup:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in (("freeze", "0\n"), ("events", "populated 1\nfrozen 0\n")):
                (folder / f"cgroup.{name}").write_text(text)
            if pid != "self":
                with (folder / "cgroup.procs").open("a") as file:
                    file.write(f"{pid}\n")
        return self.row(pid if isinstance(pid, int) else 0)

    @staticmethod
    def row(pid: int) -> Row:
        identity = Identity(pid=pid, start="1", boot_id="b")
        return Row(identity=identity, parent=1, group=pid, session=pid, stopped=False, zombie=False)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_processes_of_one_cgroup_may_be_frozen(files: Files) -> None:
    rows = [files.process(2_000_000_001, "/job"), files.process(2_000_000_002, "/job/deeper")]
    found = Freezer(files.proc).apart(rows)
    assert found is not None
    assert found.path == files.root / "job"


@pytest.mark.parametrize(
    "cgroup", ["/", "/agent.service", "/outer", "/../other.slice/job", "/job (deleted)"]
)
def test_root_and_what_the_agent_is_in_are_never_frozen(files: Files, cgroup: str) -> None:
    row = files.process(2_000_000_001, cgroup)
    if cgroup == "/outer":
        files.process("self", "/outer/agent.service")
    if "deleted" in cgroup:
        shutil.rmtree(files.root / cgroup.lstrip("/"))
    assert Freezer(files.proc).apart([row]) is None


def test_processes_of_two_cgroups_of_the_root_are_not_frozen(files: Files) -> None:
    rows = [files.process(2_000_000_001, "/one"), files.process(2_000_000_002, "/two")]
    assert Freezer(files.proc).apart(rows) is None


@pytest.mark.parametrize("line", ["0", str(os.getpid())], ids=["hidden", "ours"])
def test_process_that_is_hidden_or_not_of_the_job_forbids_freezing(files: Files, line: str) -> None:
    row = files.process(2_000_000_001, "/job")
    with (files.root / "job" / "cgroup.procs").open("a") as file:
        file.write(f"{line}\n")
    assert Freezer(files.proc).apart([row]) is None


def test_cgroup_whose_processes_cannot_be_told_is_not_frozen(files: Files) -> None:
    row = files.process(2_000_000_001, "/job")
    (files.root / "job" / "threads" / "cgroup.procs").mkdir(parents=True)
    assert Freezer(files.proc).apart([row]) is None


def test_cgroup_without_a_freezer_is_not_frozen(files: Files) -> None:
    row = files.process(2_000_000_001, "/job")
    (files.root / "job" / "cgroup.freeze").unlink()
    assert Freezer(files.proc).apart([row]) is None


def test_container_sees_its_own_part_of_the_cgroups(files: Files) -> None:
    (files.root / "job").mkdir(parents=True)
    mount = str(files.root).replace(" ", "\\040")
    files.mountinfo(f"26 25 0:24 /docker/abc {mount} rw - cgroup2 cgroup rw")
    (files.proc / "self" / "cgroup").write_text("0::/docker/abc/agent\n")
    assert Freezer(files.proc).folder_of() == files.root / "agent"
    (files.proc / "self" / "cgroup").write_text("0::/docker/abcd\n")
    assert Freezer(files.proc).folder_of() is None


@pytest.mark.parametrize("lines", [(), ("26 25 0:24 / /sys/fs/cgroup rw - tmpfs tmpfs rw", "x")])
def test_where_there_are_no_cgroups_of_version_2_nothing_is_frozen(
    files: Files, lines: tuple[str, ...]
) -> None:
    row = files.process(2_000_000_001, "/job")
    files.mountinfo(*lines)
    freezer = Freezer(files.proc)
    assert (freezer.folder_of(), freezer.make("x"), freezer.apart([row])) == (None, None, None)
    assert list(freezer.moving([row])) == [row]


def test_system_without_proc_has_nothing_to_freeze(tmp_path: Path) -> None:
    assert Freezer(tmp_path / "none").folder_of() is None


def test_without_a_freezer_a_command_is_paused_by_signals(
    files: Files, tmp_path: Path, spawn: Spawn
) -> None:
    files.mountinfo()
    spec = command(on_stop=OnStop.TERMINATE)
    driver = ProcessDriver({"job": spec}, {}, tmp_path, Freezer(files.proc))
    driver.start("job")
    try:
        undo = driver.plan_pause("job", {})
        assert (undo["by"], driver.memory("job")["cgroup"]) == ("signals", None)
        assert not driver.pause({"job": undo})
        assert driver.observe({})["job"].state is JobState.PAUSED
        assert not driver.resume({"job": undo})
        wait_for(lambda: driver.observe({})["job"].state is JobState.RUNNING)
    finally:
        driver.stop("job")


@contextmanager
def nobodys_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def as_nobody(act: Callable[[], Any], cgroup: Cgroup | None = None) -> Any:
    """Return what `act` returns in a process of a user without rights, perhaps in a cgroup."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if cgroup is not None:
                cgroup.take(os.getpid())
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, pickle.dumps(act()))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read()
    os.waitpid(pid, 0)
    return pickle.loads(answer)


def paused_and_resumed(folder: Path) -> Any:
    """Start, pause, resume and end a job; return how it was paused and what was seen."""
    run = Run(folder, Clock(), command(on_stop=OnStop.TERMINATE))
    paused, by = run.pause().state, run.undo["by"]
    still, running = stands_still(run.pid), run.book.resume("job").state
    left = cgroup_from_json(run.memory["cgroup"])
    run.book.stop()
    gone = left is None or cgroup_at(left.path) is None
    return by, paused, still, running, gone


def test_plain_user_without_a_cgroup_of_its_own_pauses_by_signals() -> None:
    with nobodys_folder() as folder:
        seen = as_nobody(lambda: paused_and_resumed(folder))
    assert seen == ("signals", JobState.PAUSED, True, JobState.RUNNING, True)


def test_plain_user_to_whom_a_cgroup_was_delegated_freezes(cgroup: Cgroup) -> None:
    for path in (cgroup.path, *(cgroup.path / f"cgroup.{it}" for it in ("procs", "threads"))):
        os.chown(path, NOBODY, NOBODY)  # as systemd does for Delegate=yes
    with nobodys_folder() as folder:
        seen = as_nobody(lambda: paused_and_resumed(folder), cgroup)
    assert seen == ("freezer", JobState.PAUSED, True, JobState.RUNNING, True)


@pytest.mark.parametrize("granted", [False, True])
def test_job_of_another_user_can_be_paused_where_its_cgroup_may_be_frozen(
    spawn: Spawn, cgroup: Cgroup, granted: bool
) -> None:
    pid = inside(cgroup, spawn(*SLEEP))
    if granted:
        os.chown(cgroup.path / "cgroup.freeze", NOBODY, NOBODY)

    def seen() -> Any:
        run = Run(folder / "state", Clock(), ProcessSpec(pidfile=folder / "job.pid"))
        can_pause = run.job().can_pause
        return (
            (can_pause, run.pause().state, run.book.resume("job").state) if granted else can_pause
        )

    with nobodys_folder() as folder:
        pidfile(folder, pid)
        answer = as_nobody(seen)
    assert answer == ((True, JobState.PAUSED, JobState.RUNNING) if granted else False)


def test_cgroup_that_may_not_be_written_says_so(cgroup: Cgroup) -> None:
    def refused() -> list[str]:
        said = []
        for act in (cgroup.freeze, cgroup.thaw, lambda: cgroup.take(1)):
            try:
                act()
            except ConflictError as err:
                said.append(str(err))
        return [*said, str(cgroup.writable())]

    path = f"{cgroup.path}/cgroup"
    assert as_nobody(refused) == [
        f"{path}.freeze: Permission denied",
        f"{path}.freeze: Permission denied",
        f"{path}.procs: Permission denied",
        "False",
    ]


def test_process_that_cannot_be_moved_says_so(cgroup: Cgroup) -> None:
    with pytest.raises(UnreachableError, match=r"cgroup\.procs: No such process"):
        cgroup.take(2**22 + 1)
    assert not move(cgroup, 2**22 + 1)


def test_want_of_descriptors_is_not_taken_for_a_cgroup_that_is_not_frozen(cgroup: Cgroup) -> None:
    freezer, limits = Freezer(), resource.getrlimit(resource.RLIMIT_NOFILE)
    row = Files.row(os.getpid())
    acts: list[Callable[[], object]] = [
        cgroup.frozen,
        cgroup.thaw,
        freezer.folder_of,
        lambda: list(freezer.moving([row])),
    ]
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        for act in acts:
            with pytest.raises(UnreachableError, match="cannot be seen: Too many open files"):
                act()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
