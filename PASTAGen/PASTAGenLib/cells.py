"""Small pictures of lesions, as cells of a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from PASTALib.files import written_atomically
from PASTALib.geometry import Geometry, Vector
from PASTALib.pictures import window_of
from PASTALib.planes import axial_plane

LEAST_SIDE_MM, SIDE_PER_LENGTH = 56.0, 2.6
GRAYS = 20
"""Gray levels: noise in more of them would make the files several times larger."""
AIR_HU = -1000.0
PAPER, INK = 24, 235

Picture = NDArray[np.uint8]


def lesion_cell(
    ct: sitk.Image, organ: str, center: Vector, length_mm: float, pixels: int
) -> Picture:
    """A square axial picture with a lesion in its middle, in the window of its organ.

    Args:
        ct: HU.
        organ: one of the ten organs.
        center: of the lesion, LPS mm.
        length_mm: of the lesion; the picture is somewhat wider.
        pixels: side of the picture.
    """
    side = max(LEAST_SIDE_MM, SIDE_PER_LENGTH * length_mm)
    plane = axial_plane(Geometry.of(ct), center, side, pixels)
    gray = window_of(organ).gray(plane.sample(ct, AIR_HU))
    levels = np.rint(gray / 255 * (GRAYS - 1)) * (255 / (GRAYS - 1))
    return np.asarray(np.rint(levels), np.uint8)


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, atomically."""
    with written_atomically(path) as temporary:
        sheet.quantize(colors=64, dither=Image.Dither.NONE).save(temporary, optimize=True)
