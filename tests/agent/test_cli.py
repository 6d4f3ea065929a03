"""The command line, and the whole agent run in the test's own process."""

from collections.abc import Callable, Generator
from functools import partial
import hashlib
from itertools import count
import logging
import os
from pathlib import Path
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from typing import Any
import urllib.request

import pytest

from gpu_heat_agent import cli, run, sockets
from gpu_heat_agent.check import check
from gpu_heat_agent.config import Listen
from gpu_heat_agent.errors import UnreachableError, UsageError
from gpu_heat_agent.job_config import JobConfig, JobSpec
from gpu_heat_agent.simulated import assign, parse_spec

from .harness import run_cli
from .nvml_state import NvmlState

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Run one command with a state folder of its own; give status, output and errors."""

    def call(name: str, *options: str) -> tuple[int, str, str]:
        status = cli.main([name, "--state-dir", str(tmp_path / "state"), *options])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, with its key beside it."""
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    files = ["-out", str(tmp_path / "cert.pem"), "-keyout", str(tmp_path / "key.pem")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *options.split(), *files, *subject], check=True, capture_output=True)
    path = tmp_path / "agent.toml"
    path.write_text('[server]\ntls = "files"\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    return path


def test_token_is_printed_alone_and_stays(command: Cli, tmp_path: Path) -> None:
    status, out, _ = command("token", "--tls", "off")
    assert status == 0
    assert out == (tmp_path / "state" / "token").read_text()
    assert command("token", "--tls", "off")[1] == out
    assert not (tmp_path / "state" / "key.pem").exists()


def test_token_of_no_agent_yet_is_said_to_be_new(command: Cli, tmp_path: Path) -> None:
    _, _, err = command("token")
    assert err == f"Made anew, as no agent has run with {tmp_path / 'state'} yet\n"
    assert command("token")[2] == ""


def test_token_is_followed_by_the_fingerprint_where_tls_is_on(
    command: Cli, certificate: Path
) -> None:
    _, out, _ = command("token", "--config", str(certificate))
    pem = certificate.with_name("cert.pem").read_text()
    expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    assert out.splitlines()[1:] == [expected]


def test_check_succeeds_only_where_power_is_readable(
    command: Cli, nvml: NvmlState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cli, "check", partial(check, sleep=lambda _: None, monotonic=count().__next__)
    )
    status, out, _ = command("check")
    assert status == 0
    assert "power_w               691.5\n" in out
    nvml.set(init="E9")
    status, out, _ = command("check")
    assert status == 1
    assert "Driver Not Loaded" in out


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--tls", "files"], "server.certificate"),
        (["--simulate", "3xrtx_9999"], "rtx_3090"),
        (["--simulate", "0xrtx_3090"], "1 to 1024"),
        (["--simulate", "!"], "COUNTxPRESET"),
        (["--listen", "nonsense"], "--listen nonsense"),
        (["--listen", "192.0.2.1:1"], "192.0.2.1:1"),
        (["--config", "/nowhere/agent.toml"], "/nowhere/agent.toml"),
        (["--state-dir", "/dev/null/state"], "--state-dir"),
    ],
)
def test_bad_option_is_one_line_and_starts_nothing(
    command: Cli, tmp_path: Path, options: list[str], part: str
) -> None:
    status, out, err = command("run", "--listen", "127.0.0.1:0", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gpu-heat-agent: ")
    assert part in err
    assert not (tmp_path / "state").exists()


def test_job_on_a_gpu_that_is_not_simulated_starts_nothing(command: Cli, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text("[[jobs]]\nid = 'x'\ncommand = ['true']\ndevices = [2]\n")
    status, _, err = command("run", "--config", str(config), "--simulate", "2xrtx_3090")
    assert status == 2
    assert 'job "x": devices must lie from 0 to 1' in err
    assert not (tmp_path / "state").exists()


def test_key_that_does_not_fit_is_named(command: Cli, certificate: Path) -> None:
    certificate.with_name("key.pem").write_text("no key")
    status, _, err = command("run", "--config", str(certificate))
    assert (status, err.count("\n")) == (2, 1)
    assert "key.pem" in err


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.local"])
def test_host_that_no_name_can_be_is_one_line(tmp_path: Path, host: str) -> None:
    options = ("--listen", f"{host}:80", "--state-dir", str(tmp_path / "state"))
    ended = subprocess.run(run_cli("run", *options), capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert f"cannot listen on {host}:80: not the name of a host" in ended.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["fly"], "'fly'"),
        (["run", "--tls", "foo"], "--tls: invalid choice: 'foo'"),
        (["run", "--lisen", "a\nb"], "--lisen a b"),
        ([], "run|check|token"),
    ],
)
def test_words_that_are_no_command_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], part: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    out, err = capsys.readouterr()
    assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("gpu-heat-agent")
    assert part in err


