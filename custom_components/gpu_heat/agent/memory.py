"""Taking no memory for what serving does not use, and giving back what starting took."""

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
import gc
import os

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


def trim() -> None:
    """Give back what importing has left free in the C library's heap, where it can (glibc)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no CDLL(None)
        return
