"""What a production made, at a glance: one small picture a case."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import SimpleITK as sitk
from PIL import Image, ImageDraw

from PASTAGenLib.cells import INK, PAPER, lesion_cell, write_sheet
from PASTAGenLib.production.case import RECORDS
from PASTAGenLib.production.produced import Record, read_records
from PASTALib.errors import PastaError
from PASTALib.synthetic import SYNTHETIC

NAME = "contact_sheet.png"
MOST = 24
PIXELS, GAP, CAPTION = 144, 4, 14


def write_contact_sheet(out: Path) -> Path:
    """Write ``contact_sheet.png`` into the folder of a production; returns the file.

    At most `MOST` cases are shown, evenly among all.

    Raises:
        PastaError: the folder holds no finished case.
    """
    records = [r for r in read_records(out / RECORDS).values() if r.status == "done" and r.files]
    if not records:
        raise PastaError(f"'{out}' holds no finished case yet.")
    shown = [records[int(i * len(records) / MOST)] for i in range(min(MOST, len(records)))]
    if len(records) <= MOST:
        shown = records
    columns = ceil(len(shown) ** 0.5)
    rows = -(-len(shown) // columns)
    size = (columns * (PIXELS + GAP), rows * (PIXELS + CAPTION + GAP) + CAPTION)
    sheet = Image.new("L", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 0), f"{SYNTHETIC}: {len(records)} cases", fill=INK)
    for number, record in enumerate(shown):
        left = number % columns * (PIXELS + GAP)
        top = CAPTION + number // columns * (PIXELS + CAPTION + GAP)
        draw.text((left + GAP, top), record.name, fill=INK)
        sheet.paste(_cell(record, out), (left, top + CAPTION))
    write_sheet(sheet, out / NAME)
    return out / NAME


def _cell(record: Record, out: Path) -> Image.Image:
    assert record.files is not None
    truth = record.truths[0]
    image = sitk.ReadImage(str(out / next(iter(record.files))))
    x, y, z = truth["center"]
    picture = lesion_cell(image, truth["organ"], (x, y, z), truth["long_axis_mm"], PIXELS)
    return Image.fromarray(picture)
