"""Segmentation nodes: names, colors, terms and tags of the catalogue, and no 3D surface unasked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import SimpleITK as sitk
import slicer
import vtk

from PASTALib.catalog import catalog
from PASTALib.ct import Segmentation
from PASTALib.mrml.labelmaps import LABELMAP, oriented
from PASTALib.mrml.volumes import index_to_ras
from PASTALib.segments import LESION_LAYER, LesionInstance, Segment, list_segments

KEY_TAG = "PASTA.Key"

ORGAN_OPACITY, LESION_OPACITY = 0.25, 0.75
"""Fill in slice views: organs so faint that the CT is read through them, lesions clear."""


def add_segmentation(
    scene: Any,
    segmentation: Segmentation,
    name: str,
    *,
    volume: Any = None,
    instances: sitk.Image | None = None,
    lesions: Sequence[LesionInstance] = (),
) -> Any:
    """Add a segmentation node with a segment for every structure and lesion that occurs.

    The segments of a layer share one label map, as Slicer itself stores segments that do not
    overlap; no voxel is copied per segment and no closed surface is made.

    Args:
        scene: the scene to add to.
        segmentation: organs and lesions in one geometry.
        name: name of the node.
        volume: volume node that was segmented; the node's geometry is taken from it.
        instances: labels of single lesions; with it, there is a segment for each of `lesions`.
        lesions: the lesions in `instances`.

    Raises:
        PastaError: labels outside the catalogue, or geometries that differ.
    """
    listed = list_segments(segmentation, instances, lesions)
    return add_segments(scene, name, listed.segments, listed.layers, volume)


def add_segments(
    scene: Any,
    name: str,
    rows: Sequence[Segment],
    layers: Sequence[sitk.Image | None],
    volume: Any = None,
) -> Any:
    """Add a segmentation node with listed segments; see `add_segmentation`.

    Args:
        scene: the scene to add to.
        name: name of the node.
        rows: the segments; none makes an empty segmentation.
        layers: label images, in the CT's geometry or cut out of it; one that no row needs may be
            None.
        volume: volume node that was segmented.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetSourceRepresentationToBinaryLabelmap()
    if volume is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    fill_segments(node, rows, layers)
    return node


def fill_segments(node: Any, rows: Sequence[Segment], layers: Sequence[sitk.Image | None]) -> None:
    """Make these the segments of a node, in place of those that it has."""
    node.GetSegmentation().RemoveAllSegments()
    needed = {row.layer for row in rows}
    labelmaps = {number: _placed(layers[number]) for number in needed}
    for row in rows:
        node.GetSegmentation().AddSegment(_segment(row, labelmaps[row.layer]), row.id)
        set_opacity(node, row.id, LESION_OPACITY if row.layer == LESION_LAYER else ORGAN_OPACITY)


def add_empty_segment(node: Any, row: Segment) -> None:
    """Add a segment without voxels, for a reader to draw in."""
    node.GetSegmentation().AddSegment(_segment(row, None), row.id)
    set_opacity(node, row.id, LESION_OPACITY)


def rename_segment(node: Any, row: Segment) -> None:
    """Give a segment the name, color, term and key of another type; its voxels stay."""
    _describe(node.GetSegmentation().GetSegment(row.id), row)


def set_opacity(node: Any, segment_id: str, opacity: float) -> None:
    """Fill of a segment in slice views."""
    display = node.GetDisplayNode()
    if display is not None:
        display.SetSegmentOpacity2DFill(segment_id, opacity)


def release_voxels(node: Any) -> None:
    """Let go of the voxels of a segmentation that is going with its scene.

    Slicer takes the segments of a shared label map out of it one by one when the node is deleted:
    a pass over all voxels for each, 0.2 s for two cases of 23 million voxels and more for larger
    ones. Segments without voxels cost nothing.
    """
    segmentation = node.GetSegmentation()
    for number in range(segmentation.GetNumberOfSegments()):
        segmentation.GetNthSegment(number).RemoveRepresentation(LABELMAP)


def segment_keys(node: Any) -> dict[str, str]:
    """Catalogue key of each segment that has one, by segment id, in the node's order."""
    known = catalog().structures | catalog().lesion_types
    by_name = {item.name.casefold(): key for key, item in known.items()}
    segmentation = node.GetSegmentation()
    keys = {}
    for number in range(segmentation.GetNumberOfSegments()):
        segment_id = segmentation.GetNthSegmentID(number)
        segment = segmentation.GetSegment(segment_id)
        tag = vtk.reference("")
        named = segment.GetName().casefold()
        candidates = [segment_id, named.replace(" ", "_"), by_name.get(named, "")]
        if segment.GetTag(KEY_TAG, tag):
            candidates.insert(0, tag.get())
        key = next((candidate for candidate in candidates if candidate in known), None)
        if key is not None:
            keys[segment_id] = key
    return keys


def _segment(row: Segment, labelmap: Any) -> Any:
    segment = slicer.vtkSegment()
    _describe(segment, row)
    if labelmap is not None:
        segment.AddRepresentation(LABELMAP, labelmap)
        segment.SetLabelValue(row.label)
    return segment


def _describe(segment: Any, row: Segment) -> None:
    segment.SetName(row.name)
    segment.SetNameAutoGenerated(False)
    segment.SetColor(*(channel / 255 for channel in row.color))
    segment.SetColorAutoGenerated(False)
    for tag, value in row.tags.items():
        segment.SetTag(tag, value)


def _placed(layer: sitk.Image | None) -> Any:
    """A layer as the oriented label map of a segmentation."""
    assert layer is not None
    return oriented(sitk.GetArrayViewFromImage(layer), index_to_ras(layer))