@pytest.mark.parametrize(
    ("uid", "config", "state"),
    [
        (0, "/etc/gpu-heat-agent.toml", "/var/lib/gpu-heat-agent"),
        (1000, "/home/a/.config/gpu-heat-agent.toml", "/home/a/.local/state/gpu-heat-agent"),
    ],
)
def test_default_places(monkeypatch: pytest.MonkeyPatch, uid: int, config: str, state: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/a"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert cli.default_config_path() == Path(config)
    assert cli.default_state_dir() == Path(state)


def test_config_at_its_default_place_is_read(
    command: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "gpu-heat-agent.toml").write_text("bad = 1")
    status, _, err = command("token")
    assert status == 2
    assert "gpu-heat-agent.toml: bad" in err


class Visitor:
    """Asks the agent that runs in the main thread, then sends it SIGTERM."""

    def __init__(self, caplog: pytest.LogCaptureFixture, ask: Callable[[str], Any]) -> None:
        self.answer: Any = None
        self._caplog = caplog
        self._ask = ask
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()

    def join(self) -> None:
        """Wait until the visit is over."""
        self._thread.join(20)

    def _visit(self) -> None:
        deadline_s = time.monotonic() + 15
        lines: list[str] = []
        while not lines and time.monotonic() < deadline_s:
            time.sleep(0.02)
            lines = [m for m in self._caplog.messages if m.startswith("Listening on ")]
        try:
            self.answer = self._ask(lines[-1].removeprefix("Listening on "))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def _handlers() -> Generator[None]:
    """Put the signal handlers of the test run back."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("_handlers")
def test_run_serves_until_it_is_told_to_stop(
    command: Cli, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def ask(url: str) -> bytes:
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:
            return bytes(response.read())

    config = tmp_path / "agent.toml"
    config.write_text(
        '[host]\npower = "estimate"\nbase_load_w = 60\n'
        '[[jobs]]\nid = "one"\ncommand = ["sleep", "600"]\non_stop = "terminate"\n'
    )
    visitor = Visitor(caplog, ask)
    options = ["--listen", "127.0.0.1:0", "--simulate", "2xrtx_3090", "--config", str(config)]
    status, _, _ = command("run", "--tls", "off", *options)
    visitor.join()
    assert status == 0
    assert b'gpu_heat_host_power_watts{origin="estimate"} 430.0' in visitor.answer
    assert "Stopped" in caplog.messages


@pytest.mark.usefixtures("_handlers")
def test_run_serves_https_with_a_certificate(
    command: Cli, caplog: pytest.LogCaptureFixture, certificate: Path
) -> None:
    def ask(url: str) -> bytes:
        trust = ssl.create_default_context(cafile=str(certificate.with_name("cert.pem")))
        where = url.replace("127.0.0.1", "localhost")
        with urllib.request.urlopen(f"{where}/healthz", timeout=10, context=trust) as response:
            return bytes(response.read())

    visitor = Visitor(caplog, ask)
    options = ["--config", str(certificate), "--listen", "127.0.0.1:0", "--simulate", "rtx_4090"]
    command("run", *options)
    visitor.join()
    assert visitor.answer == b'{"status": "ok"}'


@pytest.mark.usefixtures("_handlers")
def test_part_that_fails_ends_the_agent(
    command: Cli, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("broken part")

    monkeypatch.setattr(run.Sampler, "run", broken)
    with pytest.raises(BaseExceptionGroup, match="unhandled"):
        command("run", "--listen", "127.0.0.1:0", "--simulate", "rtx_4090")
    assert "Stopped" in caplog.messages


@pytest.mark.usefixtures("_handlers")
def test_fault_at_the_start_is_said_in_one_line(
    command: Cli, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise UnreachableError("the state file cannot be written")

    monkeypatch.setattr(run.Service, "start", broken)
    status, _, _ = command("run", "--listen", "127.0.0.1:0", "--simulate", "rtx_4090")
    assert status == 1
    assert "Stopped: the state file cannot be written" in caplog.messages


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gpu_heat_agent", "--version"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"0.")


def test_all_addresses_means_ipv4_and_ipv6_on_one_port() -> None:
    bound = sockets.bind(Listen(host=None, port=0))
    try:
        assert bound[0].getsockname()[0] == "0.0.0.0"
        assert len({sock.getsockname()[1] for sock in bound}) == 1
    finally:
        for sock in bound:
            sock.close()


def test_machine_without_ipv6_is_served_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets.Listener

    def without_ipv6(family: int, connections: sockets.Connections) -> sockets.Listener:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, connections)

    monkeypatch.setattr(sockets, "Listener", without_ipv6)
    bound = sockets.bind(Listen(host=None, port=0))
    assert len(bound) == 1
    bound[0].close()


def test_loopback_is_told_from_other_addresses() -> None:
    assert all(map(sockets.is_loopback, ("127.0.0.1", "127.1.2.3", "localhost", "::1")))
    assert not any(map(sockets.is_loopback, (None, "0.0.0.0", "::", "192.0.2.1")))


def test_jobs_without_devices_are_dealt_round_robin() -> None:
    jobs = [JobConfig(id=name, name=name, spec=JobSpec()) for name in "abc"]
    jobs.insert(1, JobConfig(id="own", name="own", spec=JobSpec(), devices=(0, 1)))
    assert assign(jobs, 2) == {
        "a": frozenset({0}),
        "own": frozenset({0, 1}),
        "b": frozenset({1}),
        "c": frozenset({0}),
    }
    with pytest.raises(UsageError):
        assign(jobs, 1)


def test_presets_are_those_of_the_table() -> None:
    watts = {
        "rtx_3060": 170,
        "rtx_3090": 350,
        "rtx_4070_ti_super": 285,
        "rtx_4090": 450,
        "a100_sxm": 400,
        "h100_sxm": 700,
    }
    assert {spec: parse_spec(spec).preset.power_w for spec in watts} == watts
    dgx = parse_spec("2xdgx_h100")
    assert dgx.count == 16
    assert dgx.count * dgx.preset.power_w + (dgx.base_load_w or 0) == 2 * 10200
