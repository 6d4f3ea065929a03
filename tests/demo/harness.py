"""Starts scripts/demo, and looks at what it leaves behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
import queue
import signal
import socket
import subprocess
import threading
import time

import psutil

DEMO = Path(__file__).parents[2] / "scripts" / "demo"
# A machine without the environments makes them first.
START_PATIENCE_S = 400
STOP_PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Ports and a folder for temporary files that nobody else uses."""

    folder: Path
    port: int
    agent_port: int

    def command(self, *options: str) -> list[str]:
        """Return the command line of a demo in this sandbox."""
        ports = ("--port", str(self.port), "--agent-port", str(self.agent_port))
        return [str(DEMO), *ports, *options]

    @property
    def environment(self) -> dict[str, str]:
        """The environment that puts temporary files into the folder."""
        return {**os.environ, "TMPDIR": str(self.folder)}

    def processes(self) -> list[psutil.Process]:
        """Return the processes that work with files in the folder."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.folder) in word for word in process.info["cmdline"] or ())
        ]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a demo that ends by itself."""
        return subprocess.run(
            self.command(*options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=self.environment,
            text=True,
            timeout=START_PATIENCE_S,
        )

    @contextmanager
    def start(self, *options: str, until: str) -> Iterator[subprocess.Popen[str]]:
        """Start a demo that goes on, wait until it has said something, end it after use."""
        process = subprocess.Popen(
            self.command(*options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
            text=True,
        )
        try:
            _wait_for_words(process, until)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_PATIENCE_S)
            finally:
                process.kill()


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that are free now."""
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in with_ports]
    for server in with_ports:
        server.close()
    return ports


def eventually(check: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Return once `check` holds; fail with `what` if it does not in time."""
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, f"after {seconds} s: {what}"
        time.sleep(0.1)


def _wait_for_words(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    output = process.stdout

    def read() -> None:
        for line in output:  # to the end, so that the demo never waits for a reader
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    said = []
    until = time.monotonic() + START_PATIENCE_S
    while not said or words not in said[-1]:
        said.append(lines.get(timeout=max(0.0, until - time.monotonic())))
        assert said[-1], "the demo ended: " + "".join(said)
