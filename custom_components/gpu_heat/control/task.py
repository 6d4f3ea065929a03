"""Jobs as the plan and the guard see them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A job whose work is known.

    `work_h` is what is left of it in h at full power, `due_h` in how many h it has to be done
    (negative: it is late). `power_w` is drawn while it runs, `held_w` while it waits after it has
    started, both beyond what its GPUs draw without it. Of the tasks of a `queue` as many run at
    a time as that has places; one that has `started` keeps its place until it is done if it
    `keeps_place`. `running` is whether it runs now, `runs_on` that it is not to be paused; `firm`
    whether somebody set its deadline, which is else as long as it may be made to wait.
    """

    id: str
    work_h: float
    due_h: float
    power_w: float
    held_w: float = 0.0
    started: bool = False
    running: bool = False
    runs_on: bool = False
    keeps_place: bool = True
    firm: bool = True
    queue: str | None = None

    @property
    def placed(self) -> bool:
        """Whether it has a place of its queue, running or not."""
        return self.running or (self.started and self.keeps_place)


def in_turn(tasks: Iterable[Task]) -> list[Task]:
    """Return tasks in the order in which they get places: earliest deadline first.

    Those that have a place already come before all others.
    """
    return sorted(tasks, key=lambda task: (not task.placed, task.due_h, task.id))


def by_queue(tasks: Iterable[Task]) -> Iterable[tuple[str | None, Sequence[Task]]]:
    """Yield each queue with its tasks, those of none under None."""
    of = sorted(tasks, key=lambda task: task.queue or "")
    for _, group in groupby(of, key=lambda task: task.queue or ""):
        tasks_of = list(group)
        yield tasks_of[0].queue, tasks_of
