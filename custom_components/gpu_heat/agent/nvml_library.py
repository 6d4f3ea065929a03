"""Letting go of the NVML library, which nvidia-ml-py itself never does.

A library that was loaded before a driver upgrade does not understand the new driver. These are
private parts of nvidia-ml-py and of ctypes: where they have changed nothing is done.
"""

import ctypes
import logging
from types import ModuleType

_LOGGER = logging.getLogger(__name__)


def unload(nvml: ModuleType) -> bool:
    """Unload the library, so that the next start loads it anew; return whether that was done.

    NVML must not be in use. Whoever else loaded the same library keeps it in the process.
    """
    library = getattr(nvml, "nvmlLib", None)
    pointers = getattr(nvml, "_nvmlGetFunctionPointer_cache", None)
    try:
        from _ctypes import dlclose  # noqa: PLC0415 - there may be none
    except ImportError:
        return False
    if not isinstance(library, ctypes.CDLL) or not isinstance(pointers, dict):
        return False
    pointers.clear()  # before the code that they point to goes
    vars(nvml)["nvmlLib"] = None
    try:
        dlclose(library._handle)
    except OSError as err:
        _LOGGER.debug("NVML was not unloaded: %s", err)
        return False
    _LOGGER.info("NVML unloaded, as the driver is another one")
    return True
