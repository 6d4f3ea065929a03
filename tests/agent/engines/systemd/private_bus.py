"""A message bus of a test's own, with a stand-in for systemd on it; both are real processes."""

import json
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
from typing import Any

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    {denials}
  </policy>
  {policies}
</busconfig>
"""


def allow_unix_sockets() -> None:
    """Allow them under Home Assistant's pytest plugin, which lets nothing out but 127.0.0.1."""
    try:
        import pytest_socket  # noqa: PLC0415 - not among what the agent's own tests need
    except ModuleNotFoundError:
        return
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)


class PrivateBus:
    """A dbus-daemon that can be ended and started again at the same address."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gpu-heat-bus-"))
        self.address = f"unix:path={self._folder / 'bus'}"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._systemd: subprocess.Popen[bytes] | None = None

    def up(self, *, denials: str = "", policies: str = "") -> None:
        """Start the bus with rules in its config, and systemd on it."""
        self.up_bare(denials=denials, policies=policies)
        self._systemd = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fake_systemd.py")), self.address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._answer() == "ready"

    def up_bare(self, *, denials: str = "", policies: str = "") -> None:
        """Start the bus alone."""
        config = self._folder / "bus.conf"
        config.write_text(
            _CONFIG.format(socket=self._folder / "bus", denials=denials, policies=policies)
        )
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
        )
        assert self._daemon.stdout is not None
        assert self._daemon.stdout.readline().startswith(b"unix:path=")

    def down(self) -> None:
        """End both."""
        for process in (self._systemd, self._daemon):
            if process is not None:
                process.kill()
                process.communicate(timeout=10)
        self._systemd = self._daemon = None

    def close(self) -> None:
        """End both and leave nothing behind."""
        self.down()
        shutil.rmtree(self._folder)

    def systemd(self, do: str, unit: str | None = None, **more: Any) -> Any:
        """Have the stand-in do something behind the agent's back, or tell."""
        assert self._systemd is not None
        assert self._systemd.stdin is not None
        line = json.dumps({"do": do, "unit": unit, **more}) + "\n"
        self._systemd.stdin.write(line.encode())
        self._systemd.stdin.flush()
        return self._answer()

    def calls(self) -> list[list[Any]]:
        """Return what was asked of the manager since the last time, looks left out."""
        looks = {"LoadUnit", "ListUnitsByPatterns"}
        return [call for call in self.systemd("calls") if call[0] not in looks]

    def _answer(self) -> Any:
        assert self._systemd is not None
        assert self._systemd.stdout is not None
        return json.loads(self._systemd.stdout.readline())
