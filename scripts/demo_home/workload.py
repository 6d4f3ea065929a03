"""The work of a job: counts in a file, without a break and without wearing the machine out.

Runs as a script of its own: workload.py FILE [PROGRESS STEPS]. With the latter two it tells in the
file PROGRESS how much of STEPS is done, and begins anew when all is.
"""

from itertools import count
import os
from pathlib import Path
import sys
import time

STEP_S = 0.2


def main(path: Path, progress: Path | None = None, steps: int = 1) -> None:
    """Count on from where the file stands."""
    done = int(path.read_text()) if path.exists() else 0
    for step in count(done + 1):
        path.write_text(f"{step}\n")
        if progress is not None:
            _tell(progress, step % steps / steps)
        time.sleep(STEP_S)


def _tell(path: Path, done: float) -> None:
    """Put the number in place at once, so that no half of it is ever read."""
    new = path.with_suffix(".new")
    new.write_text(f"{done:.6f}")
    os.replace(new, path)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [file, progress, steps]:
            main(Path(file), Path(progress), int(steps))
        case [file]:
            main(Path(file))
