"""Catalogue codes as 3D Slicer's terminology strings.

Slicer keeps what a segment is in one string of seven fields, joined by ``~``: terminology
context, category, type, type modifier, region context, region, region modifier. A code is
``scheme^value^meaning``; an absent one is ``^^``.

The context is the one that Slicer always has, so that a file can be opened and its terms be picked
where PASTA is not installed. What that list lacks comes from ``Resources/Catalog/PASTA.term.json``.
"""

from __future__ import annotations

from PASTALib.catalog import Code, LesionType, Structure

STANDARD_CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"
OWN_CONTEXT = "PASTA"
OWN_TYPES = {"56381008": "Calculus", "29836001": "Hip"}
"""SNOMED CT types of ours that the DICOM master list of Slicer 5.13 does not have."""

SIDES: dict[str, Code] = {
    "left": Code("SCT", "7771000", "Left"),
    "right": Code("SCT", "24028007", "Right"),
}
"""SNOMED CT laterality, the region modifiers of a lesion in one of a pair of organs."""


def terminology(item: Structure | LesionType, side: str | None = None) -> str:
    """The terminology string of a structure or of a lesion.

    Args:
        item: what the segment shows.
        side: ``left`` or ``right`` for a lesion in one of a pair of organs; without meaning for
            a structure, whose key already says its side.
    """
    context = OWN_CONTEXT if item.type.value in OWN_TYPES else STANDARD_CONTEXT
    if isinstance(item, Structure):
        return entry(context, item.category, item.type, item.type_modifier)
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
