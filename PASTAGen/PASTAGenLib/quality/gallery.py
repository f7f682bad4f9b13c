"""Contact sheets: a lesion of every type in two phases and on two scans, as a reader sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from PASTAGenLib.apply import insert
from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.files import written_atomically
from PASTALib.geometry import Geometry
from PASTALib.measure import measure_mask
from PASTALib.pictures import window_of
from PASTALib.planes import axial_plane
from PASTALib.progress import Progress

PIXELS, GAP, CAPTION = 92, 2, 12
LEAST_SIDE_MM, SIDE_PER_LENGTH = 56.0, 2.6
TYPES_ABREAST = 3
GRAYS = 20
"""Gray levels: noise in more of them would make the files several times larger."""
AIR_HU = -1000.0
PAPER, INK = 24, 235

Picture = NDArray[np.uint8]


def contact_sheet(scans: Sequence[Scan], seed: int, progress: Progress) -> Image.Image:
    """One row of cells a type, one cell a scan; the lesion is in the middle of its cell.

    A cell stays empty where the scan holds no place for the type.
    """
    types = list(catalog().lesion_types)
    width, height = len(scans) * (PIXELS + GAP) + 4 * GAP, PIXELS + CAPTION + GAP
    rows = -(-len(types) // TYPES_ABREAST)
    sheet = Image.new("L", (TYPES_ABREAST * width, rows * height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, type_ in enumerate(types):
        progress(number / len(types), f"Gallery: {type_}")
        left, top = number % TYPES_ABREAST * width, number // TYPES_ABREAST * height
        draw.text((left + GAP, top), catalog().lesion_types[type_].name, fill=INK)
        for place, scan in enumerate(scans):
            cell = lesion_picture(scan, type_, np.random.default_rng([seed, number, place]))
            if cell is not None:
                corner = (left + place * (PIXELS + GAP), top + CAPTION)
                sheet.paste(Image.fromarray(cell), corner)
    return sheet


def lesion_picture(scan: Scan, type_: str, rng: np.random.Generator) -> Picture | None:
    """Axial picture of an inserted lesion in its organ's window; None if it finds no place."""
    kind = catalog().lesion_types[type_]
    if not scan.holds(kind.organ):
        return None
    try:
        near = scan.around(kind.organ)
        case = insert(near.image, near.organs, LesionSpec(type_, phase=scan.phase), rng)
    except PastaError:
        return None
    size = measure_mask(case.lesion_mask)
    ends = size.long_axis.start, size.long_axis.end
    x, y, z = ((a + b) / 2 for a, b in zip(*ends, strict=True))
    side = max(LEAST_SIDE_MM, SIDE_PER_LENGTH * size.diameter_3d.length_mm)
    plane = axial_plane(Geometry.of(case.ct), (x, y, z), side, PIXELS)
    gray = window_of(kind.organ).gray(plane.sample(case.ct, AIR_HU))
    levels = np.rint(gray / 255 * (GRAYS - 1)) * (255 / (GRAYS - 1))
    return np.asarray(np.rint(levels), np.uint8)


def write_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG, atomically."""
    with written_atomically(path) as temporary:
        sheet.quantize(colors=64, dither=Image.Dither.NONE).save(temporary, optimize=True)
