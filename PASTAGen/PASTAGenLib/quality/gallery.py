"""Contact sheets: a lesion of every type in two phases and on two scans, as a reader sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from PASTAGenLib.apply import insert
from PASTAGenLib.cells import INK, PAPER, Picture, lesion_cell
from PASTAGenLib.quality.scans import Scan
from PASTAGenLib.spec import LesionSpec
from PASTALib.catalog import catalog
from PASTALib.errors import PastaError
from PASTALib.measure import measure_mask
from PASTALib.progress import Progress

PIXELS, GAP, CAPTION = 92, 2, 12
TYPES_ABREAST = 3


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
    return lesion_cell(case.ct, kind.organ, (x, y, z), size.diameter_3d.length_mm, PIXELS)
