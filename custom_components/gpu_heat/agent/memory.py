"""Giving memory back that starting took."""

import ctypes
import gc


def trim() -> None:
    """Give back what importing has left free in the C library's heap, where it can (glibc)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no CDLL(None)
        return
