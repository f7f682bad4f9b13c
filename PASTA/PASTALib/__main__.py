"""``python -m PASTALib`` is the console command ``pasta``."""

import sys

from PASTALib.cli import main

sys.exit(main())
