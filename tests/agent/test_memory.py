"""Giving memory back, and taking none for what nobody asks for."""

import ctypes
import os
import subprocess
import sys

import pytest

from gpu_heat_agent.memory import lean, trim

LATE = ("prometheus_client", "psutil", "pynvml", "zeroconf", "gpu_heat_agent.openapi")

LEAN = """
import gc, ssl
from gpu_heat_agent.memory import lean
with lean():
    import gpu_heat_agent.run
contexts = [thing for thing in gc.get_objects() if isinstance(thing, ssl.SSLContext)]
print(sum(context.cert_store_stats()["x509"] for context in contexts))
print("libstdc++" in open("/proc/self/maps").read())
"""


def printed(script: str) -> list[str]:
    """Return what a new Python prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().split()


def test_other_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise OSError("no such library")

    trim()
    monkeypatch.setattr(ctypes, "CDLL", none)
    trim()


def test_agent_starts_without_what_only_some_use() -> None:
    script = f"import sys, gpu_heat_agent.run; print(*(set(sys.modules) & set({LATE})))"
    assert printed(script) == []


def test_server_comes_without_what_only_clients_use_and_without_cpp() -> None:
    assert printed(LEAN) == ["0", "False"]


def test_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "mine.pem")
    monkeypatch.delenv("FROZENLIST_NO_EXTENSIONS", raising=False)
    before = dict(os.environ)
    with lean():
        assert os.environ["SSL_CERT_FILE"] == os.devnull
    assert dict(os.environ) == before
