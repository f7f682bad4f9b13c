"""Cases as *Export corrections* writes them."""

from __future__ import annotations

from pathlib import Path

from PASTALib.corrections import write_corrections
from PASTALib.drafting import draft_report
from PASTALib.lesions import find_lesions, instance_map
from PASTALib.study import Study
from report_case import LESIONS, MODEL, a_case


def write_case(folder: Path, shift_mm: float) -> None:
    """A case as *Export corrections* writes it; its tumor lies a little elsewhere."""
    (x, y, z), *rest = LESIONS["liver_tumor"]
    lesions = {**LESIONS, "liver_tumor": ((x + shift_mm, y, z), *rest)}
    ct, segmentation = a_case(lesions=lesions)
    found = find_lesions(ct, segmentation)
    report = draft_report(ct, segmentation, found, MODEL)
    study = Study(ct, segmentation.organs, found)
    original = instance_map(ct.image, found)
    types = {lesion.id: lesion.type for lesion in found}
    write_corrections(study, report, original, types, {}, folder)
