"""The power of the whole machine as its BMC tells it, by ipmitool."""

import os
import re
import shutil
import subprocess

from .errors import UnreachableError

TIME_LIMIT_S = 2.0
MAX_W = 100_000.0
_NO_READING_W = 0xFFFF

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


def read_w() -> float:
    """Return the input power of the machine in W. Raises UnreachableError."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_SYSTEM_FOLDERS))
    program = shutil.which("ipmitool", path=path)
    if program is None:
        raise UnreachableError("ipmitool is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - no word of it comes from elsewhere
            [program, "dcmi", "power", "reading"],
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise UnreachableError(f"the BMC did not answer within {TIME_LIMIT_S:g} s") from err
    except OSError as err:
        raise UnreachableError(f"{program}: {err.strerror}") from err
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = lines[0].strip()[:200] if lines else f"exit status {done.returncode}"
        hint = "; run as root" if os.name == "posix" and os.geteuid() != 0 else ""
        raise UnreachableError(f"ipmitool: {said}{hint}")
    return parse_w(done.stdout.decode("utf-8", "replace"))


def parse_w(page: str) -> float:
    """Return the power in W that `ipmitool dcmi power reading` wrote. Raises UnreachableError."""
    state = re.search(r"Power reading state is:\s*(\w+)", page)
    reading = re.search(r"Instantaneous power reading:\s*(\d{1,9}) Watts", page)
    if state is None or reading is None:
        raise UnreachableError("ipmitool wrote no power reading")
    if state[1] != "activated":
        raise UnreachableError("the BMC does not measure power now")
    power_w = float(reading[1])
    if not 0 < power_w <= MAX_W or power_w == _NO_READING_W:  # a machine that runs draws something
        raise UnreachableError(f"the BMC tells {power_w:g} W, which cannot be")
    return power_w
