"""TLS: a certificate of the agent's own, made once, and what a client makes of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
import shutil
import socket
import ssl
import subprocess
import time

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from gpu_heat_agent import cli, run
from gpu_heat_agent.certificate import new_certificate, new_key
from gpu_heat_agent.config import Config, ServerConfig, TlsMode
from gpu_heat_agent.errors import UsageError
from gpu_heat_agent.state_dir import StateDir
from gpu_heat_agent.tls import Credentials, credentials

from .harness import RunningAgent, run_cli, until

CONFIG = Config(name="GPU-rig", server=ServerConfig(tls=TlsMode.SELF_SIGNED))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
RSA_KEY = "openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out"


def own(folder: Path) -> Credentials:
    """Return the agent's own pair, made where it is not there yet."""
    found = credentials(CONFIG, StateDir(folder))
    assert found is not None
    return found


def printed(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, list[str], str]:
    """Return status, lines and errors of the command `token`."""
    status = cli.main(["token", "--state-dir", str(folder)])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err


def test_certificate_is_an_ecdsa_one_for_the_names_of_the_machine(tmp_path: Path) -> None:
    pair = own(tmp_path)
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    [common_name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "gpu-heat-agent"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = names.get_values_for_type(x509.DNSName)
    assert found[:3] == ["gpu-heat-agent", "localhost", "gpu-rig"]
    assert set(found[3:]) <= {socket.gethostname().lower()}


def test_certificate_lasts_twenty_years_and_began_yesterday() -> None:
    made = new_certificate(new_key().encode(), [], NOW)
    certificate = x509.load_pem_x509_certificate(made.encode())
    assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert certificate.not_valid_after_utc - NOW == timedelta(days=7300)


def test_name_that_no_host_can_have_is_left_out() -> None:
    names = ["My GPU rig", "räuber", "a..b", "-a", "x" * 64, "a." * 127 + "ab", "", "GPU.lan"]
    made = new_certificate(new_key().encode(), names, NOW)
    certificate = x509.load_pem_x509_certificate(made.encode())
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["gpu-heat-agent", "localhost", "gpu.lan"]


def test_token_prints_the_fingerprint_that_openssl_sees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines, _ = printed(capsys, tmp_path)
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in"]
    seen = subprocess.run(
        [*command, str(tmp_path / "certificate.pem")], check=True, capture_output=True, text=True
    ).stdout
    assert (status, len(lines)) == (0, 2)
    assert lines[0] == (tmp_path / "token").read_text().strip()
    assert lines[1] == seen.partition("=")[2].strip().replace(":", "").lower()


def test_key_and_certificate_stay_and_are_the_owners_alone(tmp_path: Path) -> None:
    pair = own(tmp_path)
    key = pair.key.read_bytes()
    assert pair.key.stat().st_mode & 0o777 == 0o600
    pair.key.chmod(0o644)
    assert own(tmp_path).fingerprint() == pair.fingerprint()
    assert pair.key.read_bytes() == key
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate.pem", "key.pem"]


def test_all_that_start_at_once_agree(tmp_path: Path) -> None:
    command = run_cli("token", "--state-dir", str(tmp_path / "state"))
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    answers = {process.communicate(timeout=50)[0] for process in running}
    assert len(answers) == 1
    assert answers.pop().count(b"\n") == 2


def test_certificate_that_was_not_made_any_more_is_made_for_the_key_that_is_there(
    tmp_path: Path,
) -> None:
    pair = own(tmp_path)
    before, key = pair.fingerprint(), pair.key.read_bytes()
    pair.certificate.unlink()
    assert own(tmp_path).fingerprint() != before
    assert pair.key.read_bytes() == key


def _damage_certificate(folder: Path) -> None:
    (folder / "certificate.pem").write_text("-----BEGIN CERTIFICATE-----\nrubbish\n")


def _damage_key(folder: Path) -> None:
    (folder / "key.pem").write_text("rubbish")


def _lose_certificate_and_damage_key(folder: Path) -> None:
    (folder / "certificate.pem").unlink()
    _damage_key(folder)


def _lose_certificate_and_change_the_kind_of_key(folder: Path) -> None:
    (folder / "certificate.pem").unlink()
    subprocess.run([*RSA_KEY.split(), str(folder / "key.pem")], check=True, capture_output=True)


def _lose_key(folder: Path) -> None:
    (folder / "key.pem").unlink()


def _put_a_folder_in_place_of_the_certificate(folder: Path) -> None:
    (folder / "certificate.pem").unlink()
    (folder / "certificate.pem").mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        _damage_certificate,
        _damage_key,
        _lose_certificate_and_damage_key,
        _lose_certificate_and_change_the_kind_of_key,
        _lose_key,
        _put_a_folder_in_place_of_the_certificate,
    ],
)
def test_damage_is_said_in_one_line_with_the_files_to_remove(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None]
) -> None:
    before = own(tmp_path).fingerprint()
    damage(tmp_path)
    status, lines, err = printed(capsys, tmp_path)
    assert (status, lines, err.count("\n")) == (2, [], 1)
    assert f"{tmp_path}/certificate.pem, {tmp_path}/key.pem: no usable" in err
    assert "remove both to have new ones made" in err
    assert cli.main(["run", "--state-dir", str(tmp_path), "--listen", "127.0.0.1:0"]) == 2
    for name in ("certificate.pem", "key.pem"):
        path = tmp_path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert own(tmp_path).fingerprint() != before


