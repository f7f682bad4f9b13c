"""Catalogue codes as 3D Slicer's terminology strings.

Slicer keeps what a segment is in one string of seven fields, joined by ``~``: terminology
context, category, type, type modifier, region context, region, region modifier. A code is
``scheme^value^meaning``; an absent one is ``^^``.

The contexts named here are the ones that Slicer always has, so that a file can be opened and its
terms be picked where PASTA is not installed. A calculus is in none of them; it comes from
``Resources/Catalog/PASTA.term.json``.
"""

from __future__ import annotations

from typing import Literal

from PASTALib.catalog import Code, LesionType, Structure

ANATOMY_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
LESION_CONTEXT = "Segmentation category and type - DICOM master list"
OWN_CONTEXT = "PASTA lesions"
REGION_CONTEXT = "Anatomic codes - DICOM master list"

Side = Literal["left", "right"]
SIDES: dict[str, Code] = {
    "left": Code("SCT", "7771000", "Left"),
    "right": Code("SCT", "24028007", "Right"),
}
"""SNOMED CT laterality, the region modifiers of a lesion in one of a pair of organs."""

_BODY_SUBSTANCE = "91720002"
"""Category of the calculi, which the DICOM master list lacks."""


def terminology(item: Structure | LesionType, side: str | None = None) -> str:
    """The terminology string of a structure or of a lesion.

    Args:
        item: what the segment shows.
        side: ``left`` or ``right`` for a lesion in one of a pair of organs; without meaning for
            a structure, whose key already says its side.
    """
    if isinstance(item, Structure):
        return entry(ANATOMY_CONTEXT, item.category, item.type, item.type_modifier)
    context = OWN_CONTEXT if item.category.value == _BODY_SUBSTANCE else LESION_CONTEXT
    return entry(context, item.category, item.type, None, item.region, SIDES.get(side or ""))


def entry(
    context: str,
    category: Code,
    kind: Code,
    modifier: Code | None = None,
    region: Code | None = None,
    region_modifier: Code | None = None,
) -> str:
    """Join the seven fields of a terminology string."""
    codes = [str(code) if code else "^^" for code in (modifier, region, region_modifier)]
    return "~".join([context, str(category), str(kind), codes[0], REGION_CONTEXT, *codes[1:]])
