"""What the config says of a group of Slurm's jobs."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
import sys
from typing import ClassVar

from ..job_config import JobSpec
from ..programs import check_folder
from ..toml_table import Table
from .slurm_commands import PROGRAMS, Commands, commands_in
from .slurm_table import Row

_NAMES = ("partition", "account", "qos", "reservation")


class PauseBy(StrEnum):
    """What is done to jobs that run."""

    AUTO = "auto"
    STOP = "stop"
    SUSPEND = "suspend"
    REQUEUE = "requeue"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSpec(JobSpec):
    """All jobs that fit every selector that is given; at least one is.

    `operator` None is found out. `gate` closes the partition, its only selector, first.
    """

    can_signal: ClassVar[bool] = True
    can_free: ClassVar[bool] = True

    commands: Commands = field(default_factory=Commands)
    partition: str | None = None
    uid: str | None = None
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    comment: str | None = None
    pause: PauseBy = PauseBy.AUTO
    gate: bool = False
    operator: bool | None = None

    @property
    def group(self) -> bool:
        """Whether it stands for any number of jobs: it does."""
        return True

    @property
    def filters(self) -> list[str]:
        """What squeue itself can leave out."""
        given = {
            "partition": self.partition,
            "user": self.uid,
            "account": self.account,
            "qos": self.qos,
            "reservation": self.reservation,
        }
        return [f"--{key}={value}" for key, value in given.items() if value is not None]

    def fits(self, row: Row) -> bool:
        """Return whether a job is of the group; one in the queue of two partitions is not yet."""
        return (
            self.partition in {None, row.partition}
            and self.uid in {None, row.uid}
            and self.account in {None, row.account}
            and self.qos in {None, row.qos}
            and self.reservation in {None, row.reservation}
            and self.comment in {None, row.comment}
        )


def read_spec(table: Table, job_id: str, folder: Path) -> SlurmSpec:
    """Take the keys of a group of Slurm's jobs. Raises UsageError."""
    names = {key: _name(table, key) for key in _NAMES}
    uid, comment = _uid(table), table.string("comment")
    if comment == "(null)":
        raise table.fault("comment", "Slurm writes this for jobs without one; give a text")
    if all(given is None for given in (*names.values(), uid, comment)):
        raise table.fault(
            "partition",
            f'say which jobs "{job_id}" stands for: give at least one of partition, user, '
            "account, qos, reservation, comment",
        )
    operator = table.boolean("operator", False) if table.has("operator") else None
    spec = SlurmSpec(
        commands=_commands(table, folder),
        **names,
        uid=uid,
        comment=comment,
        pause=table.choice("pause", PauseBy, PauseBy.AUTO),
        gate=table.boolean("gate", False),
        operator=operator,
    )
    _check_rights(spec, table)
    return spec


def _check_rights(spec: SlurmSpec, table: Table) -> None:
    """Refuse what takes more rights than the config grants, or would reach other jobs."""
    selectors = (spec.uid, spec.account, spec.qos, spec.reservation, spec.comment)
    if spec.gate and (spec.partition is None or any(one is not None for one in selectors)):
        raise table.fault(
            "gate",
            "a closed partition keeps all its jobs waiting: give partition as the only "
            "selector, or remove gate",
        )
    if spec.gate and spec.operator is False:
        raise table.fault("gate", "only an operator of Slurm can close a partition; remove it")
    if spec.pause is PauseBy.SUSPEND and spec.operator is False:
        raise table.fault("pause", 'only an operator of Slurm can suspend jobs; write "stop"')


def _name(table: Table, key: str) -> str | None:
    name = table.string(key)
    if name is not None and any(letter in ",=" or letter.isspace() for letter in name):
        raise table.fault(key, "give one name, without spaces and commas; one job entry for each")
    return name


def _uid(table: Table) -> str | None:
    name = table.string("user")
    if name is None:
        return None
    if sys.platform == "win32":
        raise table.fault("user", "there are no such users on Windows; remove it")
    import pwd  # noqa: PLC0415 - there is none on Windows

    try:
        return str(pwd.getpwnam(name).pw_uid)
    except KeyError as err:
        raise table.fault("user", f'there is no user "{name}" here; correct it') from err


def _commands(table: Table, folder: Path) -> Commands:
    bin_dir, slurm_conf = table.path("bin_dir", folder), table.path("slurm_conf", folder)
    if bin_dir is not None:
        check_folder(bin_dir, table, "bin_dir")
    if slurm_conf is not None and not slurm_conf.is_file():
        raise table.fault("slurm_conf", f"there is no file {slurm_conf}; correct it")
    commands = commands_in(bin_dir, slurm_conf)
    for program in PROGRAMS:
        if commands.find(program) is None:
            where = "on the PATH" if bin_dir is None else f"in {bin_dir}"
            raise table.fault(
                "bin_dir",
                f"there is no {program} {where}; install Slurm's client commands, or give "
                "the folder that they are in",
            )
    return commands
