"""A painted case in a scene, as an analysis leaves it there, for the tests of desk and panels."""

from __future__ import annotations

from typing import Any

from PASTALib.drafting import draft_report
from PASTALib.lesions import find_lesions, instance_map
from PASTALib.mrml.case import CaseNodes, add_findings
from PASTALib.mrml.volumes import add_volume
from PASTALib.segments import list_segments
from report_case import MODEL, a_case


def add_painted_case(scene: Any, **painted: Any) -> CaseNodes:
    """CT, organs, lesions (L1 a liver tumor, L2 a kidney cyst) and report, without a network."""
    ct, segmentation = a_case(**painted)
    lesions = find_lesions(ct, segmentation)
    report = draft_report(ct, segmentation, lesions, MODEL)
    volume = add_volume(scene, ct.image, ct.name)
    listed = list_segments(segmentation, instance_map(ct.image, lesions), lesions)
    return add_findings(volume, listed, report)
