"""``python PASTALib/worker/__main__.py FOLDER PATH[;PATH] MODULE...``: the worker process.

Started by path, because the child does not inherit where its parent finds PASTALib.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    # In place of this file's own folder, whose names would hide others.
    sys.path[:1] = sys.argv[2].split(os.pathsep)
    from PASTALib.worker.server import main

    main(Path(sys.argv[1]), sys.argv[3:])
