"""Whose the state folder has to be."""

import os
from pathlib import Path

import pytest

from gpu_heat_agent import cli
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.state_dir import StateDir


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_folder_that_others_may_write_into_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    status = cli.main(["token", "--state-dir", str(folder)])
    out, err = capsys.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"chmod go-w {folder}" in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_folder_that_others_may_only_read_is_taken(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(mode)
    assert StateDir(folder).token()


def test_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match=f"belongs to user {owner}, not {owner + 1}.*chown"):
        StateDir(tmp_path)
