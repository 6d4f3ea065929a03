"""What the guard does while no agent runs: it ends pauses whose lease is over, and no other."""

from collections.abc import Sequence
import logging
from pathlib import Path
import sys
import time

from .clock import read_clock
from .config import load_config
from .engines.kinds import KINDS, READERS, make_driver
from .errors import AgentError
from .file_lock import AGENT_LOCK, FileLock
from .job_config import JobConfig
from .jobs import JobBook
from .leases import remaining_s
from .state import Pause, StateError, parse_state
from .state_dir import Store

_LOGGER = logging.getLogger(__name__)

_LONGEST_SLEEP_S = 5.0
_LONGEST_DELAY_S = 60.0
_SHORTEST_DELAY_S = 0.2


def stand_in(folder: Path, config: Path | None, mine: FileLock) -> bool:
    """End pauses in time until an agent has come back, which is true, or none is left.

    In that case `mine`, the guard's own lock, has been released before an agent could begin.
    """
    logging.raiseExceptions = False  # nobody may be left who reads what is said
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s guard: %(message)s", stream=sys.stderr
    )
    delay_s = _SHORTEST_DELAY_S
    while True:
        try:
            left_s = _take_a_turn(folder, config, mine)
        except BlockingIOError:
            return True
        except OSError as err:  # such as a full disk
            _LOGGER.warning("Nothing can be resumed now: %s", err)
            left_s = 0.0
        if left_s is None:
            return False
        if left_s > 0:
            delay_s = _SHORTEST_DELAY_S
            time.sleep(min(left_s, _LONGEST_SLEEP_S))
        else:  # it could not be ended
            time.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)


def _take_a_turn(folder: Path, config: Path | None, mine: FileLock) -> float | None:
    """Act in the agent's place for a moment; return as below, `mine` released where it is None.

    Raises BlockingIOError where there is an agent, and OSError.
    """
    try:
        lock = FileLock(folder / AGENT_LOCK, create=False)
    except FileNotFoundError:  # the folder has been removed
        mine.release()
        return None
    try:
        left_s = _end_what_is_over(folder, config)
        if left_s is None:
            mine.release()
    finally:
        lock.release()
    return left_s


def _end_what_is_over(folder: Path, config: Path | None) -> float | None:
    """Return how long the next pause still lasts in s; None where no job waits for anything."""
    store = _read(folder)
    if store is None:
        return None
    over = {pause.kind for pause in _holding(store) if remaining_s(pause, read_clock()) <= 0}
    configs = _configs(config) if over else ()
    for kind in sorted(over):
        try:
            _end(kind, [job for job in configs if job.kind == kind], store, folder)
        except AgentError as err:
            _LOGGER.warning("Jobs of kind %s cannot be resumed now: %s", kind, err)
        except Exception:  # of an engine's library; the other kinds' jobs are not to wait for it
            _LOGGER.exception("Jobs of kind %s cannot be resumed now", kind)
    now = read_clock()
    return min((remaining_s(pause, now) for pause in _holding(store)), default=None)


def _end(kind: str, jobs: Sequence[JobConfig], store: Store, folder: Path) -> None:
    if kind not in KINDS:
        raise AgentError("there is no such kind")
    memories = {key: record.memory for key, record in store.state.jobs.items()}
    driver = make_driver(kind, jobs, memories, folder)
    try:
        JobBook(kind, jobs, driver, store, read_clock).end_over()
    finally:
        driver.close()


def _read(folder: Path) -> Store | None:
    """Return the state, None where it is missing or damaged. Raises OSError."""
    path = folder / "state.json"
    try:
        return Store(path, parse_state(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (StateError, UnicodeDecodeError) as err:  # left to the next agent
        _LOGGER.warning("%s is damaged: %s", path, err)
        return None


def _holding(store: Store) -> list[Pause]:
    """Return the pauses that hold something back; one that was let go by its agent does not."""
    records = store.state.jobs.values()
    return [it.pause for it in records if it.pause is not None and it.pause.undo]


def _configs(path: Path | None) -> Sequence[JobConfig]:
    """Return what is configured, without which most kinds can resume as well."""
    try:
        return () if path is None else load_config(path, READERS).jobs
    except AgentError as err:
        _LOGGER.warning("The config is of no use, and done without: %s", err)
        return ()
