"""Where an outline may be changed, as the masks of PASTA's segment editor say."""

from __future__ import annotations

from typing import Any

import slicer

from PASTALib.geometry import Geometry
from PASTALib.gestures.wish import EditableArea
from PASTALib.mrml.labelmaps import region_of
from PASTALib.outlines import joined
from PASTALib.region import Region

EDITOR_TAG = "PASTA"
"""Singleton tag of the node with the settings of the segment editor in PASTA's panel."""


def editor_node(scene: Any) -> Any:
    """The node with the settings of the segment editor; None before it was opened."""
    if scene is None:
        return None
    return scene.GetSingletonNode(EDITOR_TAG, "vtkMRMLSegmentEditorNode")


def editable_area(lesions: Any, finding_id: str, grid: Geometry) -> EditableArea:
    """Where the outline of a finding may change.

    Args:
        lesions: segmentation node.
        finding_id: segment that is to change; its own voxels are never masked, as in Slicer.
        grid: geometry of the CT.
    """
    node = editor_node(lesions.GetScene())
    if node is None:
        return EditableArea()
    hu = None
    if node.GetSourceVolumeIntensityMask():
        low, high = node.GetSourceVolumeIntensityMaskRange()
        hu = (float(low), float(high))
    kind = slicer.vtkMRMLSegmentationNode
    mode = node.GetMaskMode()
    if mode == kind.EditAllowedInsideSingleSegment:
        ids = [node.GetMaskSegmentID()]
    else:
        visible = mode in (
            kind.EditAllowedInsideVisibleSegments,
            kind.EditAllowedOutsideVisibleSegments,
        )
        ids = _ids(lesions, visible)
    if mode in (kind.EditAllowedOutsideAllSegments, kind.EditAllowedOutsideVisibleSegments):
        return EditableArea(hu, outside=_joined(lesions, set(ids) - {finding_id}, grid))
    if mode == kind.EditAllowedEverywhere:
        return EditableArea(hu)
    return EditableArea(hu, inside=_joined(lesions, set(ids), grid))


def _ids(lesions: Any, visible: bool) -> list[str]:
    segmentation, display = lesions.GetSegmentation(), lesions.GetDisplayNode()
    ids = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    return [i for i in ids if not visible or display is None or display.GetSegmentVisibility(i)]


def _joined(lesions: Any, ids: set[str], grid: Geometry) -> Region | None:
    regions = [region_of(lesions, segment_id, grid) for segment_id in sorted(ids)]
    found = [region for region in regions if region is not None]
    return joined(found) if found else None
