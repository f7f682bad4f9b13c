"""``pasta-gen`` inside 3D Slicer, or in plain Python from a source tree.

    Slicer --no-main-window --python-script PASTAGen/Scripts/generate.py -- RECIPE -o OUT [options]
    python PASTAGen/Scripts/generate.py RECIPE -o OUT [options]

The options are those of ``pasta-gen`` (``--help`` lists them), and so are the results.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

# In a source tree PASTALib lies in the module beside this one; in an installed extension both
# libraries lie beside this folder.
HERE = Path(__file__).resolve()
sys.path[:0] = [str(folder) for folder in (HERE.parents[1], HERE.parents[2] / "PASTA")]

NEEDED = ("pydantic",)
"""Packages that 3D Slicer does not have of itself."""
CANNOT_START = 2


def main(arguments: Sequence[str]) -> int:
    """Run with command-line arguments. Returns the exit code."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"PASTAGen needs the Python packages {', '.join(missing)}. In 3D Slicer, open the "
            "module PASTA and press Find lesions once: it asks and installs them.",
            file=sys.stderr,
        )
        return CANNOT_START
    from PASTAGenLib.production.cli import build_parser, run

    given = list(arguments)
    if given[:1] == ["--"]:  # what parts Slicer's own options from ours
        given = given[1:]
    try:
        parsed = build_parser("generate.py").parse_args(given)
    except SystemExit as stop:  # Slicer must be told the code in its own way
        return stop.code if isinstance(stop.code, int) else CANNOT_START
    return run(parsed)


def leave(code: int) -> None:
    """End Slicer, or this Python, with an exit code."""
    slicer = sys.modules.get("slicer")
    if slicer is not None and getattr(slicer, "app", None) is not None:
        slicer.util.exit(code)
    else:
        sys.exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
