"""The work of a job: counts in a file, without a break and without wearing the machine out.

Runs as a script of its own: workload.py FILE.
"""

from itertools import count
from pathlib import Path
import sys
import time


def main(path: Path) -> None:
    """Count on from where the file stands."""
    done = int(path.read_text()) if path.exists() else 0
    for step in count(done + 1):
        path.write_text(f"{step}\n")
        time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
