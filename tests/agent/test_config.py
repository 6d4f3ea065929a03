"""The config file: what it says, and what is said about it."""

from pathlib import Path
import signal

import pytest

from gpu_heat_agent.config import (
    Config,
    HostConfig,
    HostPower,
    Listen,
    ServerConfig,
    TlsMode,
    default_config,
    load_config,
    parse_listen,
    with_overrides,
)
from gpu_heat_agent.engines.kinds import READERS
from gpu_heat_agent.engines.process_spec import OnStop, ProcessSpec
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.job_config import AfterMaxPause, Checkpoint, JobConfig, Progress

FULL = """
name = "rig"
[server]
listen = "127.0.0.1:9000"
tls = "files"
certificate = "cert.pem"
key = "/etc/key.pem"
metrics_token = true
[host]
power = "estimate"
base_load_w = 120
psu_efficiency = 0.92
[power_limit]
enabled = true
[[jobs]]
id = "train"
name = "Training"
kind = "process"
command = ["sh", "-c", "true"]
cwd = "."
env = { CUDA_VISIBLE_DEVICES = "0" }
devices = [0]
on_stop = "terminate"
[[jobs]]
id = "render"
pidfile = "/run/render.pid"
"""


def load(folder: Path, text: str) -> Config:
    path = folder / "agent.toml"
    path.write_text(text)
    return load_config(path, READERS)


def test_all_that_can_be_said(tmp_path: Path) -> None:
    assert load(tmp_path, FULL) == Config(
        name="rig",
        server=ServerConfig(
            listen=Listen(host="127.0.0.1", port=9000),
            tls=TlsMode.FILES,
            certificate=tmp_path / "cert.pem",
            key=Path("/etc/key.pem"),
            metrics_token=True,
        ),
        host=HostConfig(power=HostPower.ESTIMATE, base_load_w=120, psu_efficiency=0.92),
        power_limit_enabled=True,
        jobs=(
            JobConfig(
                id="train",
                name="Training",
                spec=ProcessSpec(
                    command=("sh", "-c", "true"),
                    cwd=tmp_path,
                    env={"CUDA_VISIBLE_DEVICES": "0"},
                    on_stop=OnStop.TERMINATE,
                ),
                devices=(0,),
            ),
            JobConfig(
                id="render", name="render", spec=ProcessSpec(pidfile=Path("/run/render.pid"))
            ),
        ),
    )


def test_what_all_kinds_of_jobs_have_in_common(tmp_path: Path) -> None:
    text = """
[[jobs]]
id = "train"
pidfile = "train.pid"
max_pause_s = 3600
checkpoint = { signal = "USR1", done_file = "done", timeout_s = 30 }
progress = { file = "/run/progress" }
[[jobs]]
id = "index"
pidfile = "index.pid"
checkpoint = { command = ["true"] }
progress = { url = "http://127.0.0.1:8000/progress" }
"""
    train, index = load(tmp_path, text).jobs
    assert (train.max_pause_s, train.after_max_pause) == (3600, AfterMaxPause.RESUME)
    done = tmp_path / "done"
    assert train.checkpoint == Checkpoint(signal=signal.SIGUSR1, done_file=done, timeout_s=30)
    assert train.progress == Progress(file=Path("/run/progress"))
    assert index.checkpoint == Checkpoint(command=("true",), timeout_s=60)
    assert index.progress == Progress(url="http://127.0.0.1:8000/progress")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("max_pause_s = 59", "jobs[0].max_pause_s"),
        ("max_pause_s = 1e9", "jobs[0].max_pause_s: write a number from 60 to 2592000"),
        ("after_max_pause = 'kill'", "jobs[0].after_max_pause"),
        ("after_max_pause = 'free'", "jobs[0].after_max_pause"),  # a process has no such pause
        ("checkpoint = 'USR1'", "jobs[0].checkpoint"),
        ("checkpoint = {}", "jobs[0].checkpoint.command"),
        ("checkpoint = { command = [] }", "jobs[0].checkpoint.command"),
        ("checkpoint = { command = ['no-such-program'] }", "jobs[0].checkpoint.command"),
        ("checkpoint = { signal = 'KILL' }", "jobs[0].checkpoint.signal"),
        ("checkpoint = { signal = 'USR1', command = ['true'] }", "jobs[0].checkpoint.command"),
        ("checkpoint = { signal = 'USR1', timeout_s = 0 }", "jobs[0].checkpoint.timeout_s"),
        ("checkpoint = { signal = 'USR1', wait = 1 }", "jobs[0].checkpoint.wait"),
        ("progress = {}", "jobs[0].progress.file"),
        ("progress = { file = 'p', url = 'http://a/' }", "jobs[0].progress.file"),
        ("progress = { url = 'file:///etc/passwd' }", "jobs[0].progress.url"),
        ("progress = { url = 'http://user:word@a/' }", "jobs[0].progress.url"),
    ],
)
def test_fault_of_a_job_names_its_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(UsageError) as fault:
        load(tmp_path, f"[[jobs]]\nid = 'x'\npidfile = 'p'\n{text}")
    assert key in str(fault.value)


