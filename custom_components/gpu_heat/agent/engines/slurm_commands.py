"""Slurm's own commands: run with a time limit, their failures told apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
import os
from pathlib import Path
import re
import selectors
import shutil
import subprocess
import time

from ..errors import AgentError, ConflictError, UnreachableError
from ..state import JsonObject

PROGRAMS = ("squeue", "scontrol", "scancel")

TIME_LIMIT_S = 5.0
MAX_OUTPUT = 64 * 1024 * 1024  # some 500,000 jobs
MAX_IDS = 1000

_MAX_TASKS = 10  # as many as scancel has threads
_RETRYING = "retrying"

_STEERING = ("SQUEUE_", "SCANCEL_", "SLURM_CLUSTERS", "SLURM_BITSTR_LEN")
"""Variables of a person's session that would change what a command does or writes."""

_FAILED = re.compile(
    r"^(?:scancel: error: Kill job error on job id (\S+): (.+)|(.+) for job (\S+))$"
)
_FAILED_TASKS = re.compile(r"^(\d+)_[\d,:-]*: (.+)$")
_GONE = re.compile(
    r"invalid job id|already finished|already completing|unexpected message|not suspended",
    re.IGNORECASE,
)
_DENIED = re.compile(r"permission denied|invalid user id", re.IGNORECASE)
_DOWN = re.compile(r"unable to contact|connection refused|timed out|not responding", re.IGNORECASE)


class GoneError(ConflictError):
    """The job has ended, or is not in the state any more that the command is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command that ended has written."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """The first line of what went wrong."""
        lines = self.err.strip().splitlines()
        return lines[0].strip()[:200] if lines else f"exit status {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The commands of one cluster: those of the PATH, or of a folder; perhaps a config of its own.

    Each call raises UnreachableError where Slurm does not answer within the time limit.
    """

    bin_dir: str | None = None
    slurm_conf: str | None = None

    def find(self, program: str) -> str | None:
        """Return the path of a command, None where it is not installed."""
        return shutil.which(program, path=self.bin_dir)

    def run(self, program: str, *args: str, retries: int | None = None) -> Done:
        """Run a command to its end, or until it is about to do so many things once more."""
        path = self.find(program)
        if path is None:
            raise UnreachableError(f"there is no {program}; install Slurm's commands")
        done = _run([path, *args], self._environment(), retries)
        if done.status != 0 and _DOWN.search(done.err):
            raise UnreachableError(f"Slurm's controller does not answer: {done.said}")
        return done

    def scontrol_jobs(self, verb: str, ids: Iterable[str]) -> dict[str, AgentError]:
        """Do one thing to many jobs; return why it failed, by the id that was given."""
        failures: dict[str, AgentError] = {}
        for chunk in _chunks(ids):
            failures |= _failures(self.run("scontrol", verb, ",".join(chunk)), chunk)
        return failures

    def scancel(self, ids: Iterable[str], *options: str) -> dict[str, AgentError]:
        """Signal many jobs; return why it failed, by the id that was given."""
        failures: dict[str, AgentError] = {}
        for chunk in _chunks(ids):
            failures |= _failures(self.run("scancel", *options, *chunk), chunk)
        return failures

    def scancel_tasks(self, ids: Iterable[str], *options: str) -> dict[str, AgentError]:
        """Signal tasks of one array; return why it failed, by the id that was given.

        While others of the array wait, Slurm 22.05 delivers the signal and answers that it was
        too early, which scancel takes as a reason to send it again for over a minute.
        """
        failures: dict[str, AgentError] = {}
        for chunk in _chunks(ids, _MAX_TASKS):
            done = self.run("scancel", "--verbose", *options, *chunk, retries=len(chunk))
            failures |= _failures(done, chunk, all_named=_RETRYING in done.err)
        return failures

    def partition_state(self, partition: str) -> str:
        """Return UP, DOWN, DRAIN or INACTIVE. Raises ConflictError where there is none."""
        done = self.run("scontrol", "--oneliner", "show", "partition", partition)
        if "not found" in done.err + done.out:
            raise GoneError(f'there is no partition "{partition}" any more')
        found = re.search(r"(?:^|\s)State=(\w+)", done.out)
        if done.status != 0 or found is None:
            raise ConflictError(f'Slurm tells no state of partition "{partition}"')
        return found[1]

    def set_partition(self, partition: str, state: str) -> None:
        """Open or close a partition. Raises ConflictError where that is not permitted."""
        done = self.run("scontrol", "update", f"PartitionName={partition}", f"State={state}")
        if done.status != 0:
            raise ConflictError(
                f'partition "{partition}" cannot be set {state}: {done.said}; '
                "that takes an operator of Slurm"
            )

    def is_operator(self) -> bool:
        """Return whether we may suspend everybody's jobs and close partitions."""
        if os.geteuid() == 0:
            return True
        config = self.run("scontrol", "show", "config")
        owner = re.search(r"^SlurmUser\s*=\s*\S+\((\d+)\)", config.out, re.MULTILINE)
        if owner is not None and int(owner[1]) == os.geteuid():
            return True
        if self.find("sacctmgr") is None:
            return False
        where = f"name={_user_name()}"
        level = self.run("sacctmgr", "-nP", "show", "user", where, "format=AdminLevel")
        return level.status == 0 and level.out.strip() in {"Operator", "Administrator"}

    def to_json(self) -> JsonObject:
        """Return what a later run needs to reach the same cluster."""
        both = {"bin_dir": self.bin_dir, "slurm_conf": self.slurm_conf}
        return {key: value for key, value in both.items() if value is not None}

    @classmethod
    def from_json(cls, document: object) -> "Commands":
        """Read what `to_json` returned."""
        given = document if isinstance(document, dict) else {}
        folder, conf = given.get("bin_dir"), given.get("slurm_conf")
        return cls(
            bin_dir=folder if isinstance(folder, str) else None,
            slurm_conf=conf if isinstance(conf, str) else None,
        )

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_STEERING)}
        conf = {} if self.slurm_conf is None else {"SLURM_CONF": self.slurm_conf}
        return {**kept, **conf, "LC_ALL": "C", "SLURM_TIME_FORMAT": "%s"}


