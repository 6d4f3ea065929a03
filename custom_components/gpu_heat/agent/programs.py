"""Looking for what a command takes before it is needed."""

from collections.abc import Sequence
import os
from pathlib import Path
import shutil

from .toml_table import Table


def check_folder(folder: Path | None, table: Table, key: str = "cwd") -> None:
    """Refuse a folder that is not there; `key` is where it was written. Raises UsageError."""
    if folder is not None and not os.path.isdir(folder):  # which raises nothing
        raise table.fault(key, f"there is no folder {folder}; create or correct it")


def check_program(
    command: Sequence[str],
    table: Table,
    *,
    cwd: Path | None,
    path: str | None,
    key: str = "command",
) -> None:
    """Refuse a command that could not be started, while nothing has been started yet.

    `path` stands in for the agent's own PATH; `key` is where the command was written.
    Raises UsageError.
    """
    program = command[0]
    if "/" in program:
        found = shutil.which(str((cwd or Path.cwd()) / program))
    else:
        found = shutil.which(program, path=path)
    if found is None:
        raise table.fault(key, f'there is no program "{program}"; install or correct it')
