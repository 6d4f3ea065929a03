"""The command line."""

import argparse
from collections.abc import Sequence
import logging
import os
from pathlib import Path
import sys
from typing import NoReturn

from . import __version__
from .check import check
from .config import Config, TlsMode, default_config, load_config, with_overrides
from .engines.kinds import READERS
from .errors import AgentError, UsageError
from .hardware import make_reader
from .memory import lean
from .simulated import parse_spec
from .state_dir import StateDir
from .tls import credentials, given

_LOGGER = logging.getLogger(__name__)

_EPILOG = "Without --config a file is read if it is there: see docs/agent.md."


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 2 a fault of set-up, 1 any other (`check`: no power)."""
    args = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        return _command(args)
    except UsageError as err:
        sys.stderr.write(f"gpu-heat-agent: {' '.join(str(err).split())}\n")
        return 2
    except AgentError as err:
        _LOGGER.error("Stopped: %s", err)  # noqa: TRY400 - its one line says all
        return 1


def _command(args: argparse.Namespace) -> int:
    path = _config_path(args)
    config = _config(args, path)
    simulation = None if args.simulate is None else parse_spec(args.simulate)
    if args.command == "check":
        reader = make_reader(simulation, seed="check", busy=frozenset)
        return check(reader, sys.stdout.write)
    state_dir = args.state_dir or default_state_dir()
    if args.command == "token":
        given(config.server)  # the owner's files are looked at before anything is made
        folder = StateDir(state_dir)
        new = not (state_dir / "token").exists()
        found = credentials(config, folder)
        lines = [folder.token()] + ([] if found is None else [found.fingerprint()])
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        if new:
            sys.stderr.write(f"Made anew, as no agent has run with {state_dir} yet\n")
        return 0
    with lean():  # the HTTP server takes half a second to import
        from .run import Launch, run  # noqa: PLC0415

    run(
        Launch(config=config, state_dir=state_dir, simulation=simulation, config_path=path),
    )
    return 0


def default_config_path() -> Path:
    """Return where the config file is looked for."""
    if sys.platform == "win32":
        return _program_data() / "config.toml"
    if os.geteuid() == 0:
        return Path("/etc/gpu-heat-agent.toml")
    return _xdg("XDG_CONFIG_HOME", ".config") / "gpu-heat-agent.toml"


def default_state_dir() -> Path:
    """Return where the state is kept."""
    if sys.platform == "win32":
        return _program_data()
    if os.geteuid() == 0:
        return Path("/var/lib/gpu-heat-agent")
    return _xdg("XDG_STATE_HOME", ".local/state") / "gpu-heat-agent"


def _config_path(args: argparse.Namespace) -> Path | None:
    path: Path | None = args.config
    if path is None and default_config_path().exists():
        return default_config_path()
    return path


def _config(args: argparse.Namespace, path: Path | None) -> Config:
    config = default_config() if path is None else load_config(path, READERS)
    return with_overrides(config, listen=args.listen, tls=args.tls)


def _program_data() -> Path:
    return Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "gpu-heat-agent"


def _xdg(variable: str, fallback: str) -> Path:
    given = os.environ.get(variable, "")
    return Path(given) if given.startswith("/") else Path.home() / fallback


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gpu-heat-agent",
        description="Serve a GPU server's power and energy, and pause and resume its jobs.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="run|check|token")
    for name, text in (
        ("run", "serve until stopped"),
        ("check", "print what this machine supports; exit 0 only if power is readable"),
        ("token", "print the API token and, below it, the fingerprint of the certificate"),
    ):
        command = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        command.add_argument("--config", type=Path, metavar="FILE", help="TOML file")
        command.add_argument("--listen", metavar="HOST:PORT", help="default: port 9839, everywhere")
        command.add_argument("--state-dir", type=Path, metavar="DIR", help="token and counters")
        command.add_argument(
            "--tls", choices=[mode.value for mode in TlsMode], help="default: self-signed"
        )
        command.add_argument("--simulate", metavar="SPEC", help="GPUs to simulate: 2xrtx_3090")
    return parser
