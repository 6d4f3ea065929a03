"""Giving memory back, and taking none for what nobody asks for."""

import ctypes
import os
from pathlib import Path
import subprocess
import sys

import pytest

from gpu_heat_agent.memory import apart, lean, trim

from ..certificates import Certificate
from .harness import RunningAgent

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

TRUST = """
from gpu_heat_agent.memory import lean
with lean():
    from gpu_heat_agent.fetch import Request, trusted_by
print(trusted_by(Request(url="https://app.local/")).cert_store_stats()["x509"])
"""

APART = """
import os, sys
from gpu_heat_agent.memory import apart
def work():
    import tabnanny
    print(os.getppid(), flush=True)
    raise OSError("no space left")
apart(work)
print(os.getpid(), "tabnanny" in sys.modules)
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


def test_apps_that_are_asked_over_tls_are_still_known_by_the_systems_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "authority.pem").write_text(Certificate(tmp_path, "app").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    assert printed(TRUST) == ["1"]


def test_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "mine.pem")
    monkeypatch.delenv("FROZENLIST_NO_EXTENSIONS", raising=False)
    before = dict(os.environ)
    with lean():
        assert os.environ["SSL_CERT_FILE"] == os.devnull
    assert dict(os.environ) == before


def test_work_apart_leaves_nothing_here_and_its_fault_is_not_told() -> None:
    worker_of, here, imported = printed(APART)
    assert worker_of == here
    assert imported == "False"


def test_work_apart_is_left_undone_where_there_can_be_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    apart((tmp_path / "made").touch)
    assert not (tmp_path / "made").exists()


async def test_agent_that_made_its_certificate_keeps_nothing_of_that(tmp_path: Path) -> None:
    agent = RunningAgent(tmp_path)
    try:
        await agent.start("--simulate", "1xrtx_3090", "--tls", "self-signed")
        assert (agent.state_dir / "certificate.pem").exists()
        assert agent.process is not None
        mapped = Path(f"/proc/{agent.process.pid}/maps").read_text()
        assert "cryptography" not in mapped
    finally:
        await agent.end()