def test_disk_that_takes_no_key_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    folder = StateDir(tmp_path)
    monkeypatch.setattr(Path, "hardlink_to", refuse)
    remedy = r"No space left on device; give a folder that can be written with --state-dir"
    with pytest.raises(UsageError, match=rf"key\.pem: {remedy}$"):
        credentials(CONFIG, folder)
    assert list(tmp_path.iterdir()) == []


def test_pem_of_openssls_own_kind_is_no_certificate_to_show(tmp_path: Path) -> None:
    pair = own(tmp_path)
    trusted = tmp_path / "trusted.pem"
    command = ["openssl", "x509", "-trustout", "-in", str(pair.certificate), "-out", str(trusted)]
    subprocess.run(command, check=True)
    with pytest.raises(UsageError, match=r"trusted\.pem.*server\.certificate"):
        Credentials(certificate=trusted, key=pair.key).fingerprint()


def test_encrypted_key_is_not_asked_for_its_password(tmp_path: Path) -> None:
    pair = own(tmp_path)
    locked = tmp_path / "locked.pem"
    command = ["openssl", "ec", "-aes128", "-passout", "pass:x", "-out", str(locked)]
    subprocess.run([*command, "-in", str(pair.key)], check=True, capture_output=True)
    with pytest.raises(UsageError, match="the key is encrypted"):
        Credentials(certificate=pair.certificate, key=locked).context()


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path) -> None:
    assert own(tmp_path).context().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.fixture
async def secured(agent: RunningAgent) -> RunningAgent:
    """The real agent, with TLS as it is by default."""
    await agent.start("--simulate", "2xrtx_3090", "--tls", "self-signed")
    return agent


async def fingerprint(agent: RunningAgent) -> str:
    """Return what `gpu-heat-agent token` says beside a running agent."""
    command = run_cli("token", "--state-dir", str(agent.state_dir))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    token, found = out.decode().splitlines()
    assert token == (agent.state_dir / "token").read_text().strip()
    return found


async def get(url: str, trust: aiohttp.Fingerprint | ssl.SSLContext) -> int:
    """Return the status of an answer."""
    async with aiohttp.ClientSession() as session, session.get(url, ssl=trust) as response:
        return response.status


def address(agent: RunningAgent) -> tuple[str, int]:
    """Return where an agent listens."""
    return "127.0.0.1", int(agent.url.rpartition(":")[2])


async def test_client_that_pins_the_fingerprint_is_served(secured: RunningAgent) -> None:
    pinned = await fingerprint(secured)
    assert secured.url.startswith("https://")
    assert await get(f"{secured.url}/healthz", aiohttp.Fingerprint(bytes.fromhex(pinned))) == 200
    assert pinned in secured.log.read_text()
    with pytest.raises(aiohttp.ServerFingerprintMismatch) as refused:
        await get(f"{secured.url}/healthz", aiohttp.Fingerprint(b"\0" * 32))
    assert refused.value.got.hex() == pinned


async def test_client_that_trusts_the_certificates_file_is_served(secured: RunningAgent) -> None:
    trust = ssl.create_default_context(cafile=str(secured.state_dir / "certificate.pem"))
    where = secured.url.replace("127.0.0.1", "localhost")
    assert await get(f"{where}/healthz", trust) == 200


async def test_fingerprint_outlives_the_agent(secured: RunningAgent) -> None:
    before = await fingerprint(secured)
    await secured.stop()
    await secured.start("--simulate", "2xrtx_3090", "--tls", "self-signed")
    assert await get(f"{secured.url}/healthz", aiohttp.Fingerprint(bytes.fromhex(before))) == 200


async def test_what_is_no_tls_is_hung_up_on_without_noise(secured: RunningAgent) -> None:
    for words in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 4096):
        reader, writer = await asyncio.open_connection(*address(secured))
        writer.write(words)
        answer = await asyncio.wait_for(reader.read(), 10)
        assert b"HTTP" not in answer
        writer.close()
    pinned = await fingerprint(secured)
    assert await get(f"{secured.url}/healthz", aiohttp.Fingerprint(bytes.fromhex(pinned))) == 200
    lines = secured.log.read_text().splitlines()
    assert [line for line in lines if " INFO " not in line] == []


async def test_silent_clients_keep_neither_others_nor_the_end_waiting(
    secured: RunningAgent,
) -> None:
    silent = [await asyncio.open_connection(*address(secured)) for _ in range(20)]
    pinned = await fingerprint(secured)
    begin = time.monotonic()
    assert await get(f"{secured.url}/healthz", aiohttp.Fingerprint(bytes.fromhex(pinned))) == 200
    assert await secured.stop() == 0
    assert time.monotonic() - begin < 5
    for _, writer in silent:
        writer.close()
    assert "Traceback" not in secured.log.read_text()


@pytest.fixture
async def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[socket.socket]:
    """A TLS socket that is served, with little time for a handshake."""
    monkeypatch.setattr(run, "HANDSHAKE_S", 0.2)
    asyncio.get_running_loop().set_debug(False)  # as in the agent; else it is an error in the log
    runner = web.AppRunner(web.Application())
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    server = await run._listen(runner, sock, own(tmp_path).context())
    yield sock
    server.close()
    await runner.cleanup()


async def test_handshake_that_takes_too_long_is_given_up(
    hasty: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection(*hasty.getsockname())
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_nothing_is_served_before_the_application_is_set_up(hasty: socket.socket) -> None:
    with pytest.raises(RuntimeError, match="set up first"):
        await run._listen(web.AppRunner(web.Application()), hasty, None)


async def test_without_tls_others_are_warned_of(agent: RunningAgent) -> None:
    await agent.start("--simulate", "2xrtx_3090", "--listen", "0.0.0.0:0")
    await until(lambda: "the token crosses the network in the clear" in agent.log.read_text())
