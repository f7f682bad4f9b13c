"""The nodes of a case: made from an analysis, and found again in a scene that was saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PASTALib.errors import PastaError
from PASTALib.mrml.bundle import REPORT_ATTRIBUTE, add_report
from PASTALib.mrml.hierarchy import place_beside
from PASTALib.mrml.segmentations import add_segments, release_voxels
from PASTALib.mrml.volumes import add_volume, image_of
from PASTALib.segments import LESION_LAYER, ORGAN_LAYER, SegmentList, list_segments
from PASTALib.synthetic import NODE_ATTRIBUTE

if TYPE_CHECKING:
    from PASTALib.analysis import Analysis
    from PASTALib.ct import CT
    from PASTALib.report import Report

ROLES = ("volume", "organs", "lesions", "original")
"""References of the report's node to the other nodes of its case."""
KIND = "PASTA.Kind"
"""Attribute of the nodes of a case, for who looks for them: one of `ROLES`."""
SECONDS = "PASTA.Seconds"
"""Attribute of the report's node: JSON of the seconds that a reader was at each finding."""


@dataclass(frozen=True)
class CaseNodes:
    """The nodes of one case.

    Attributes:
        volume: the CT.
        organs: segmentation of the organs; not shown at first.
        lesions: segmentation with a segment for each finding; its id is the finding's.
        original: the lesions as the model outlined them; not shown, never changed.
        report: text node with the report as JSON; it refers to the others.
    """

    volume: Any
    organs: Any
    lesions: Any
    original: Any
    report: Any

    def read_report(self) -> Report:
        """The report as it is now."""
        from PASTALib.report import Report

        return Report.model_validate_json(self.report.GetText())

    def write_report(self, report: Report) -> None:
        """Keep a report in the scene."""
        self.report.SetText(report.model_dump_json(indent=1))

    def read_seconds(self) -> dict[str, float]:
        """How long a reader was at each finding."""
        kept: dict[str, float] = json.loads(self.report.GetAttribute(SECONDS) or "{}")
        return kept

    def write_seconds(self, seconds: Mapping[str, float]) -> None:
        """Keep the time that a reader took in the scene."""
        rounded = {key: round(value, 1) for key, value in seconds.items()}
        self.report.SetAttribute(SECONDS, json.dumps(rounded))

    def whole(self) -> bool:
        """Whether all nodes are still in one scene."""
        nodes = (self.volume, self.organs, self.lesions, self.original, self.report)
        return all(node.GetScene() is not None for node in nodes)

    def release(self) -> None:
        """Let go of the voxels, which makes closing the scene fast; the case is gone then."""
        for node in (self.organs, self.lesions, self.original):
            release_voxels(node)

    def remove(self) -> None:
        """Take what the analysis added out of the scene again; the CT stays."""
        for node in (self.organs, self.lesions, self.original, self.report):
            scene = node.GetScene()
            if scene is not None:
                scene.RemoveNode(node)


def ct_of(volume: Any, *, exact: bool = False) -> CT:
    """The CT in a volume node, checked as one from a file is; `exact` as of `reading.read_ct`.

    Raises:
        PastaError: empty, not a CT, or with axes that are not at right angles.
    """
    from PASTALib.checks import checked_ct, exact_ct
    from PASTALib.ct import CT

    name = volume.GetName() or "CT"
    check = exact_ct if exact else checked_ct
    image, notes = check(image_of(volume), f"The volume '{name}'")
    synthetic = volume.GetAttribute(NODE_ATTRIBUTE) == "1"
    return CT(image, name, source="volume of the scene", notes=notes, synthetic=synthetic)


def add_analysis(scene: Any, analysis: Analysis, volume: Any = None) -> CaseNodes:
    """Add a finished analysis to a scene, and its CT unless that is there already."""
    if volume is None:
        volume = add_volume(scene, analysis.ct.image, analysis.ct.name)
        if analysis.ct.synthetic:
            volume.SetAttribute(NODE_ATTRIBUTE, "1")
    listed = list_segments(analysis.segmentation, analysis.instances, analysis.lesions)
    return add_findings(volume, listed, analysis.report)


def add_findings(volume: Any, listed: SegmentList, report: Report) -> CaseNodes:
    """Add organs, lesions and report to the scene of a volume node.

    Nothing that is in the scene already is touched, also not the result of an earlier run; no
    closed surface is made and no view changes.
    """
    scene, name = volume.GetScene(), volume.GetName()
    rows = {
        layer: [row for row in listed.segments if row.layer == layer]
        for layer in (ORGAN_LAYER, LESION_LAYER)
    }

    def add(kind: str, title: str, layer: int, shown: bool) -> Any:
        node = add_segments(scene, f"{name} {title}", rows[layer], listed.layers, volume)
        node.SetAttribute(KIND, kind)
        if node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(shown)
        return node

    organs = add("organs", "organs", ORGAN_LAYER, False)
    lesions = add("lesions", "lesions", LESION_LAYER, True)
    original = add("original", "lesions as found by the model", LESION_LAYER, False)
    original.SetHideFromEditors(True)
    text = add_report(scene, report.model_dump_json(indent=1), f"{name} report", "json")
    nodes = CaseNodes(volume, organs, lesions, original, text)
    for role in ROLES:
        text.SetNodeReferenceID(role, getattr(nodes, role).GetID())
    for node in (organs, lesions, original, text):
        place_beside(node, volume)
    return nodes


def cases_in(scene: Any) -> list[CaseNodes]:
    """The cases of a scene, the latest last; those that lack a node are left out."""
    found = []
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLTextNode")):
        text = scene.GetNthNodeByClass(number, "vtkMRMLTextNode")
        if text.GetAttribute(REPORT_ATTRIBUTE) != "json":
            continue
        nodes = [text.GetNodeReference(role) for role in ROLES]
        if all(nodes):
            volume, organs, lesions, original = nodes
            found.append(CaseNodes(volume, organs, lesions, original, text))
    return found


def latest_case(scene: Any, volume: Any = None) -> CaseNodes:
    """The case that was made last, of a volume or of all.

    Raises:
        PastaError: there is none.
    """
    of_volume = [c for c in cases_in(scene) if volume is None or c.volume is volume]
    if not of_volume:
        raise PastaError("This scene has no result of PASTA yet; run it on a CT first.")
    return of_volume[-1]
