"""What the guard's interpreter runs: it loads the agent's package by its folder alone.

Within Home Assistant the package has another name, and lies in one that would load all of that.
"""

from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
import os.path
import sys

_NAME = "gpu_heat_guard"


def run() -> int:
    """Load the package, and be the guard."""
    folder = os.path.dirname(os.path.abspath(__file__))
    spec = spec_from_file_location(
        _NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    package = sys.modules[_NAME] = module_from_spec(spec)
    spec.loader.exec_module(package)
    code: int = import_module(f"{_NAME}.guard").main(sys.argv[1:])
    return code


if __name__ == "__main__":
    sys.exit(run())
