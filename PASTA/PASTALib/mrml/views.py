"""Shows one finding in the slice views: the key slice, the crosshair, its contour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from PASTALib.mrml.case import CaseNodes
from PASTALib.mrml.case_desk import segment_ids
from PASTALib.mrml.segmentations import LESION_OPACITY
from PASTALib.mrml.volumes import matrix_of, ras_of

if TYPE_CHECKING:
    from PASTALib.report import Finding, Point

FAINT = 0.25
"""Fill of the findings that are not chosen."""
NO_FILL = 0.0
"""Fill of findings that a reader has rejected, or is correcting; their outline stays."""


def key_point(finding: Finding) -> Point:
    """RAS mm of the middle of the long axis, which lies in the key slice."""
    axis = finding.size.long_axis
    x, y, z = ((a + b) / 2 for a, b in zip(axis.start, axis.end, strict=True))
    return ras_of((x, y, z))


def jump_to(scene: Any, point: Point) -> None:
    """Bring all slice views to a point in RAS mm, and the crosshair with them.

    Zoom, orientation and what is in the middle stay; a view is only centered where the point would
    otherwise lie beyond its edge.
    """
    slices = scene.GetNodesByClass("vtkMRMLSliceNode")
    for number in range(slices.GetNumberOfItems()):
        view = slices.GetItemAsObject(number)
        view.JumpSliceByOffsetting(*point)
        if not _is_seen(view, point):
            view.JumpSliceByCentering(*point)
    crosshair = scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")
    if crosshair is not None:
        crosshair.SetCrosshairMode(slicer.vtkMRMLCrosshairNode.ShowBasic)
        crosshair.SetCrosshairRAS(*point)


def _is_seen(view: Any, point: Point) -> bool:
    """Whether a point lies within the edges of a slice view."""
    pixel = np.linalg.solve(matrix_of(view.GetXYToRAS()), [*point, 1.0])
    width, height, _ = view.GetDimensions()
    return bool(0 <= pixel[0] < width and 0 <= pixel[1] < height)


def highlight(
    nodes: CaseNodes, chosen: str, rejected: frozenset[str] = frozenset(), *, seen: bool = False
) -> None:
    """Make the chosen finding's contour stand out; no finding is hidden.

    Args:
        nodes: the case.
        chosen: id of the finding.
        rejected: ids of those that a reader has rejected.
        seen: whether the CT under the chosen finding has to be seen, too.
    """
    display = nodes.lesions.GetDisplayNode()
    if display is None:
        return
    modifying = display.StartModify()
    for segment_id in segment_ids(nodes.lesions):
        fill = LESION_OPACITY / 2 if segment_id == chosen else FAINT
        if segment_id in rejected or (segment_id == chosen and seen):
            fill = NO_FILL
        display.SetSegmentOpacity2DFill(segment_id, fill)
        display.SetSegmentOpacity2DOutline(segment_id, 1.0 if segment_id == chosen else 0.5)
    display.EndModify(modifying)


def show_only(nodes: CaseNodes, shown: frozenset[str]) -> None:
    """Show these findings and no others, as the table's filter says."""
    display = nodes.lesions.GetDisplayNode()
    if display is None:
        return
    modifying = display.StartModify()
    for segment_id in segment_ids(nodes.lesions):
        display.SetSegmentVisibility(segment_id, segment_id in shown)
    display.EndModify(modifying)


def show_organs(nodes: CaseNodes, shown: bool) -> None:
    """Show or hide all organs."""
    display = nodes.organs.GetDisplayNode()
    if display is not None:
        display.SetVisibility(shown)


def show_3d(nodes: CaseNodes, shown: bool) -> None:
    """Make surfaces of the lesions, or remove them: seconds for large ones, so only when asked."""
    if shown:
        nodes.lesions.CreateClosedSurfaceRepresentation()
    else:
        nodes.lesions.RemoveClosedSurfaceRepresentation()
