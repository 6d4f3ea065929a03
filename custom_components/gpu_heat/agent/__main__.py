"""`python -m gpu_heat_agent`."""

import sys

from .cli import main

sys.exit(main())
