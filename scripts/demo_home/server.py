"""The demo's GPU server: the real agent, simulated GPUs, real child processes as jobs."""

from dataclasses import dataclass
from datetime import timedelta
import json
from pathlib import Path
import subprocess
import sys

from . import processes, workload
from .errors import DemoError

GPUS = "2xrtx_3090"
NAME = "Basement server"
JOBS = {"fine-tune": "Fine-tuning", "embeddings": "Embeddings"}
PLANNED_JOB = "embeddings"
"""The one that tells how much is done; of the other nobody knows when it will be."""
WORK = timedelta(hours=3)
TOKEN_PATIENCE_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A GPU server's agent that lives in `folder`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where the agent answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the agent says."""
        return self.folder / "agent.log"

    def start(self) -> subprocess.Popen[bytes]:
        """Write the configuration and start the agent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep_port()
        (self.folder / "agent.toml").write_text(_configuration(self.folder))
        return processes.start(
            self._command("run", "--simulate", GPUS), cwd=self.folder, log=self.log
        )

    def token(self) -> str:
        """Return the token of the agent's HTTP interface; it is there once the agent answers."""
        answer = subprocess.run(
            self._command("token"),
            capture_output=True,
            check=True,
            text=True,
            timeout=TOKEN_PATIENCE_S,
        )
        return answer.stdout.splitlines()[0].strip()

    def _keep_port(self) -> None:
        """Raise DemoError where the home that was set up in this folder knows another port."""
        kept = self.folder / "port"
        if kept.exists() and (known := kept.read_text().strip()) != str(self.port):
            raise DemoError(
                f"the home in this folder knows its server at port {known}: "
                f"use --agent-port {known}, or another --dir"
            )
        kept.write_text(f"{self.port}\n")

    def _command(self, verb: str, *options: str) -> list[str]:
        return [
            str(Path(sys.executable).with_name("gpu-heat-agent")),
            verb,
            *("--config", str(self.folder / "agent.toml")),
            *("--state-dir", str(self.folder / "state")),
            *("--tls", "off"),
            *(("--listen", f"127.0.0.1:{self.port}") if verb == "run" else ()),
            *options,
        ]


def _configuration(folder: Path) -> str:
    """Return the agent's TOML. What JSON writes for strings and lists, TOML reads as the same."""
    lines = [f"name = {json.dumps(NAME)}"]
    for device, (job_id, name) in enumerate(JOBS.items()):
        command = [sys.executable, workload.__file__, str(folder / f"{job_id}.count")]
        progress = []
        if job_id == PLANNED_JOB:
            file = str(folder / f"{job_id}.progress")
            command += [file, str(round(WORK.total_seconds() / workload.STEP_S))]
            progress = [f"progress = {{ file = {json.dumps(file)} }}"]
        lines += [
            "",
            "[[jobs]]",
            f"id = {json.dumps(job_id)}",
            f"name = {json.dumps(name)}",
            'kind = "process"',
            f"command = {json.dumps(command)}",
            f"devices = [{device}]",
            'on_stop = "terminate"',
            *progress,
        ]
    return "\n".join([*lines, ""])
