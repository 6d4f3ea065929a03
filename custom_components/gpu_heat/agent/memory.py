"""Taking no memory for what serving does not use, and giving back what starting took."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import ctypes
import gc
import os
import sys
import threading

# aiohttp reads all authorities' certificates when it is imported, for clients that the agent has
# none of: 2 MB. What frozenlist has in C++ would bring libstdc++: 1 to 2 MB.
_LEAN = {"SSL_CERT_FILE": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}


@contextmanager
def lean() -> Iterator[None]:
    """Import aiohttp's server within the block; TLS clients need a context of their own then."""
    before = {name: os.environ.get(name) for name in _LEAN}
    os.environ.update(_LEAN)
    try:
        yield
    finally:  # the jobs' programs get the environment as it was
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def apart(work: Callable[[], object]) -> None:
    """Try to do the work in a process of its own, which takes along what it imports.

    Nobody is told whether it was done: who needs the outcome looks for it, and does it then.
    It is not on Windows, nor where threads run, of which a fork could inherit a held lock.
    """
    if sys.platform == "win32" or threading.active_count() > 1:
        return
    try:
        child = os.fork()
    except OSError:  # there may be no more processes
        return
    if child == 0:
        try:
            with suppress(Exception):
                work()
        finally:
            os._exit(0)
    with suppress(ChildProcessError):  # where children are not to be waited for, it has ended too
        os.waitpid(child, 0)


def trim() -> None:
    """Give back what importing has left free in the C library's heap, where it can (glibc)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no CDLL(None)
        return
