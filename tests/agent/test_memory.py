"""Giving memory back, and taking none for what nobody asks for."""

import ctypes
import subprocess
import sys

import pytest

from gpu_heat_agent.memory import trim

LATE = ("prometheus_client", "psutil", "pynvml", "zeroconf", "gpu_heat_agent.openapi")


def test_other_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise OSError("no such library")

    trim()
    monkeypatch.setattr(ctypes, "CDLL", none)
    trim()


def test_agent_starts_without_what_only_some_use() -> None:
    script = f"import sys, gpu_heat_agent.run; print(*(set(sys.modules) & set({LATE})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"\n"
