"""Analyze CT inside 3D Slicer, or in plain Python with the package ``slicer-core``.

    Slicer --no-main-window --python-script PASTA/Scripts/analyze.py -- INPUT... -o OUT [options]
    python PASTA/Scripts/analyze.py INPUT... -o OUT [options]

The options are those of ``python -m PASTALib analyze`` (``--help`` lists them), and so are the
results; beside them, each case gets a scene ``<case>.mrb`` with the CT, the segmentation (names,
colors, terms) and the report, which opens in Slicer by a double click.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# In a source tree and in an installed extension alike, the library lies beside this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from PASTALib.analysis import Analysis

NEEDED = ("torch", "pydantic", "jinja2", "safetensors", "PIL")
"""Packages that 3D Slicer does not have of itself."""
CANNOT_START = 2


class SceneCarrier:
    """Saves a scene for each finished analysis, and leaves the scene empty for the next."""

    def __init__(self) -> None:
        from PASTALib.mrml.scene import open_scene

        self._carrier = open_scene()

    def __call__(self, analysis: Analysis, folder: Path) -> None:
        """Called by `PASTALib.cli.run` with each finished analysis and its result folder."""
        from PASTALib.mrml.bundle import save_scene
        from PASTALib.mrml.case import add_analysis

        scene = self._carrier.scene
        try:
            add_analysis(scene, analysis)
            save_scene(scene, folder / f"{folder.name}.mrb")
        finally:
            scene.Clear(0)


def main(arguments: Sequence[str]) -> int:
    """Run with command-line arguments. Returns the exit code."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"PASTA needs the Python packages {', '.join(missing)}. In 3D Slicer, open the module "
            "PASTA and press Find lesions once: it asks and installs them.",
            file=sys.stderr,
        )
        return CANNOT_START
    from PASTALib.cli import build_analyze_parser, run

    given = list(arguments)
    if given[:1] == ["--"]:  # what parts Slicer's own options from ours
        given = given[1:]
    try:
        parsed = build_analyze_parser("analyze.py").parse_args(given)
    except SystemExit as stop:  # Slicer must be told the code in its own way
        return stop.code if isinstance(stop.code, int) else CANNOT_START
    return run(parsed, SceneCarrier())


def leave(code: int) -> None:
    """End Slicer, or this Python, with an exit code."""
    import slicer.util

    if getattr(slicer, "app", None) is not None:
        slicer.util.exit(code)
    else:
        sys.exit(code)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
