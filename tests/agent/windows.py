"""The agent's command line without what Windows lacks, and with a stand-in for what it has.

    python tests/agent/windows.py FOLDER run|check|token [OPTION...]

FOLDER is %PROGRAMDATA%. This is no Windows: it shows that nothing else of POSIX is asked for.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from types import ModuleType

# All that others import has to be there before the platform is another one.
import aiohttp.web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
import prometheus_client
import psutil
import zeroconf.asyncio

LOADED = (aiohttp.web, prometheus_client, psutil, serialization, x509, zeroconf.asyncio)

MISSING = {
    os: {"geteuid", "getuid", "getpgid", "getsid", "killpg", "pidfd_open"},
    signal: {"SIGCONT", "SIGHUP", "SIGKILL", "SIGSTOP", "pidfd_send_signal"},
    time: {"clock_gettime", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC"},
}
MISSING[os] |= {"O_CLOEXEC", "O_DIRECTORY"}


def _locking(fd: int, mode: int, length: int) -> None:
    assert mode == 2
    fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, length)


def _no_handler(*_: object) -> None:
    raise NotImplementedError


def pretend(program_data: str) -> None:
    """Take away what is POSIX's."""
    for module, names in MISSING.items():
        for name in names:
            delattr(module, name)
    msvcrt = ModuleType("msvcrt")
    vars(msvcrt).update(LK_NBLCK=2, locking=_locking)
    blocked = dict.fromkeys(("fcntl", "grp", "pwd", "resource"))
    sys.modules.update(blocked, msvcrt=msvcrt)  # type: ignore[arg-type]
    vars(socket).update(SO_EXCLUSIVEADDRUSE=socket.SO_REUSEADDR)
    for method in ("add_signal_handler", "remove_signal_handler"):
        setattr(asyncio.SelectorEventLoop, method, _no_handler)
    shutil.which = lambda *_, **__: None  # its way on Windows asks Windows
    os.environ["PROGRAMDATA"] = program_data
    sys.platform = "win32"


if __name__ == "__main__":
    pretend(sys.argv[1])
    from gpu_heat_agent.cli import main

    sys.exit(main(sys.argv[2:]))
