"""What squeue writes, read whatever the users have put into names and comments."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
import re
import secrets

from ..errors import UnreachableError
from .slurm_commands import MAX_IDS, Commands

_FIELDS = "iAKTQMLlPUaqvjk"
"""squeue's letters, in the order of the fields below."""

_TIME = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")
_EXPRESSION = re.compile(r"(\d+)(?:-(\d+))?")
_NONE = "(null)"

_HELD = frozenset({"REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_PENDING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", *_HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job, one task of an array, or all tasks of an array that have not been started.

    `id` is what people call it: "12", "10_3" or "10_[4-9]". `job_id` is Slurm's own number,
    which the tasks that have not been started share. Times are in s; None is no limit.
    """

    id: str
    job_id: str
    task: int | None = None
    state: str
    priority: int = 1
    elapsed_s: float = 0.0
    left_s: float | None = None
    limit_s: float | None = None
    partition: str = ""
    uid: str = ""
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    job_name: str = ""
    comment: str | None = None

    @property
    def pending(self) -> bool:
        """Whether it waits in the queue, held or not."""
        return self.state in _PENDING

    @property
    def held(self) -> bool:
        """Whether it waits and will not be started."""
        return self.state in _HELD or (self.state == "PENDING" and self.priority == 0)

    @property
    def address(self) -> str:
        """What Slurm's commands are to be given; the number of an array is all of its tasks."""
        return self.id if self.id.startswith(f"{self.job_id}_") else self.job_id

    @property
    def waits_in_array(self) -> bool:
        """Whether it is one of the tasks of an array that have not been started."""
        return self.pending and self.task is not None and self.id.startswith(f"{self.job_id}_")

    @property
    def member(self) -> str:
        """The name within a group; that of an array's rest stays while its tasks are started."""
        return f"{self.job_id}_rest" if self.waits_in_array else self.id.replace("+", "_het")


def list_jobs(commands: Commands, filters: Sequence[str]) -> list[Row]:
    """Return the jobs that squeue finds. Raises UnreachableError."""
    mark = secrets.token_hex(8)  # nobody can have it in a comment
    layout = mark + mark.join(f"%{letter}" for letter in _FIELDS) + mark
    done = commands.run("squeue", "--noheader", "--array", f"--format={layout}", *filters)
    if done.status != 0:
        if "Invalid job id" in done.err:
            return []
        raise UnreachableError(f"squeue: {done.said}")
    return parse_rows(done.out, mark)


def list_ids(commands: Commands, ids: Iterable[str]) -> list[Row]:
    """Return those of these jobs that have not ended. Raises UnreachableError."""
    wanted = sorted(set(ids))
    rows: list[Row] = []
    for first in range(0, len(wanted), MAX_IDS):
        rows += list_jobs(commands, [f"--jobs={','.join(wanted[first : first + MAX_IDS])}"])
    return rows


def parse_rows(text: str, mark: str) -> list[Row]:
    """Return the jobs of a page, each field between two marks. Raises UnreachableError."""
    pieces = text.split(mark)
    width = len(_FIELDS) + 1  # the end of the line is one more
    if len(pieces) == 1 and not text.strip():
        return []
    if len(pieces) % width != 1:
        raise UnreachableError("squeue wrote something else than a table")
    return [_row(pieces[at : at + width - 1]) for at in range(1, len(pieces) - 1, width)]


def _row(fields: Sequence[str]) -> Row:
    (
        shown, job_id, task, state, priority, elapsed, left, limit,
        partition, uid, account, qos, reservation, name, comment,
    ) = fields  # fmt: skip
    return Row(
        id=shown,
        job_id=job_id,
        task=int(task) if task.isdecimal() else None,
        state=state,
        priority=int(priority) if priority.isdecimal() else 1,
        elapsed_s=seconds(elapsed) or 0.0,
        left_s=seconds(left),
        limit_s=seconds(limit),
        partition=partition,
        uid=uid,
        account=_given(account),
        qos=_given(qos),
        reservation=_given(reservation),
        job_name=name,
        comment=_given(comment),
    )


def _given(text: str) -> str | None:
    return None if text in {"", _NONE} else text


def seconds(text: str) -> float | None:
    """Return [[D-]H:]M:S in s, None for UNLIMITED and what is no time."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def by_member(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the jobs by their names, with the tasks that wait in an array as one."""
    found: dict[str, Row] = {}
    waiting: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.member, row)
        if row.waits_in_array and row.task is not None:
            waiting.setdefault(row.member, []).append(row.task)
    for member, tasks in waiting.items():
        row = found[member]
        found[member] = replace(row, id=f"{row.job_id}_[{compress(tasks)}]", task=None)
    return found


def compress(tasks: Iterable[int]) -> str:
    """Return numbers the way Slurm writes them: "1,4-9"."""
    spans: list[list[int]] = []
    for task in sorted(set(tasks)):
        if spans and spans[-1][1] == task - 1:
            spans[-1][1] = task
        else:
            spans.append([task, task])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def expand(expression: str) -> Iterator[range]:
    """Return the spans of what `compress` wrote; what is not of that form is left out."""
    for part in expression.split(","):
        if match := _EXPRESSION.fullmatch(part):
            yield range(int(match[1]), int(match[2] or match[1]) + 1)


def deadlines(commands: Commands, filters: Sequence[str]) -> Mapping[str, float]:
    """Return the deadlines that jobs were submitted with, in s since 1970, by `job_id`."""
    layout = "--Format=JobID:20,Deadline:20"  # no letter of --format stands for it
    done = commands.run("squeue", "--noheader", "--array", layout, *filters)
    pairs = (line.split() for line in done.out.splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
