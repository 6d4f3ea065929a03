"""Starting the guard of a state folder: see guard.py."""

import logging
import os
from pathlib import Path
import subprocess
import sys
import threading
import time

from .engines.launch import MARK
from .file_lock import GUARD_LOCK, is_claimed

_LOGGER = logging.getLogger(__name__)

_AGAIN_S = 30.0


class GuardStarter:
    """Sees to it that a guard is there; called whenever a pause of ours is on record.

    There is one guard at most for a folder, which may be that of an earlier run.
    """

    def __init__(self, folder: Path, config: Path | None = None) -> None:
        self._folder = folder.resolve()
        self._config = None if config is None else config.resolve()
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before_s = float("-inf")
        self._busy = threading.Lock()

    def __call__(self) -> None:
        """Start a guard unless there is one; where that fails, say so and try again later."""
        if sys.platform == "win32" or not self._busy.acquire(blocking=False):
            return
        try:
            if self._child is not None and self._child.poll() is None:
                return
            now_s = time.monotonic()
            if now_s < self._not_before_s or is_claimed(self._folder / GUARD_LOCK):
                return
            self._not_before_s = now_s + _AGAIN_S
            self._child = self._start()
        except (OSError, ValueError) as err:
            _LOGGER.warning("No guard could be started, which resumes jobs after a crash: %s", err)
        finally:
            self._busy.release()

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start the guard, with this run's own interpreter and its very files.

        It says what it does where this process does, and dies neither with it nor its terminal.
        """
        main = Path(__file__).with_name("guard_main.py")
        config = [] if self._config is None else [str(self._config)]
        return subprocess.Popen(  # noqa: S603 - our own argv
            [sys.executable, "-P", str(main), str(self._folder), *config],
            cwd="/",
            env={name: value for name, value in os.environ.items() if name != MARK},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
