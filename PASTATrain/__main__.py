"""``python -m PASTATrain`` is ``pasta-train``."""

import sys

from PASTATrain.cli import main

sys.exit(main())