def test_empty_file_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, "") == default_config()
    assert default_config().server.listen == Listen(host=None, port=9839)
    assert default_config().server.tls is TlsMode.SELF_SIGNED


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name = ", "TOML"),
        ("nmae = 'x'", "nmae"),
        ("name = ''", "name"),
        ("server = 1", "server"),
        ("[server]\nlisten = 'here'", "server.listen"),
        ("[server]\ntls = 'on'", "server.tls"),
        ("[server]\nmetrics_token = 1", "server.metrics_token"),
        ("[server]\nport = 1", "server.port"),
        ("[host]\npower = 'wall'", "host.power"),
        ("[host]\nbase_load_w = -1", "host.base_load_w"),
        ("[host]\nbase_load_w = nan", "host.base_load_w"),
        ("[host]\nbase_load_w = '9'", "host.base_load_w"),
        ("[host]\npsu_efficiency = 0", "host.psu_efficiency"),
        ("[host]\npsu_efficiency = 1.1", "host.psu_efficiency"),
        ("[power_limit]\nenabled = 'yes'", "power_limit.enabled"),
        ("jobs = 1", "jobs"),
        ("[[jobs]]\ncommand = ['true']", "jobs[0].id"),
        ("[[jobs]]\nid = '../x'\ncommand = ['true']", "jobs[0].id"),
        ("[[jobs]]\nid = 'x'", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = []", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = 'true'", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\npidfile = 'p'", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = ['no-such-program']", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = ['./nothing']", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nkind = 'quantum'", "jobs[0].kind"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\ncwd = 'nowhere'", "jobs[0].cwd"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nenv = { A = 1 }", "jobs[0].env"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\ndevices = [-1]", "jobs[0].devices"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\non_stop = 'x'", "jobs[0].on_stop"),
        ("[[jobs]]\nid = 'x'\npidfile = 'p'\n[[jobs]]\nid = 'x'\npidfile = 'q'", "jobs[1].id"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nenv = { 'A=B' = 'x' }", "jobs[0].env"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nenv = { '' = 'x' }", "jobs[0].env"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nenv = { A = \"\\u0000\" }", "jobs[0].env"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\nenv = { \"\\u0000\" = 'x' }", "jobs[0].env"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true', \"a\\u0000\"]", "jobs[0].command"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\ncwd = \"a\\u0000\"", "jobs[0].cwd"),
        ("[[jobs]]\nid = 'x'\ncommand = ['true']\ncwd = '~nosuchuser/x'", "jobs[0].cwd"),
        (f"[[jobs]]\nid = 'x'\ncommand = ['true']\ncwd = '{'x' * 5000}'", "jobs[0].cwd"),
        ("[[jobs]]\nid = 'x'\npidfile = \"a\\u0000\"", "jobs[0].pidfile"),
        (f"[[jobs]]\nid = 'x'\ncommand = ['true']\ndevices = [{10**400}]", "jobs[0].devices"),
        (f"[host]\nbase_load_w = {10**400}", "host.base_load_w"),
        ("[host]\nbase_load_w = inf", "host.base_load_w"),
        (f"[host]\nbase_load_w = {'1' * 5000}", "TOML"),
        ("name = " + "[" * 3000, "TOML|nested"),
    ],
)
def test_fault_names_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(UsageError) as fault:
        load(tmp_path, text)
    assert str(fault.value).startswith(str(tmp_path / "agent.toml"))
    assert any(part in str(fault.value) for part in key.split("|"))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml.*--config"):
        load_config(tmp_path / "none.toml", READERS)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[::1]:65535", "::1", 65535),
        (":80", None, 80),
        ("80", None, 80),
        ("*:80", None, 80),
        ("gpu.local:80", "gpu.local", 80),
    ],
)
def test_listen(text: str, host: str | None, port: int) -> None:
    assert parse_listen(text) == Listen(host=host, port=port)


@pytest.mark.parametrize("text", ["", "host", "1.2.3.4:", "::1:80", "a:65536", "a:-1"])
def test_listen_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen(text)


def test_command_line_overrides_the_file(tmp_path: Path) -> None:
    config = with_overrides(load(tmp_path, FULL), listen=":81", tls="off")
    assert config.server.listen == Listen(host=None, port=81)
    assert config.server.tls is TlsMode.OFF
    with pytest.raises(UsageError, match="--listen nowhere"):
        with_overrides(config, listen="nowhere", tls=None)
