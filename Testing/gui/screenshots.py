"""Pictures of the modules in the main window, made by the test host: ``make screenshots``.

Each function below sets one picture up and is named as the file that it becomes. Everything in the
pictures is synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import host as test_host
from gui import making_pictures, reading_pictures

SIZE = (1920, 1080)
KEPT_SIZE = (1536, 864)
PICTURES: tuple[Callable[[Any], None], ...] = (
    reading_pictures.run,
    reading_pictures.findings,
    reading_pictures.correction,
    reading_pictures.gestures,
    reading_pictures.report,
    making_pictures.placing,
    making_pictures.gallery,
)


def make_small(path: Path) -> None:
    """Reduce a picture to 256 colors and 1536 pixels, so that it can be kept in the repository."""
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").resize(KEPT_SIZE, Image.Resampling.LANCZOS)
    small.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


class Stage:
    """The host, with a sample torso for the pictures that want one."""

    def __init__(self, host: Any, spacing_mm: float) -> None:
        self._spacing_mm = spacing_mm
        self.scene = host.scene
        self.load_module = host.load_module
        self.process_events = host.process_events

    @cached_property
    def sample_torso(self) -> Any:
        """Volume and organs of the torso, added to the scene."""
        from PASTAGenLib.mrml.samples import add_sample_torso

        return add_sample_torso(self.scene, 1, spacing_mm=self._spacing_mm)


def main() -> None:
    """Make the pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", help="which; all if none is named")
    parser.add_argument("-o", "--output", type=Path, default=Path("screenshots"), help="folder")
    parser.add_argument("--spacing", type=float, default=1.5, help="of the sample torso, in mm")
    options = parser.parse_args()
    host = test_host.start()
    for picture in PICTURES:
        if options.pictures and picture.__name__ not in options.pictures:
            continue
        host.clear()
        host.window.resize(*SIZE)
        host.window.show()
        host.process_events()
        picture(Stage(host, options.spacing))
        path = options.output / f"{picture.__name__}.png"
        host.grab(path, SIZE)
        make_small(path)
        print(path)
    faults = host.take_faults()
    test_host.stop()
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