def commands_in(bin_dir: Path | None, slurm_conf: Path | None) -> Commands:
    """Return the commands of a folder, None for the PATH."""
    return Commands(
        bin_dir=None if bin_dir is None else str(bin_dir),
        slurm_conf=None if slurm_conf is None else str(slurm_conf),
    )


def _user_name() -> str:
    import pwd  # noqa: PLC0415 - there is none on Windows

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _failures(done: Done, ids: Sequence[str], *, all_named: bool = False) -> dict[str, AgentError]:
    """Return what a command has said of each job that it failed for."""
    if done.status == 0:
        return {}
    failures: dict[str, AgentError] = {}
    understood = False
    for line in done.err.splitlines() + done.out.splitlines():
        if match := _FAILED.match(line.strip()):
            understood = True
            job_id, text = match[1] or match[4], match[2] or match[3]
            if job_id in ids:
                failures[job_id] = _failure(job_id, text)
    of_tasks = [match for line in done.err.splitlines() if (match := _FAILED_TASKS.match(line))]
    for one in ids if of_tasks else ():
        if one.endswith("]"):  # tasks that are over meanwhile keep the rest from nothing
            texts = {match[2] for match in of_tasks if match[1] == one.partition("_")[0]}
            found = [_failure(one, text) for text in sorted(texts - {"No error"})]
            told = [err for err in found if not isinstance(err, GoneError)]
            if told or (found and "No error" not in texts):
                failures[one] = (told or found)[0]
    if not understood and not of_tasks and not all_named:
        return {job_id: _failure(job_id, done.said) for job_id in ids}
    return failures


def _failure(job_id: str, text: str) -> AgentError:
    if _GONE.search(text):
        return GoneError(f"job {job_id} has ended or changed: {text}")
    if _DENIED.search(text):
        return ConflictError(
            f"Slurm does not permit it for job {job_id}: run the agent as the user whose jobs "
            "they are, or as an operator of Slurm"
        )
    return ConflictError(f"job {job_id}: {text[:200]}")


def _chunks(ids: Iterable[str], size: int = MAX_IDS) -> Iterable[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, size)):
        yield chunk


def _run(argv: Sequence[str], env: Mapping[str, str], retries: int | None) -> Done:
    """Run a command with a limit of its time and of what it writes. Raises UnreachableError."""
    try:
        process = subprocess.Popen(  # noqa: S603 - argv of the config and of Slurm's own ids
            argv,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as err:
        raise UnreachableError(f"{argv[0]}: {err.strerror}") from err
    with process:
        try:
            out, err_out = _read(process, retries)
        except UnreachableError:
            process.kill()
            raise
        if retries is not None and _RETRYING.encode() in err_out:
            process.kill()
        return Done(status=process.wait(), out=_text(out), err=_text(err_out))


def _read(process: "subprocess.Popen[bytes]", retries: int | None) -> tuple[bytes, bytes]:
    name = os.path.basename(str(process.args[0]) if isinstance(process.args, list) else "")
    deadline_s = time.monotonic() + TIME_LIMIT_S
    parts: dict[str, list[bytes]] = {"out": [], "err": []}
    size = 0
    with selectors.DefaultSelector() as streams:
        for key, stream in (("out", process.stdout), ("err", process.stderr)):
            if stream is not None:
                streams.register(stream.fileno(), selectors.EVENT_READ, key)
        while streams.get_map():
            left_s = deadline_s - time.monotonic()
            again = b"".join(parts["err"]).count(_RETRYING.encode()) if retries else 0
            if retries and (again >= retries or (again and left_s <= 0)):
                break
            if left_s <= 0:
                raise UnreachableError(f"Slurm did not answer {name} within {TIME_LIMIT_S:g} s")
            for ready, _ in streams.select(left_s):
                data = os.read(ready.fd, 65536)
                if not data:
                    streams.unregister(ready.fd)
                size += len(data)
                parts[ready.data].append(data)
            if size > MAX_OUTPUT:
                raise UnreachableError(f"{name} writes more than {MAX_OUTPUT >> 20} MiB")
    return b"".join(parts["out"]), b"".join(parts["err"])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
